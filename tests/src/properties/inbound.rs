use super::desk::desk;
use postrider_mime::Message;
use postrider_notify::config::Config;
use postrider_notify::inbound::processor::Processor;
use postrider_notify::inbound::{InboundState, NewInbound, Stored};
use postrider_notify::store::{SqliteStore, Store};
use postrider_notify::token::{KEY_LEN, Signer};
use std::sync::{Arc, LazyLock};

/// The input is a mail that somebody sent to the desk.
///
/// * It is stored as it is, once, and ends in exactly one state, with the rule that decided or the reason.
/// * Mail from a stranger without our token never reaches a record that was there before.
/// * Processing again finds nothing left to do.
pub fn inbound(input: &[u8]) {
    static DESK: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(desk()));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_in_memory().expect("a store"));
    let mail = NewInbound {
        account: "support".into(),
        uidl: Some("1".into()),
        raw: input.to_vec(),
        sha256: "0".repeat(64),
        message_id: Message::parse(input).message_id().map(String::from),
    };
    let now = "2026-11-23T12:00:00Z".parse().expect("a moment");
    let stored = store.store_inbound(now, &[mail.clone(), mail]);
    let stored = stored.expect("a mail is stored, whatever it is");
    let [Stored::New(id), Stored::Duplicate(again)] = stored[..] else {
        panic!("{stored:?}");
    };
    assert_eq!(id, again);
    let signer = Signer::new(&[7; KEY_LEN]).expect("a key");
    let processor = Processor::new(Arc::clone(&DESK), Arc::clone(&store), signer);
    let done = processor.run_once(now).expect("the store holds");
    assert_eq!(done.len(), 1);
    assert!(processor.run_once(now).expect("the store holds").is_empty());
    let rows = store.inbound_log(10).expect("the store holds");
    let [row] = &rows[..] else {
        panic!("{} rows of one mail", rows.len());
    };
    assert_ne!(row.outcome.state, InboundState::Ready);
    assert!(
        !row.outcome.reason.is_empty() || row.outcome.action.is_some(),
        "{row:?}"
    );
    let kept = store
        .inbound(id)
        .expect("the store holds")
        .expect("the mail");
    assert_eq!(kept.what.raw, input);
}
