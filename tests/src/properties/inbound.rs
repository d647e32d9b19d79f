use super::desk::desk;
use postrider_mime::Message;
use postrider_notify::inbound::processor::Processor;
use postrider_notify::inbound::{InboundId, InboundState, NewInbound, Stored};
use postrider_notify::record::{Change, NewId, RecordKey};
use postrider_notify::schema::Numbering;
use postrider_notify::store::{SqliteStore, Store, Work};
use postrider_notify::token::{KEY_LEN, Signer};
use std::path::Path;
use std::sync::Arc;

/// When it arrives.
const NOW: &str = "2026-11-23T12:00:00Z";

/// The input is a mail that somebody sent to the desk.
///
/// * It is stored as it is, once, and ends in exactly one state, with the rule that decided or the reason.
/// * A stranger without our token never reaches the record that was there before, whatever number the mail names.
/// * Processing again finds nothing left to do.
pub fn inbound(input: &[u8]) {
    thread_local! {
        static DESK: Desk = Desk::open();
    }
    DESK.with(|desk| desk.receives(input));
}

/// A desk with one record. Every mail finds it as it was: to make the tables anew would take most of the time.
struct Desk {
    store: Arc<SqliteStore>,
    processor: Processor,
}

impl Desk {
    fn open() -> Self {
        let store = SqliteStore::rehearse(Path::new("no-such-folder/postrider.db"));
        let store = Arc::new(store.expect("a store"));
        let signer = Signer::new(&[7; KEY_LEN]).expect("a key");
        let processor = Processor::new(
            Arc::new(desk()),
            Arc::clone(&store) as Arc<dyn Store>,
            signer,
        );
        Self { store, processor }
    }

    fn receives(&self, input: &[u8]) {
        self.store.rehearse_again().expect("the store holds");
        let record = self.has_a_record();
        let before = self.store.record(&record).expect("the store holds");
        let id = self.stores_once(input);
        self.processes_once();
        let rows = self.store.inbound_log(10).expect("the store holds");
        let [row] = &rows[..] else {
            panic!("{} rows of one mail", rows.len());
        };
        assert_ne!(row.outcome.state, InboundState::Ready);
        let why = !row.outcome.reason.is_empty() || row.outcome.action.is_some();
        assert!(why, "{row:?}");
        let kept = self.store.inbound(id).expect("the store holds");
        assert_eq!(kept.expect("the mail").what.raw, input);
        let after = self.store.record(&record).expect("the store holds");
        assert_eq!(after, before, "{row:?}");
        let said = self.store.journal(&record).expect("the store holds");
        assert!(said.is_empty(), "{said:?} {row:?}");
    }

    fn has_a_record(&self) -> RecordKey {
        let incident = Change::Insert {
            table: "incident".into(),
            id: NewId::Numbered(Numbering {
                prefix: "INC".into(),
                digits: 7,
            }),
            fields: [("short_description".to_owned(), "It burns.".into())]
                .into_iter()
                .collect(),
            journal: Vec::new(),
            actor: "ada".into(),
        };
        let work = Work {
            changes: vec![incident],
            ..Work::default()
        };
        let mut committed = self.store.commit(&work).expect("the store holds");
        committed.records.pop().expect("a record")
    }

    fn stores_once(&self, input: &[u8]) -> InboundId {
        let mail = NewInbound {
            apart: false,
            account: "support".into(),
            uidl: Some("1".into()),
            raw: input.to_vec(),
            sha256: "0".repeat(64),
            message_id: Message::parse(input).message_id().map(String::from),
        };
        let now = NOW.parse().expect("a moment");
        let stored = self.store.store_inbound(now, &[mail.clone(), mail]);
        let stored = stored.expect("a mail is stored, whatever it is");
        let [Stored::New(id), Stored::Duplicate(again)] = stored[..] else {
            panic!("{stored:?}");
        };
        assert_eq!(id, again);
        id
    }

    fn processes_once(&self) {
        let now = NOW.parse().expect("a moment");
        let done = self.processor.run_once(now).expect("the store holds");
        assert_eq!(done.len(), 1);
        let again = self.processor.run_once(now).expect("the store holds");
        assert!(again.is_empty(), "{again:?}");
    }
}
