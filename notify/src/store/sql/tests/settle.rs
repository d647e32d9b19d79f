//! What is written of an event: who is told, who is not, and by which mail instead.

use super::*;
use crate::email_digest::NewPart;
use crate::outgoing::Rank;
use DeliveryState::{Held, Ready, Skipped};

/// A mail about the one record, of this weight.
fn ranked(id: &str, recipient: &str, weight: u16) -> OutgoingMail {
    OutgoingMail {
        rank: Some(Rank {
            weight,
            fingerprint: id.to_owned(),
            window: Duration::from_secs(600),
        }),
        ..about(&RecordKey::new("incident", "INC1"), mail(id, recipient))
    }
}

fn part(address: &str) -> NewPart {
    NewPart {
        user: None,
        address: address.to_owned(),
        via: "parm1".to_owned(),
        about: None,
        interval: Duration::from_secs(3600),
        record: None,
        subject: "Told".to_owned(),
        html: None,
        text: "Hello".to_owned(),
    }
}

/// The verdict on the first match, and those on its recipients.
fn written(store: &SqliteStore, event: EventId) -> (MatchVerdict, Vec<(&'static str, String)>) {
    let settlement = store.explain(event).unwrap().unwrap().settlement.unwrap();
    let one = &settlement.matches[0];
    let recipients = one.recipients.iter().map(|r| (r.verdict, r.detail.clone()));
    (one.verdict, recipients.collect())
}

fn states(store: &SqliteStore) -> Vec<DeliveryState> {
    let filter = LogFilter {
        limit: usize::MAX,
        ..LogFilter::default()
    };
    let mut rows = store.log(&filter).unwrap();
    rows.sort_by_key(|row| row.delivery);
    rows.iter().map(|row| row.state).collect()
}

#[test]
fn an_event_is_settled_once_and_one_that_failed_says_why() {
    let store = memory();
    let (done, failed) = (fire(&store, "tell"), fire(&store, "tell"));
    let error = Settlement {
        event: failed,
        matches: Vec::new(),
        error: Some("no such template".to_owned()),
    };
    let settled = settlement(done, vec![mail("a", "a@b")]);
    store.settle(&[error, settled]).unwrap();
    let explained = |event| store.explain(event).unwrap().unwrap();
    assert_eq!(explained(done).state, "done");
    assert_eq!(explained(failed).state, "error");
    assert_eq!(
        explained(failed).settlement.unwrap().error.unwrap(),
        "no such template"
    );

    store
        .settle(&[settlement(done, vec![mail("b", "b@b")])])
        .unwrap();
    assert_eq!(explained(done).settlement.unwrap().matches.len(), 1);
    assert_eq!(states(&store), [Ready]);
}

#[test]
fn a_mail_that_must_not_go_yet_is_held_until_then() {
    let store = memory();
    let mut later = mail("a", "a@b");
    later.not_before = Some(at(60));
    queue(&store, vec![later, mail("b", "b@b")]);
    assert_eq!(states(&store), [Held, Ready]);
    assert_eq!(claim(&store, at(0), 9).len(), 1);
}

#[test]
fn of_two_mails_to_one_person_about_one_record_the_heavier_goes_out() {
    let store = memory();
    let light = queue(
        &store,
        vec![ranked("light", "Ada@b", 1), mail("other", "bob@b")],
    );
    let heavy = queue(&store, vec![ranked("heavy", "ada@b", 2)]);
    assert_eq!(states(&store), [Skipped, Ready, Ready]);
    let why = "`told` has weight 2, this one 1: heavy@example.org";
    let (verdict, recipients) = written(&store, light);
    assert_eq!(
        verdict,
        MatchVerdict::Matched,
        "the other mail of the match goes out"
    );
    assert!(
        recipients.contains(&("weight_lost", why.to_owned())),
        "{recipients:?}"
    );
    assert_eq!(written(&store, heavy).1, [("queued", String::new())]);
}

#[test]
fn a_mail_that_is_lighter_than_one_that_waits_is_not_queued_and_says_so() {
    let store = memory();
    queue(&store, vec![ranked("heavy", "ada@b", 2)]);
    let light = queue(
        &store,
        vec![ranked("light", "ada@b", 1), ranked("bob", "bob@b", 1)],
    );
    let why = "`told` has weight 2, this one 1: heavy@example.org";
    let (verdict, recipients) = written(&store, light);
    assert_eq!(verdict, MatchVerdict::Matched, "bob is told");
    assert_eq!(
        recipients,
        [("weight_lost", why.to_owned()), ("queued", String::new())]
    );
    assert_eq!(states(&store), [Ready, Ready]);

    let alone = queue(&store, vec![ranked("alone", "ada@b", 1)]);
    assert_eq!(
        written(&store, alone).0,
        MatchVerdict::WeightLost,
        "nobody is left"
    );
    let nobody = queue(&store, Vec::new());
    assert_eq!(
        written(&store, nobody).0,
        MatchVerdict::Matched,
        "nobody lost"
    );
}

#[test]
fn only_a_recipient_of_whom_a_mail_was_made_can_lose() {
    let store = memory();
    queue(&store, vec![ranked("heavy", "ada@b", 2)]);
    let event = fire(&store, "tell");
    let mut twice = settlement(event, vec![ranked("light", "ada@b", 1)]);
    let duplicate = RecipientVerdict {
        verdict: "duplicate",
        ..twice.matches[0].recipients[0].clone()
    };
    twice.matches[0].recipients.push(duplicate);
    store.settle(&[twice]).unwrap();
    let (_, recipients) = written(&store, event);
    let verdicts: Vec<_> = recipients.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, ["weight_lost", "duplicate"]);
}

#[test]
fn equally_heavy_mails_that_say_the_same_are_one() {
    let store = memory();
    queue(&store, vec![ranked("first", "ada@b", 1)]);
    let mut same = ranked("second", "ada@b", 1);
    same.rank = ranked("first", "ada@b", 1).rank;
    let same = queue(&store, vec![same]);
    let why = "`told` says the same: first@example.org".to_owned();
    assert_eq!(written(&store, same).1, [("weight_lost", why)]);
    let other = queue(&store, vec![ranked("third", "ada@b", 1)]);
    assert_eq!(written(&store, other).1, [("queued", String::new())]);
    assert_eq!(states(&store), [Ready, Ready]);
}

#[test]
fn a_part_of_a_digest_says_when_it_is_due() {
    let store = memory();
    let event = fire(&store, "tell");
    let mut settled = settlement(event, vec![mail("a", "a@b"), mail("b", "b@b")]);
    let one = &mut settled.matches[0];
    one.recipients[0].verdict = "digest";
    one.digests = vec![part("a@b"), part("b@b")];
    one.mails.remove(0);
    store.settle(&[settled]).unwrap();
    let due = "due 2027-01-15T09:00:00Z".to_owned();
    // A mail of one's own is queued, whatever is gathered beside it.
    assert_eq!(
        written(&store, event).1,
        [("digest", due), ("queued", String::new())]
    );
}

#[test]
fn a_match_whose_mails_all_lost_has_not_lost_if_a_digest_tells_somebody() {
    let store = memory();
    queue(&store, vec![ranked("heavy", "ada@b", 2)]);
    let event = fire(&store, "tell");
    let mut settled = settlement(event, vec![ranked("light", "ada@b", 1)]);
    settled.matches[0].digests = vec![part("bob@b")];
    store.settle(&[settled]).unwrap();
    let (verdict, recipients) = written(&store, event);
    assert_eq!(verdict, MatchVerdict::Matched);
    assert_eq!(recipients[0].0, "weight_lost");
}
