//! What they are told.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn the_message_has_what_a_notification_needs() {
    let house = House::new();
    let key = house.incident(json!({"short_description": "Über-<b>Printer</b>", "assigned_to": "ada", "description": "a\nb"}), "grace");
    let settlement = house.settle();
    let mail = mails(&settlement)[0];
    let message = Message::parse(&mail.raw);
    let header = |name: &str| message.header(name).map(|field| field.text().into_owned());
    assert_eq!(message.defects(), []);
    assert_eq!(
        message.subject().unwrap(),
        format!("{} is yours: Über-<b>Printer</b>", key.id)
    );
    assert_eq!(
        header("From").unwrap(),
        "Example help desk <support@example.org>"
    );
    assert_eq!(header("To").unwrap(), "Ada Lovelace <ada@example.org>");
    assert_eq!(header("Auto-Submitted").unwrap(), "auto-generated");
    assert_eq!(header("X-Auto-Response-Suppress").unwrap(), "All");
    assert_eq!(header("X-Loop").unwrap(), "support@example.org");
    assert_eq!(header("Precedence"), None);
    assert_eq!(message.message_id().unwrap(), mail.message_id);
    assert_eq!(message.date().unwrap().to_rfc3339(), "2026-11-23T12:00:00Z");
    let root = format!("record.incident.{}@example.org", key.id);
    assert_eq!(message.references().collect::<Vec<_>>(), [root.as_str()]);
    assert_eq!(message.in_reply_to().collect::<Vec<_>>(), [root.as_str()]);

    let reply_to = message.reply_to();
    let token = ReplyToken::from_address(reply_to.first_address().unwrap()).unwrap();
    assert_eq!(token.record(), &key);
    assert!(house.signer.verify(&token, "ada@example.org"));

    let text = message.body_text().unwrap();
    assert!(text.starts_with(&format!("Hello Ada Lovelace,\n\n{} is assigned to Ada Lovelace.\n\nÜber-<b>Printer</b>\n\na\nb\n", key.id)), "{text}");
    assert!(text.ends_with(&format!("\n\nRef: {}\n", key.id)), "{text}");
    assert!(
        text.contains(&format!("https://desk.example.org/incident/{}", key.id)),
        "{text}"
    );
    let html = message.body_html().unwrap();
    assert!(html.contains("Über-&lt;b&gt;Printer&lt;/b&gt;"), "{html}");
    assert!(!html.contains("<b>Printer"), "{html}");
}

#[test]
fn the_same_event_settled_twice_gives_the_same_mail() {
    let house = House::new();
    house.incident(json!({"assigned_to": "ada"}), "");
    let event = house.store.due_events(Timestamp::MAX, 1).unwrap().remove(0);
    let processor = Processor::new(
        house.config.clone(),
        house.store.clone(),
        house.signer.clone(),
    );
    let settle = || processor.settle(&event, NOW.parse().unwrap()).unwrap();
    assert_eq!(settle(), settle());
}

#[test]
fn line_ends_in_a_record_begin_no_header() {
    let house = House::new();
    house.set(
        "user",
        "ada",
        json!({"name": "Ada\r\nBcc: mallory@example.net"}),
    );
    house.incident(json!({"short_description": "x\r\nBcc: mallory@example.net\r\n\r\nbody", "assigned_to": "ada"}), "");
    let settlement = house.settle();
    let mail = mails(&settlement)[0];
    let message = Message::parse(&mail.raw);
    assert!(message.header("Bcc").is_none());
    assert!(
        message
            .subject()
            .unwrap()
            .ends_with("is yours: x Bcc: mallory@example.net body")
    );
    let to = message.to();
    assert_eq!(to.mailboxes().count(), 1);
    assert_eq!(to.first_address(), Some("ada@example.org"));
    let head = mail.raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    assert!(
        !mail.raw[..head]
            .windows(6)
            .any(|w| w.eq_ignore_ascii_case(b"\r\nbcc:"))
    );
}

#[test]
fn text_of_a_record_is_not_expanded_in_any_part() {
    let house = House::new();
    let evil = "${recipient.address} ${instance.url} {% raw %}";
    house.incident(
        json!({"short_description": evil, "description": evil, "assigned_to": "ada"}),
        "",
    );
    let settlement = house.settle();
    let message = Message::parse(&mails(&settlement)[0].raw);
    assert!(message.subject().unwrap().ends_with(evil));
    assert_eq!(message.body_text().unwrap().matches(evil).count(), 2);
    assert_eq!(message.body_html().unwrap().matches(evil).count(), 2);
}

#[test]
fn html_alone_is_turned_into_text_as_well() {
    let house = House::with(|config| {
        config.replace(
            "template = \"incident_escalated\"",
            "html = \"<p>A &amp; ${short_description}</p>\"",
        )
    });
    let key = house.incident(json!({"short_description": "<i>"}), "");
    house.settle();
    house.fire("incident.escalated", Some(key.clone()), "");
    let settlement = house.settle();
    let message = Message::parse(&mails(&settlement)[0].raw);
    assert_eq!(
        message.body_html().unwrap().trim_end(),
        "<p>A &amp; &lt;i&gt;</p>"
    );
    assert_eq!(
        message.body_text().unwrap(),
        format!("A & <i>\n\nRef: {}\n", key.id)
    );
}

#[test]
fn a_notification_may_have_its_own_from_reply_to_and_content_type() {
    let mail = |keys: &str| {
        let house = House::with(|config| {
            let template = "template = \"incident_assigned\"";
            config.replace(template, &format!("{template}\n{keys}"))
        });
        house.incident(json!({"assigned_to": "ada"}), "");
        let settlement = house.settle();
        mails(&settlement)[0].clone()
    };
    let own = "from = \"Change board <board@example.org>\"\nreply_to = \"board@example.net\"";
    let sent = mail(own);
    let message = Message::parse(&sent.raw);
    let from = message.header("From").unwrap().text().into_owned();
    assert_eq!(from, "Change board <board@example.org>");
    assert_eq!(
        message.reply_to().first_address(),
        Some("board@example.net")
    );
    assert_eq!(
        sent.sender, "support@example.org",
        "bounces come back to us"
    );
    let parts = |keys: &str| {
        let sent = mail(keys);
        let message = Message::parse(&sent.raw);
        let types = message
            .parts()
            .map(|part| part.content_type().essence().to_owned());
        types.collect::<Vec<_>>()
    };
    assert_eq!(parts("content_type = \"text\""), ["text/plain"]);
    assert_eq!(parts("content_type = \"html\""), ["text/html"]);
    let both = ["multipart/alternative", "text/plain", "text/html"];
    assert_eq!(parts("content_type = \"both\""), both);
    assert_eq!(parts(""), both);
}

#[test]
fn we_never_write_to_the_from_of_a_notification() {
    let house = House::with(|config| {
        let template = "template = \"incident_assigned\"";
        config.replace(
            template,
            &format!("{template}\nfrom = \"board@example.org\""),
        )
    });
    house.set("user", "ada", json!({"email": "Board@example.org"}));
    house.incident(json!({"assigned_to": "ada"}), "");
    let settlement = house.settle();
    assert_eq!(people(&settlement, "incident_assigned")[0].2, "own_address");
}

#[test]
fn addresses_beyond_ascii_are_written_as_they_are() {
    let house = House::with(|config| {
        config.replace(
            "from = \"Example help desk <support@example.org>\"",
            "from = \"hilfe@bücher.example\"",
        )
    });
    house.incident(
        json!({"contact_type": "email", "caller_email": "büro@bücher.example"}),
        "",
    );
    let settlement = house.settle();
    let message = Message::parse(&mails(&settlement)[0].raw);
    assert_eq!(message.to().first_address(), Some("büro@bücher.example"));
    assert_eq!(message.from().first_address(), Some("hilfe@bücher.example"));
    assert_eq!(message.defects(), []);
}

#[test]
fn a_long_subject_is_cut_and_a_reply_token_without_room_left_out() {
    let house = House::new();
    house.incident(
        json!({"assigned_to": "ada", "short_description": "ü".repeat(10_000)}),
        "",
    );
    let settlement = house.settle();
    assert_eq!(mails(&settlement)[0].subject.chars().count(), 251);

    let house = House::with(|config| {
        config.replace(
            "reply_to = \"support@",
            &format!("reply_to = \"{}@", "s".repeat(40)),
        )
    });
    house.incident(json!({"assigned_to": "ada"}), "");
    let settlement = house.settle();
    let message = Message::parse(&mails(&settlement)[0].raw);
    assert_eq!(
        message.reply_to().first_address(),
        Some(format!("{}@example.org", "s".repeat(40)).as_str())
    );
}

/// The header fields that a notification may have.
const FIELDS: [&str; 17] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-Loop",
    "List-Id",
    "List-Unsubscribe",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];

/// Any JSON, so also what the schema does not promise.
fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[\r\n\t <>&\"'${}%@,.a-c\u{0}]{0,20}".prop_map(Value::from),
        Just(json!("ada")),
        Just(json!("eve@example.net")),
        Just(json!(["ada", 1, null])),
        Just(json!({"a": []})),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_settled_and_every_mail_reads_back(
        values in proptest::collection::vec(any_value(), 22),
        inserted in proptest::prelude::any::<bool>(),
    ) {
        use std::sync::LazyLock;
        static HOUSE: LazyLock<House> = LazyLock::new(House::new);
        let names = || HOUSE.config.schema.tables["incident"].fields.keys().cloned();
        let (a, b) = values.split_at(11);
        let event = Event {
            id: 1,
            created: Timestamp::UNIX_EPOCH,
            unanswered: false,
            what: NewEvent {
                name: "incident.changed".into(),
                kind: if inserted { EventKind::Inserted } else { EventKind::Updated },
                record: Some(RecordKey::new("incident", "INC\r\n1")),
                parm1: String::new(),
                parm2: String::new(),
                actor: "grace".into(),
                current: names().zip(a.iter().cloned()).collect(),
                previous: names().zip(b.iter().cloned()).collect(),
                idempotency_key: None,
                due: None,
            },
        };
        let processor = Processor::new(HOUSE.config.clone(), HOUSE.store.clone(), HOUSE.signer.clone());
        let settlement = processor.settle(&event, Timestamp::UNIX_EPOCH).unwrap();
        proptest::prop_assert_eq!(&settlement.error, &None);
        for found in &settlement.matches {
            proptest::prop_assert!(found.verdict != MatchVerdict::RenderError, "{}", found.detail);
        }
        for mail in mails(&settlement) {
            let message = Message::parse(&mail.raw);
            proptest::prop_assert_eq!(message.defects(), []);
            let mut names: Vec<_> = message.headers().map(|field| field.name().to_string()).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            proptest::prop_assert_eq!(names.len(), count, "each field once");
            proptest::prop_assert!(names.iter().all(|name| FIELDS.contains(&name.as_str())), "{:?}", names);
            let to = message.to();
            proptest::prop_assert_eq!(to.first_address(), Some(mail.recipient.as_str()));
        }
    }
}

/// The store, which counts how often a journal is looked up.
struct Counting {
    stored: Stored,
    journals: AtomicUsize,
}

impl Directory for Counting {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        self.stored.record(key)
    }
    fn members(&self, group: &str) -> Result<Vec<String>, StoreError> {
        self.stored.members(group)
    }
    fn user_by_address(&self, address: &str) -> Result<Option<String>, StoreError> {
        self.stored.user_by_address(address)
    }
    fn journal(&self, key: &RecordKey) -> Result<Vec<crate::record::JournalEntry>, StoreError> {
        self.journals.fetch_add(1, Ordering::Relaxed);
        self.stored.journal(key)
    }
}

#[test]
fn a_journal_is_looked_up_once_for_all_recipients_of_an_event() {
    let house = House::with(|config| {
        let told = "html = \"<p>${comments:3}</p>\"\ntext = \"${comments:3}, last: ${comments:1}\"";
        config.replace("template = \"incident_commented\"", told)
    });
    let key = house.incident(json!({"watch_list": ["ada", "grace"]}), "");
    house.settle();
    for text in ["One lump", "Two lumps"] {
        house.update("incident", &key.id, json!({}), &[("comments", text)], "");
    }
    let event = house.store.due_events(Timestamp::MAX, 9).unwrap().remove(1);
    let directory = Arc::new(Counting {
        stored: Stored(house.store.clone()),
        journals: AtomicUsize::new(0),
    });
    let processor = Processor::with_directory(
        house.config.clone(),
        directory.clone(),
        house.signer.clone(),
    );
    let settlement = processor.settle(&event, NOW.parse().unwrap()).unwrap();
    let told = mails(&settlement);
    assert_eq!(told.len(), 2);
    for mail in told {
        let text = Message::parse(&mail.raw).body_text().unwrap();
        let (all, last) = text.split_once(", last: ").unwrap();
        let has = |part: &str| ["One", "Two"].map(|lump| part.contains(lump));
        assert_eq!((has(all), has(last)), ([true; 2], [false, true]), "{text}");
    }
    assert_eq!(directory.journals.load(Ordering::Relaxed), 1);
}
