mod digest;
mod files;
mod locales;
mod message;
mod people;
mod preview;
mod weights;
mod wishes;

use super::*;
use crate::config::{ExampleParts, example};
use crate::event::NewEvent;
use crate::record::{Change, Fields, NewId, RecordKey};
use crate::schema::Numbering;
use crate::store::{SqliteStore, Work};
use crate::token::ReplyToken;
use postrider_mime::Message;
use serde_json::Value;

/// The example's house: its configuration, and a store with its people.
struct House {
    store: Arc<dyn Store>,
    config: Arc<Config>,
    signer: Signer,
}

const NOW: &str = "2026-11-23T12:00:00Z";

impl House {
    fn new() -> Self {
        Self::with(|config| config)
    }

    /// With a configuration that is a little different.
    fn with(change: impl Fn(String) -> String) -> Self {
        Self::with_templates(&[], change)
    }

    /// With more templates as well: file name and text.
    fn with_templates(more: &[(&str, &str)], change: impl Fn(String) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("templates")).unwrap();
        for (name, text) in more {
            std::fs::write(dir.path().join("templates").join(name), text).unwrap();
        }
        for (path, text) in example(&ExampleParts::default()) {
            let is_config = path.ends_with("postrider.toml");
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, if is_config { change(text) } else { text }).unwrap();
        }
        let config = Arc::new(Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}")));
        // What is queued at one time and sent at another would expire in between.
        let clock = || NOW.parse().unwrap();
        let store = SqliteStore::open_in_memory().unwrap().with_clock(clock);
        let store: Arc<dyn Store> = Arc::new(store);
        for seed in &config.records {
            let change = Change::Insert {
                table: seed.table.clone(),
                id: NewId::Given(seed.id.clone()),
                fields: seed.fields.clone(),
                journal: Vec::new(),
                actor: String::new(),
            };
            store
                .commit(&Work {
                    changes: vec![change],
                    ..Work::default()
                })
                .unwrap();
        }
        let signer = Signer::new(&[7; 32]).unwrap();
        let house = Self {
            store,
            config,
            signer,
        };
        house.settle_all();
        house
    }

    /// Changes a field of a record that is there.
    fn set(&self, table: &str, id: &str, fields: Value) {
        self.update(table, id, fields, &[], "");
        self.settle_all();
    }

    fn update(&self, table: &str, id: &str, values: Value, journal: &[(&str, &str)], actor: &str) {
        let journal = journal
            .iter()
            .map(|(field, text)| ((*field).to_owned(), (*text).to_owned()))
            .collect();
        let key = RecordKey::new(table, id);
        let change = Change::Update {
            key,
            fields: fields(values),
            journal,
            actor: actor.into(),
        };
        self.store
            .commit(&Work {
                changes: vec![change],
                ..Work::default()
            })
            .unwrap();
    }

    fn incident(&self, values: Value, actor: &str) -> RecordKey {
        let change = Change::Insert {
            table: "incident".into(),
            id: NewId::Numbered(Numbering {
                prefix: "INC".into(),
                digits: 7,
            }),
            fields: fields(values),
            journal: Vec::new(),
            actor: actor.into(),
        };
        let done = self
            .store
            .commit(&Work {
                changes: vec![change],
                ..Work::default()
            })
            .unwrap();
        done.records[0].clone()
    }

    fn fire(&self, name: &str, record: Option<RecordKey>, parm1: &str) {
        let event = NewEvent {
            name: name.into(),
            kind: EventKind::Fired,
            record,
            parm1: parm1.into(),
            parm2: String::new(),
            actor: String::new(),
            current: Fields::new(),
            previous: Fields::new(),
            idempotency_key: None,
            due: None,
        };
        self.store
            .commit(&Work {
                events: vec![event],
                ..Work::default()
            })
            .unwrap();
    }

    /// Settles what waits, and writes it.
    fn settle_all(&self) -> Vec<Settlement> {
        let processor =
            Processor::new(self.config.clone(), self.store.clone(), self.signer.clone());
        let due = self.store.due_events(Timestamp::MAX, 100).unwrap();
        let now = NOW.parse().unwrap();
        let settled: Vec<_> = due
            .iter()
            .map(|event| processor.settle(event, now).unwrap())
            .collect();
        for (event, settlement) in due.iter().zip(&settled) {
            if !processor.hears(event) {
                let without = processor.settle(&without_fields(event), now).unwrap();
                assert_eq!(&without, settlement, "{}", event.what.name);
            }
        }
        self.store.settle(&settled).unwrap();
        settled
    }

    /// Settles the only event that waits.
    fn settle(&self) -> Settlement {
        let mut settled = self.settle_all();
        assert_eq!(settled.len(), 1);
        settled.remove(0)
    }
}

/// As the store gives an event that nobody hears.
fn without_fields(event: &Event) -> Event {
    let mut event = event.clone();
    event.what.current.clear();
    event.what.previous.clear();
    event
}

fn fields(value: Value) -> Fields {
    match value {
        Value::Object(map) => map,
        _ => Fields::new(),
    }
}

/// The verdict of each notification that looked.
fn verdicts(settlement: &Settlement) -> Vec<(&str, &str)> {
    settlement
        .matches
        .iter()
        .map(|m| (m.notification.as_str(), m.verdict.name()))
        .collect()
}

/// The verdict on each person, of one notification.
fn people<'s>(settlement: &'s Settlement, notification: &str) -> Vec<(&'s str, &'s str, &'s str)> {
    let found = settlement
        .matches
        .iter()
        .find(|m| m.notification == notification)
        .unwrap();
    found
        .recipients
        .iter()
        .map(|r| (r.address.as_str(), r.via.as_str(), r.verdict))
        .collect()
}

fn mails(settlement: &Settlement) -> Vec<&OutgoingMail> {
    settlement.matches.iter().flat_map(|m| &m.mails).collect()
}

#[test]
fn an_event_is_heard_if_a_notification_is_asked_about_it() {
    let house = House::new();
    let key = house.incident(json!({"short_description": "Tea"}), "");
    house.update("user", "ada", json!({"name": "Ada"}), &[], "");
    house.fire("nobody.knows.it", Some(key), "");
    let processor = Processor::new(
        house.config.clone(),
        house.store.clone(),
        house.signer.clone(),
    );
    let due = house.store.due_events(Timestamp::MAX, 9).unwrap();
    let heard = due
        .iter()
        .map(|event| (event.what.name.as_str(), processor.hears(event)));
    assert_eq!(
        heard.collect::<Vec<_>>(),
        [
            ("incident.inserted", true),
            ("user.updated", false),
            ("nobody.knows.it", false)
        ]
    );
    house.settle_all();
}

#[test]
fn an_assignment_is_told_to_whoever_it_is_assigned_to() {
    let house = House::new();
    let key = house.incident(json!({"short_description": "Printer on fire", "assigned_to": "ada", "priority": 1, "caller": "grace"}), "grace");
    let settlement = house.settle();
    assert_eq!(
        verdicts(&settlement),
        [
            ("incident_assigned", "matched"),
            ("incident_received", "condition_false")
        ]
    );
    assert_eq!(
        settlement.matches[0].detail,
        "assigned_to is \"ada\", was empty"
    );
    assert_eq!(
        settlement.matches[1].detail,
        "`contact_type=email` is false: contact_type is empty"
    );
    assert_eq!(
        people(&settlement, "incident_assigned"),
        [("ada@example.org", "field assigned_to", "queued")]
    );

    let mail = mails(&settlement)[0];
    assert_eq!(
        (
            mail.sender.as_str(),
            mail.recipient.as_str(),
            mail.account.as_str()
        ),
        ("support@example.org", "ada@example.org", "main")
    );
    assert_eq!(
        mail.subject,
        format!("{} is yours: Printer on fire", key.id)
    );
    assert_eq!(mail.expires.to_string(), "2026-11-28T12:00:00Z");
    assert_eq!(mail.record, Some(key.clone()));
}

#[test]
fn the_sender_of_a_new_mail_gets_an_acknowledgement_although_they_caused_it() {
    let house = House::new();
    house.incident(json!({"short_description": "Help", "contact_type": "email", "caller_email": "eve@example.net"}), "eve@example.net");
    let settlement = house.settle();
    assert_eq!(
        verdicts(&settlement),
        [
            ("incident_assigned", "condition_false"),
            ("incident_received", "matched")
        ]
    );
    assert_eq!(
        people(&settlement, "incident_received"),
        [
            ("", "field caller", "no_address"),
            ("eve@example.net", "field caller_email", "queued")
        ]
    );
    let text = Message::parse(&mails(&settlement)[0].raw)
        .body_text()
        .unwrap();
    assert!(
        text.starts_with("Hello eve@example.net,\n\nwe have your message"),
        "{text}"
    );
}

#[test]
fn of_two_weights_the_heavier_goes_out() {
    let weights = |first: &str, second: &str| {
        House::with(|config| {
            let config = config.replace(
                "template = \"incident_assigned\"",
                &format!("template = \"incident_assigned\"\n{first}"),
            );
            let copy = format!(
                "\n[notification.also]\ntable = \"incident\"\nwhen = \"inserted\"\nfields = [\"assigned_to\"]\nsubject = \"${{number}} is yours: ${{short_description}}\"\ntemplate = \"incident_assigned\"\n{second}\n"
            );
            config + &copy
        })
    };
    let cases = [
        ("weight = 10", "weight = 20", ["weight_lost", "matched"]),
        ("weight = 20", "weight = 10", ["matched", "weight_lost"]),
        ("weight = 10", "", ["matched", "matched"]),
        ("", "", ["matched", "matched"]),
        ("weight = 10", "weight = 10", ["matched", "weight_lost"]),
    ];
    for (first, second, expected) in cases {
        let house = weights(first, second);
        house.incident(json!({"assigned_to": "ada"}), "");
        let settlement = house.settle();
        let found: Vec<_> = verdicts(&settlement)
            .into_iter()
            .filter(|(name, _)| *name != "incident_received")
            .map(|(_, verdict)| verdict)
            .collect();
        assert_eq!(found, expected, "{first} {second}");
    }
    let house = weights("weight = 10", "weight = 20");
    house.incident(json!({"assigned_to": "ada"}), "");
    let settlement = house.settle();
    assert_eq!(
        settlement.matches[0].recipients[0].detail,
        "`also` has weight 20, this one 10"
    );
}

#[test]
fn an_inactive_notification_still_shows() {
    let house = House::with(|config| {
        config.replace(
            "[notification.incident_assigned]",
            "[notification.incident_assigned]\nactive = false",
        )
    });
    house.incident(json!({"assigned_to": "ada"}), "");
    assert_eq!(
        verdicts(&house.settle())[0],
        ("incident_assigned", "inactive")
    );
}

#[test]
fn an_expression_is_a_condition_too() {
    let from = "condition = \"assigned_toISNOTEMPTY^assigned_toCHANGES\"";
    let house = House::with(|config| {
        config.replace(
            from,
            "expression = \"priority <= 2 and changed('assigned_to')\"",
        )
    });
    house.incident(json!({"assigned_to": "ada", "priority": 1}), "");
    assert_eq!(
        verdicts(&house.settle())[0],
        ("incident_assigned", "matched")
    );
    house.incident(json!({"assigned_to": "ada"}), "");
    let settlement = house.settle();
    assert_eq!(
        verdicts(&settlement)[0],
        ("incident_assigned", "condition_false")
    );
    assert!(
        settlement.matches[0].detail.contains("priority is empty"),
        "{}",
        settlement.matches[0].detail
    );
}

#[test]
fn a_template_that_fails_is_reported_with_its_place() {
    let house = House::with(|config| {
        config.replace(
            "subject = \"${number} is yours: ${short_description}\"",
            "subject = \"${short_description|int}\"",
        )
    });
    house.incident(json!({"assigned_to": "ada", "short_description": "x"}), "");
    let settlement = house.settle();
    assert_eq!(
        verdicts(&settlement)[0],
        ("incident_assigned", "render_error")
    );
    assert!(
        settlement.matches[0].detail.contains("postrider.toml:"),
        "{}",
        settlement.matches[0].detail
    );
    assert_eq!(
        people(&settlement, "incident_assigned")[0].2,
        "render_error"
    );
}

#[test]
fn an_event_that_nobody_registered_is_an_error() {
    let house = House::new();
    house.fire("incident.exploded", None, "");
    let settlement = house.settle();
    assert_eq!(
        settlement.error.as_deref(),
        Some("there is no [event.\"incident.exploded\"] in the configuration")
    );
}

#[test]
fn what_is_stored_is_explained() {
    let house = House::new();
    let key = house.incident(
        json!({"assigned_to": "ada", "contact_type": "email", "caller_email": "x"}),
        "grace",
    );
    let settlement = house.settle();
    let explanation = house.store.explain(settlement.event).unwrap().unwrap();
    let text = crate::explain::text(&explanation);
    let id = &mails(&settlement)[0].message_id;
    assert!(
        text.starts_with(&format!(
            "event {}  incident.inserted  {key}  by grace  ",
            settlement.event
        )),
        "{text}"
    );
    for line in [
        "  incident_assigned: matched (assigned_to is \"ada\", was empty)".to_owned(),
        format!("    ada@example.org  field assigned_to  queued  {id}  ready"),
        "  incident_received: no_recipients (contact_type is \"email\")".to_owned(),
        "    x  field caller_email  invalid_address  not exactly one address".to_owned(),
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n---\n{text}");
    }
    let json = crate::explain::json(&explanation);
    assert_eq!(
        json["notifications"][0]["recipients"][0]["message_id"],
        **id
    );
    assert_eq!(json["notifications"][1]["verdict"], "no_recipients");
}

#[test]
fn an_event_about_a_record_needs_one_of_its_table() {
    let house = House::new();
    house.fire("incident.escalated", None, "");
    let expected =
        "`incident.escalated` is about a record of `incident`, and this one is about no record";
    assert_eq!(house.settle().error.as_deref(), Some(expected));
    house.fire(
        "incident.escalated",
        Some(RecordKey::new("user", "ada")),
        "",
    );
    assert!(
        house
            .settle()
            .error
            .unwrap()
            .ends_with("this one is about a record of `user`")
    );
}

/// A directory that always fails in the same way.
struct Failing(fn() -> StoreError);

impl Directory for Failing {
    fn record(&self, _: &RecordKey) -> Result<Option<Fields>, StoreError> {
        Err((self.0)())
    }
    fn members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Err((self.0)())
    }
    fn user_by_address(&self, _: &str) -> Result<Option<String>, StoreError> {
        Err((self.0)())
    }
    fn journal(&self, _: &RecordKey) -> Result<Vec<crate::record::JournalEntry>, StoreError> {
        Err((self.0)())
    }
}

#[test]
fn what_may_pass_is_tried_again_and_what_stays_broken_is_settled() {
    let house = House::new();
    house.incident(json!({"assigned_to": "ada"}), "");
    let event = house.store.due_events(Timestamp::MAX, 1).unwrap().remove(0);
    let settle = |fault: fn() -> StoreError| {
        let directory = Arc::new(Failing(fault));
        Processor::with_directory(house.config.clone(), directory, house.signer.clone())
            .settle(&event, NOW.parse().unwrap())
    };
    let spoilt = settle(|| StoreError::Corrupt("a spoilt row".into())).unwrap();
    assert!(spoilt.matches.is_empty());
    let why = spoilt.error.unwrap();
    assert!(why.ends_with("a spoilt row"), "{why}");
    let busy = settle(|| StoreError::Locked("desk.db".into()));
    assert!(matches!(busy, Err(StoreError::Locked(_))), "{busy:?}");
}
