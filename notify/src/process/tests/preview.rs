//! Previews: what would be said, to whom, and why; nothing is written.

use super::*;
use crate::condition::Truth;
use crate::event::Event;

impl House {
    fn processor(&self) -> Processor {
        Processor::new(self.config.clone(), self.store.clone(), self.signer.clone())
    }

    fn preview(&self, notification: &str, event: &Event) -> Preview {
        let now = NOW.parse().unwrap();
        self.processor().preview(notification, event, now).unwrap()
    }

    /// An event that never was, with a number.
    fn supposed(&self, notification: &str, what: Supposed) -> Event {
        Event {
            id: 77,
            created: NOW.parse().unwrap(),
            unanswered: false,
            what: self.processor().suppose(notification, what).unwrap(),
        }
    }

    fn about(&self, key: &RecordKey) -> Supposed {
        Supposed {
            record: self.store.record(key).unwrap(),
            ..Supposed::default()
        }
    }

    fn refused(&self, notification: &str, event: &Event) -> String {
        let now = NOW.parse().unwrap();
        let preview = self.processor().preview(notification, event, now);
        preview.unwrap_err().to_string()
    }
}

#[test]
fn previewed_mails_are_those_that_are_queued_octet_by_octet() {
    let house = House::new();
    house.incident(
        json!({"short_description": "Fire", "assigned_to": "ada"}),
        "grace",
    );
    let event = house.store.due_events(Timestamp::MAX, 1).unwrap().remove(0);
    let preview = house.preview("incident_assigned", &event);
    let previewed: Vec<&OutgoingMail> = preview.drafts.iter().filter_map(Draft::mail).collect();
    let settled = house.settle();
    assert_eq!(previewed.len(), 1);
    assert_eq!(previewed, mails(&settled));
    assert_eq!(preview.verdict, MatchVerdict::Matched);
    assert_eq!(preview.recipients, settled.matches[0].recipients);
}

#[test]
fn each_term_says_what_it_saw_and_the_mail_is_shown_where_the_condition_is_false() {
    let house = House::new();
    let key = house.incident(
        json!({"short_description": "Fire", "assigned_to": "ada"}),
        "",
    );
    let same = Supposed {
        name: "incident.updated".into(),
        ..house.about(&key)
    };
    let event = house.supposed("incident_assigned", same);
    let preview = house.preview("incident_assigned", &event);
    let said: Vec<(&str, Truth, &str)> = preview
        .terms
        .iter()
        .map(|said| (said.term.as_str(), said.truth, said.saw.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "assigned_toISNOTEMPTY",
                Truth::True,
                "assigned_to is \"ada\""
            ),
            (
                "assigned_toCHANGES",
                Truth::False,
                "assigned_to is \"ada\", was \"ada\""
            ),
        ]
    );
    assert_eq!(preview.verdict, MatchVerdict::ConditionFalse);
    assert_eq!(
        preview.drafts[0].content.subject,
        "INC0010001 is yours: Fire"
    );
    assert_eq!(preview.recipients[0].address, "ada@example.org");

    let was = Supposed {
        was: fields(json!({"assigned_to": ""})),
        ..house.about(&key)
    };
    let event = house.supposed("incident_assigned", was);
    assert_eq!(event.what.kind, EventKind::Updated);
    assert_eq!(
        house.preview("incident_assigned", &event).verdict,
        MatchVerdict::Matched
    );
}

#[test]
fn what_is_supposed_is_typed_and_may_be_a_journal_entry() {
    let house = House::new();
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    let set = Supposed {
        set: fields(json!({"comments": "It is back", "priority": "2"})),
        actor: "grace".into(),
        ..house.about(&key)
    };
    let event = house.supposed("incident_commented", set.clone());
    assert_eq!(event.what.current["priority"], 2);
    let preview = house.preview("incident_commented", &event);
    assert!(
        preview.drafts[0].content.text.contains("It is back"),
        "{preview:?}"
    );
    let wrong = Supposed {
        set: fields(json!({"priority": "high"})),
        ..set
    };
    let error = house
        .processor()
        .suppose("incident_commented", wrong)
        .unwrap_err();
    assert!(
        error.to_string().starts_with("incident.priority"),
        "{error}"
    );
}

#[test]
fn a_preview_of_nothing_says_so() {
    let house = House::new();
    let key = house.incident(json!({}), "");
    let event = house.supposed("incident_received", house.about(&key));
    assert_eq!(
        house.refused("incident_recieved", &event),
        "there is no notification `incident_recieved`; did you mean `incident_received`?"
    );
    assert_eq!(
        house.refused("incident_commented", &event),
        "`incident_commented` is not about incident.inserted"
    );
}

#[test]
fn a_preview_is_settled_beside_the_mails_that_wait() {
    let house = House::with(|config| {
        let heavier = "weight = 20\ntemplate = \"incident_assigned\" ";
        let lighter = "weight = 10\ntemplate = \"incident_commented\"";
        let config = config.replace("template = \"incident_assigned\" ", heavier);
        config.replace("template = \"incident_commented\"", lighter)
    });
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    house.settle();
    house.update("incident", &key.id, json!({}), &[("comments", "hello")], "");
    let event = house.store.due_events(Timestamp::MAX, 1).unwrap().remove(0);
    let now = NOW.parse().unwrap();
    let preview = house
        .processor()
        .preview_in(&*house.store, "incident_commented", &event, now);
    let preview = preview.unwrap();
    assert_eq!(preview.verdict, MatchVerdict::WeightLost);
    let ada = preview
        .recipients
        .iter()
        .find(|row| row.address == "ada@example.org");
    assert_eq!(ada.unwrap().verdict, "weight_lost");
    assert_eq!(preview.drafts.len(), 1, "what it would have said is shown");
}
