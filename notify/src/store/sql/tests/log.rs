use super::*;
use DeliveryState::{Deferred, Delivered, Ready};

fn log(store: &SqliteStore, filter: LogFilter) -> Vec<i64> {
    let filter = LogFilter {
        limit: 10,
        ..filter
    };
    let rows = store.log(&filter).unwrap();
    rows.iter().map(|row| row.delivery).collect()
}

#[test]
fn the_log_is_filtered_and_newest_first() {
    let store = memory();
    let record = RecordKey::new("incident", "INC1");
    let first = queue(
        &store,
        vec![mail("a", "Ada@b"), about(&record, mail("b", "bob@b"))],
    );
    queue(&store, vec![about(&record, mail("c", "ada@b"))]);
    let one = claim(&store, at(0), 1).remove(0);
    store
        .complete(at(1), &[completion(&one, Delivered, None)])
        .unwrap();
    let none = LogFilter::default;
    assert_eq!(log(&store, none()), [3, 2, 1]);
    assert_eq!(
        log(
            &store,
            LogFilter {
                record: Some(record.clone()),
                ..none()
            }
        ),
        [3, 2]
    );
    assert_eq!(
        log(
            &store,
            LogFilter {
                recipient: Some("ADA@b".to_owned()),
                ..none()
            }
        ),
        [3, 1]
    );
    assert_eq!(
        log(
            &store,
            LogFilter {
                event: Some(first),
                ..none()
            }
        ),
        [2, 1]
    );
    assert_eq!(
        log(
            &store,
            LogFilter {
                state: Some(Ready),
                ..none()
            }
        ),
        [3, 2]
    );
    assert_eq!(
        log(
            &store,
            LogFilter {
                state: Some(Ready),
                record: Some(record),
                event: Some(first),
                ..none()
            }
        ),
        [2]
    );
    assert_eq!(
        store.log(&LogFilter { limit: 1, ..none() }).unwrap().len(),
        1
    );
    assert!(store.log(&none()).unwrap().is_empty());
}

#[test]
fn a_row_has_everything_but_the_octets() {
    let store = memory();
    let event = queue(&store, vec![mail("a", "a@b")]);
    let one = claim(&store, at(5), 1).remove(0);
    store
        .complete(at(6), &[completion(&one, Deferred, Some(at(66)))])
        .unwrap();
    let row = store
        .delivery_by_message_id("a@example.org")
        .unwrap()
        .unwrap();
    assert_eq!(
        row.mail,
        OutgoingMail {
            raw: Vec::new(),
            ..mail("a", "a@b")
        }
    );
    assert_eq!(
        (row.event, row.notification.as_str(), row.attempts),
        (event, "told", 1)
    );
    assert_eq!((row.created, row.next_at), (at(0), Some(at(66))));
    assert_eq!(row.last, Some(evidence("the server's words")));
    assert_eq!(store.delivery_by_message_id("A@example.org").unwrap(), None);
    assert_eq!(store.raw_message(1).unwrap(), Some(mail("a", "a@b").raw));
    assert_eq!(store.raw_message(2).unwrap(), None);
}

#[test]
fn an_explanation_is_the_settlement_as_it_was_written() {
    let store = memory();
    let event = fire(&store, "tell");
    let waiting = store.explain(event).unwrap().unwrap();
    assert_eq!(
        (waiting.state.as_str(), waiting.settlement),
        ("ready", None)
    );
    let mut written = settlement(event, vec![mail("a", "a@b")]);
    written.matches[0].recipients.push(RecipientVerdict {
        address: String::new(),
        via: "field assigned_to".to_owned(),
        verdict: "no_address",
        detail: "grace has none".to_owned(),
    });
    written.matches.push(Match {
        notification: "quiet".to_owned(),
        verdict: MatchVerdict::ConditionFalse,
        detail: "priority<=2: priority is 3".to_owned(),
        recipients: Vec::new(),
        mails: Vec::new(),
        digests: Vec::new(),
    });
    store.settle(std::slice::from_ref(&written)).unwrap();
    let explained = store.explain(event).unwrap().unwrap();
    assert_eq!(explained.state, "done");
    assert_eq!(explained.deliveries.len(), 1);
    written.matches[0].mails[0].raw.clear();
    assert_eq!(explained.settlement, Some(written));
    assert_eq!(store.explain(99).unwrap(), None);
}

#[test]
fn a_failed_event_says_why() {
    let store = memory();
    let event = fire(&store, "tell");
    let failed = Settlement {
        event,
        matches: Vec::new(),
        error: Some("its table is gone".to_owned()),
    };
    store.settle(std::slice::from_ref(&failed)).unwrap();
    let explained = store.explain(event).unwrap().unwrap();
    assert_eq!(
        (explained.state.as_str(), explained.settlement),
        ("error", Some(failed))
    );
}

#[test]
fn a_verdict_of_another_version_is_shown_in_its_own_word() {
    let store = memory();
    let event = fire(&store, "tell");
    let mut written = settlement(event, vec![mail("a", "a@b")]);
    written.matches[0].recipients[0].verdict = "on_holiday";
    store.settle(&[written]).unwrap();
    let explained = store.explain(event).unwrap().unwrap().settlement.unwrap();
    let verdict = &explained.matches[0].recipients[0];
    assert_eq!(
        (verdict.verdict, verdict.detail.as_str()),
        ("other", "on_holiday: ")
    );
}
