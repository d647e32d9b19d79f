//! Weights across events: what is not delivered yet can still lose its place.

use super::*;
use crate::outgoing::DeliveryState;

/// Comments weigh 10, assignments 20, and both go to whoever it is assigned to.
fn house(window: &str) -> House {
    House::with(|config| {
        let config = config.replace(
            "template = \"incident_assigned\" ",
            "weight = 20\ntemplate = \"incident_assigned\" ",
        );
        let config = config.replace(
            "template = \"incident_commented\"",
            "weight = 10\ntemplate = \"incident_commented\"",
        );
        format!("weight_window = \"{window}\"\n{config}")
    })
}

impl House {
    fn comment(&self, key: &RecordKey, text: &str) -> Settlement {
        self.update("incident", &key.id, json!({}), &[("comments", text)], "");
        self.settle()
    }

    fn stored(&self, settlement: &Settlement) -> crate::store::Explanation {
        self.store.explain(settlement.event).unwrap().unwrap()
    }

    /// The state of each mail of an event.
    fn states(&self, settlement: &Settlement) -> Vec<DeliveryState> {
        let stored = self.stored(settlement);
        stored.deliveries.iter().map(|row| row.state).collect()
    }
}

/// The verdict of a notification, and that of the first person with an address.
fn verdict(stored: &crate::store::Explanation, notification: &str) -> (String, String, String) {
    let matches = &stored.settlement.as_ref().unwrap().matches;
    let found = matches.iter().find(|m| m.notification == notification);
    let found = found.unwrap();
    let who = found.recipients.iter().find(|r| !r.address.is_empty());
    let who = who.unwrap();
    (
        found.verdict.name().into(),
        who.verdict.into(),
        who.detail.clone(),
    )
}

#[test]
fn a_lighter_mail_that_comes_later_is_not_queued() {
    let house = house("1m");
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    let assigned = house.settle();
    let winner = &mails(&assigned)[0].message_id;
    let commented = house.comment(&key, "hello");
    let why = format!("`incident_assigned` has weight 20, this one 10: {winner}");
    assert_eq!(
        verdict(&house.stored(&commented), "incident_commented"),
        ("weight_lost".into(), "weight_lost".into(), why)
    );
    assert_eq!(house.states(&commented), []);
    assert_eq!(house.states(&assigned), [DeliveryState::Ready]);
}

#[test]
fn a_heavier_mail_takes_the_place_of_a_lighter_one_that_waits() {
    let house = house("1m");
    let key = house.incident(
        json!({"assigned_to": "ada", "contact_type": "phone"}),
        "ada",
    );
    house.settle();
    let commented = house.comment(&key, "hello");
    assert_eq!(house.states(&commented), [DeliveryState::Ready]);
    house.update(
        "incident",
        &key.id,
        json!({"assigned_to": "grace"}),
        &[],
        "",
    );
    house.settle();
    // Grace's mail is no other mail to Ada.
    assert_eq!(house.states(&commented), [DeliveryState::Ready]);
    house.update("incident", &key.id, json!({"assigned_to": "ada"}), &[], "");
    let assigned = house.settle();
    let winner = &mails(&assigned)[0].message_id;
    assert_eq!(house.states(&commented), [DeliveryState::Skipped]);
    let why = format!("`incident_assigned` has weight 20, this one 10: {winner}");
    assert_eq!(
        verdict(&house.stored(&commented), "incident_commented"),
        ("weight_lost".into(), "weight_lost".into(), why.clone())
    );
    let row = house.stored(&commented).deliveries.remove(0);
    assert_eq!((row.state.mailbox(), row.reason), ("Skipped", why));
    let text = crate::explain::text(&house.stored(&commented));
    assert!(
        text.contains("weight_lost  `incident_assigned` has weight 20"),
        "{text}"
    );
    // What was skipped is not sent.
    let lease = std::time::Duration::from_secs(60);
    let claimed = house
        .store
        .claim(&["main"], "w", NOW.parse().unwrap(), lease, 100);
    assert_eq!(claimed.unwrap().len(), 2);
}

#[test]
fn of_two_equal_mails_the_earlier_one_goes_out() {
    let house = house("1m");
    let key = house.incident(json!({"short_description": "x", "watch_list": ["ada"]}), "");
    house.settle();
    let first = house.comment(&key, "the same");
    let again = house.comment(&key, "the same");
    let other = house.comment(&key, "another");
    let stored = house.stored(&again);
    assert!(
        verdict(&stored, "incident_commented")
            .2
            .starts_with("`incident_commented` says the same: ")
    );
    assert_eq!(house.states(&first), [DeliveryState::Ready]);
    assert_eq!(house.states(&again), []);
    assert_eq!(house.states(&other), [DeliveryState::Ready]);
}

#[test]
fn what_is_delivered_or_older_than_the_window_loses_nothing() {
    let house = house("1m");
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    let assigned = house.settle();
    let lease = std::time::Duration::from_secs(60);
    // A mail in the hands of a sender may be delivered already.
    house
        .store
        .claim(&["main"], "w", NOW.parse().unwrap(), lease, 1)
        .unwrap();
    let commented = house.comment(&key, "hello");
    assert_eq!(house.states(&commented), [DeliveryState::Ready]);
    assert_eq!(house.states(&assigned), [DeliveryState::Leased]);
}

#[test]
fn weight_zero_always_goes_out() {
    let house = House::new();
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    house.settle();
    for _ in 0..2 {
        let commented = house.comment(&key, "the same");
        assert_eq!(house.states(&commented), [DeliveryState::Ready]);
    }
}
