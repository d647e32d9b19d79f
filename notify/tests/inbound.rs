//! From a fetched mail to its effects on records: once, in one transaction, or held with a reason.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use jiff::Timestamp;
use postrider_notify::inbound::processor::Processed;
use postrider_notify::inbound::{Class, InboundState};
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::store::SqliteStore;
use serde_json::Value;
use std::ops::Deref;
use std::sync::Arc;
use support::house::House;
use support::*;

/// The house, with mails written as text.
struct Desk(House);

impl Deref for Desk {
    type Target = House;

    fn deref(&self) -> &House {
        &self.0
    }
}

/// The example configuration after `change`, with Ada and Grace, and INC0010001 assigned to Ada.
fn desk(change: impl Fn(String) -> String) -> Desk {
    Desk(House::with(change))
}

fn incident(n: u32) -> RecordKey {
    RecordKey::new("incident", format!("INC{n:07}"))
}

impl Desk {
    fn put(&self, mail: &str) {
        assert!(self.0.put(mail.replace('\n', "\r\n").as_bytes()));
    }

    fn process(&self, at: Timestamp) -> Vec<Processed> {
        self.inbound.run_once(at).unwrap()
    }

    /// Puts a mail and processes it.
    fn take(&self, mail: &str) -> Processed {
        self.put(mail);
        let mut done = self.process(now());
        assert_eq!(done.len(), 1);
        done.remove(0)
    }

    fn reply(&self, text: &str) -> String {
        let to = self.reply_address(&incident(10001), "ada@example.org");
        format!("From: ada@example.org\nTo: {to}\nSubject: Re: tea\n\n{text}\n")
    }

    fn comments(&self) -> Vec<String> {
        self.0.comments(&incident(10001))
    }

    fn field(&self, n: u32, name: &str) -> Value {
        self.0.field(&incident(n), name)
    }
}

const QUESTION: &str = "From: Carol <carol@example.net>\nTo: support@example.org\nSubject: Help\n\nIt does not work.\n";

#[test]
fn a_text_too_long_for_a_record_is_cut_and_says_so() {
    let desk = desk(|config| config);
    let text = "All of it is needed.\n".repeat(50_000);
    let done = desk.take(&format!(
        "From: eve@example.net\nTo: support@example.org\nSubject: Log\n\n{text}"
    ));
    assert_eq!(done.outcome.state, InboundState::Processed, "{done:?}");
    let record = desk.store.record(&incident(10002)).unwrap().unwrap();
    let description = record.fields["description"].as_str().unwrap();
    let (begin, end) = description.rsplit_once('\n').unwrap();
    assert!(text.starts_with(begin) && begin.len() > 200_000);
    assert_eq!(
        end,
        format!("[cut here: of {} octets]", text.trim_end().len())
    );
}

#[test]
fn a_new_mail_makes_a_record_and_says_which() {
    let desk = desk(|text| text);
    let done = desk.take(QUESTION);
    assert_eq!(
        (done.outcome.state, done.outcome.class),
        (InboundState::Processed, Class::New)
    );
    assert_eq!(done.outcome.record, Some(incident(10002)));
    assert_eq!(done.outcome.action.as_deref(), Some("new_incident"));
    assert_eq!(desk.field(10002, "caller_email"), "carol@example.net");
    assert_eq!(
        desk.field(10002, "caller"),
        Value::Null,
        "a guest is no user"
    );
    assert_eq!(desk.field(10002, "priority"), 3, "typed by the schema");
    assert_eq!(desk.store.inbound_log(1).unwrap()[0].outcome, done.outcome);
    assert!(desk.process(now()).is_empty(), "it acts once");
}

#[test]
fn a_known_sender_is_the_caller() {
    let desk = desk(|text| text);
    desk.take(&QUESTION.replace("carol@example.net", "GRACE@example.org"));
    assert_eq!(desk.field(10002, "caller"), "grace");
}

#[test]
fn a_reply_becomes_a_comment_of_its_author_without_the_quote() {
    let desk = desk(|text| text);
    let reply = desk.reply("With milk.\n\nOn 23 Nov 2026, Support wrote:\n> Tea?");
    let done = desk.take(&reply);
    assert_eq!(done.outcome.record, Some(incident(10001)));
    assert_eq!(desk.comments(), ["With milk."]);
    assert_eq!(
        desk.store.journal(&incident(10001)).unwrap()[0].author,
        "ada"
    );
}

#[test]
fn a_reply_without_text_is_ignored_with_the_reason() {
    let desk = desk(|text| text);
    let done = desk.take(&desk.reply(""));
    assert_eq!(done.outcome.state, InboundState::Ignored);
    assert!(
        done.outcome.reason.contains("no text"),
        "{:?}",
        done.outcome
    );
    assert!(desk.comments().is_empty());
}

#[test]
fn automatic_answers_change_nothing_and_cause_no_mail() {
    let desk = desk(|text| text);
    let events = || desk.store.due_events(now(), 1000).unwrap().len();
    let before = events();
    let done = desk.take(&desk.reply("I am away.").replacen(
        "Subject:",
        "Auto-Submitted: auto-replied\nSubject:",
        1,
    ));
    assert_eq!(
        (done.outcome.state, done.outcome.class),
        (InboundState::Ignored, Class::Auto)
    );
    let done =
        desk.take(&QUESTION.replacen("Subject:", "Auto-Submitted: auto-generated\nSubject:", 1));
    assert_eq!(done.outcome.state, InboundState::Ignored);
    assert!(desk.comments().is_empty());
    assert_eq!(desk.store.records("incident").unwrap().len(), 1);
    assert_eq!(events(), before, "no event, so no acknowledgement");
}

#[test]
fn a_mail_without_sender_is_held() {
    let desk = desk(|text| text);
    let done = desk.take("To: support@example.org\nSubject: s\n\nx\n");
    assert_eq!(done.outcome.state, InboundState::Held);
    assert_eq!(done.outcome.reason, "it has no sender address");
}

#[test]
fn a_failing_action_keeps_the_mail_and_is_tried_again_until_a_person_must_look() {
    let desk = desk(|text| text.replace("priority = \"3\"", "priority = \"${mail.subject}\""));
    desk.put(QUESTION);
    desk.put(&desk.reply("It does not hold up others."));
    let done = desk.process(now());
    let first = &done[0].outcome;
    assert_eq!(first.state, InboundState::Error);
    assert!(
        first.reason.contains("inbound action new_incident"),
        "{}",
        first.reason
    );
    assert!(first.reason.contains("priority"), "{}", first.reason);
    assert_eq!(desk.comments().len(), 1);
    assert!(desk.process(now()).is_empty(), "not before its time");
    let mut at = first.next_at.unwrap();
    assert!(at > now());
    for _ in 1..7 {
        let outcome = desk.process(at).remove(0).outcome;
        assert_eq!(outcome.state, InboundState::Error);
        at = outcome.next_at.unwrap();
    }
    let last = desk.process(at).remove(0).outcome;
    assert_eq!(last.state, InboundState::Held);
    assert!(
        last.reason.starts_with("given up after 8 attempts: "),
        "{}",
        last.reason
    );
    assert_eq!(
        desk.store.records("incident").unwrap().len(),
        1,
        "nothing half done"
    );
}

#[test]
fn conditions_choose_between_actions() {
    let desk = desk(|text| {
        let spam =
            "[inbound.new_incident]\nclass = \"new\"\nexpression = \"'Help' in mail.subject\"\n";
        text.replace("[inbound.new_incident]\nclass = \"new\"\n", spam)
    });
    let done = desk.take(&QUESTION.replace("Help", "Cheap pills"));
    assert_eq!(done.outcome.state, InboundState::Ignored);
    assert_eq!(
        done.outcome.reason,
        "the condition of new_incident is false: `'Help' in mail.subject` is false: mail.subject is 'Cheap pills'"
    );
    assert_eq!(desk.take(QUESTION).outcome.state, InboundState::Processed);
}

#[test]
fn lines_between_the_marks_set_the_fields_that_may_be_set() {
    let desk = desk(|text| {
        let lines = "[inbound.reply_comment]\nlines = [\"priority\", \"assigned_to\"]\n";
        text.replace("[inbound.reply_comment]\n", lines)
    });
    let marked = "parse_start\nPriority: 1\nassigned_to = nobody at all\nstate: 7\nparse_end";
    let done = desk
        .take(&desk.reply(&format!("As agreed.\n{marked}")))
        .outcome;
    assert_eq!(done.state, InboundState::Processed, "{}", done.reason);
    assert_eq!(desk.field(10001, "priority"), 1, "typed by the schema");
    assert_eq!(
        desk.field(10001, "assigned_to"),
        "ada",
        "there is no such user"
    );
    assert_ne!(desk.field(10001, "state"), 7, "not among the fields");
    let said = &done.verdicts[0].detail;
    assert!(said.contains("the line assigned_to: "), "{said}");
}

#[test]
fn what_a_trusted_server_calls_spam_is_treated_as_the_policy_says() {
    let marked = QUESTION.replacen(
        "Subject:",
        "Authentication-Results: mx.example.org; dmarc=fail\nSubject:",
        1,
    );
    for (policy, state, class) in [
        ("spam = \"hold\"", InboundState::Held, Class::Spam),
        ("spam = \"ignore\"", InboundState::Ignored, Class::Spam),
        ("spam = \"accept\"", InboundState::Processed, Class::New),
        // Whoever is no spammer may still be a guest.
        (
            "spam = \"accept\"\nguests = \"hold\"",
            InboundState::Held,
            Class::New,
        ),
    ] {
        let incoming = format!(
            "[incoming]\ntrusted_servers = [\"mx.example.org\"]\n{policy}\n\n[inbound.reply_comment]\n"
        );
        let desk = desk(|text| text.replace("[inbound.reply_comment]\n", &incoming));
        let done = desk.take(&marked).outcome;
        assert_eq!(
            (done.state, done.class),
            (state, class),
            "{policy}: {}",
            done.reason
        );
        let elsewhere = desk
            .take(&marked.replace("mx.example.org;", "mx.example.net;"))
            .outcome;
        assert_eq!(
            elsewhere.class,
            Class::New,
            "anybody can write such a field"
        );
    }
}

#[test]
fn a_condition_goes_by_the_moment_that_the_mail_is_processed_at() {
    let desk = desk(|text| {
        let young = "[inbound.new_incident]\ncondition = \"mail.dateRELATIVEGT@hour@ago@1\"\n";
        text.replace("[inbound.new_incident]\n", young)
    });
    let written =
        |time| QUESTION.replacen("\n\n", &format!("\nDate: 23 Nov 2026 {time} +0000\n\n"), 1);
    let state = |time| desk.take(&written(time)).outcome.state;
    assert_eq!(state("11:30:00"), InboundState::Processed);
    assert_eq!(state("10:30:00"), InboundState::Ignored);
}

#[test]
fn forwarded_mail_is_new_mail_where_no_action_is_made_for_it() {
    let desk = desk(|text| text);
    let done = desk.take("From: ada@example.org\nTo: support@example.org\nSubject: Fwd: Help\n\nSee:\n\nFrom: carol@example.net\nHelp!\n");
    assert_eq!(
        (done.outcome.class, done.outcome.state),
        (Class::Forward, InboundState::Processed)
    );
    assert_eq!(done.outcome.record, Some(incident(10002)));
}

#[test]
fn mail_that_no_action_takes_is_held() {
    let desk = desk(|text| {
        text.replace(
            "[inbound.reply_comment]\nclass = \"reply\"",
            "[inbound.reply_comment]\nclass = \"forward\"",
        )
    });
    let done = desk.take(&desk.reply("hello"));
    assert_eq!(done.outcome.state, InboundState::Held);
    assert_eq!(
        done.outcome.reason,
        "no inbound action takes a reply mail about a record of incident"
    );
}

#[test]
fn an_action_can_fire_an_event_about_the_record() {
    let desk = desk(|text| {
        text.replace(
            "comment = \"comments\"",
            "comment = \"comments\"\nfire = \"incident.escalated\"",
        )
    });
    desk.take(&desk.reply("Please hurry."));
    let events = desk.store.due_events(now(), 1000).unwrap();
    let fired = events
        .iter()
        .find(|event| event.what.name == "incident.escalated")
        .unwrap();
    assert_eq!(fired.what.record, Some(incident(10001)));
    assert_eq!(fired.what.actor, "ada");
}

#[test]
fn a_comment_goes_to_the_record_as_it_is_now() {
    let desk = desk(|text| text);
    let closed = Fields::from_iter([("state".to_owned(), Value::from(7))]);
    desk.records
        .update(&incident(10001), &closed, "grace")
        .unwrap();
    desk.take(&desk.reply("Thanks."));
    assert_eq!(
        desk.field(10001, "state"),
        7,
        "an answer sets nothing that its action does not name"
    );
}

#[test]
fn a_person_decides_about_what_was_held() {
    let desk = desk(|text| text);
    let stranger = desk
        .reply("Me too.")
        .replace("From: ada@", "From: mallory@");
    let held = desk.take(&stranger).outcome;
    assert_eq!(held.state, InboundState::Held);
    let unknown = desk.inbound.accept(held.id, Some(incident(10009)), now());
    let said = unknown.unwrap_err().to_string();
    assert_eq!(said, "there is no record incident/INC0010009");
    let done = desk
        .inbound
        .accept(held.id, Some(incident(10001)), now())
        .unwrap()
        .outcome;
    assert_eq!(
        (done.state, done.matched_by.as_str()),
        (InboundState::Processed, "person")
    );
    assert_eq!(desk.comments(), ["Me too."]);
    let author = &desk.store.journal(&incident(10001)).unwrap()[0].author;
    assert_eq!(author, "mallory@example.org", "under the writer's own name");
    assert!(
        desk.inbound.accept(held.id, None, now()).is_err(),
        "it acts once"
    );
    assert!(desk.inbound.ignore(held.id, "x").is_err());
    let other = desk.take(&stranger.replace("Me too.", "And me.")).outcome;
    desk.inbound.ignore(other.id, "spam").unwrap();
    assert_eq!(desk.store.inbound_log(1).unwrap()[0].outcome.reason, "spam");
}

#[test]
fn a_sender_who_never_stops_is_held() {
    let desk = desk(|text| text);
    let mut states = Vec::new();
    for n in 0..32 {
        let done = desk.take(&QUESTION.replace("Help", &format!("Help {n}")));
        states.push(done.outcome.state);
    }
    let processed = states
        .iter()
        .filter(|s| **s == InboundState::Processed)
        .count();
    assert_eq!(processed, 30);
    let last = desk.store.inbound_log(1).unwrap().remove(0).outcome;
    assert_eq!(last.state, InboundState::Held);
    assert!(
        last.reason.ends_with("within 60 minutes: perhaps a loop"),
        "{}",
        last.reason
    );
    let other = desk.take(&QUESTION.replace("carol@", "dora@"));
    assert_eq!(
        other.outcome.state,
        InboundState::Processed,
        "others are not held up"
    );
}

/// What a mail came to, without what was drawn for it alone.
fn told(done: &Processed) -> (Class, InboundState, String, Option<RecordKey>, String) {
    let outcome = done.outcome.clone();
    let rule = outcome.matched_by.split(':').next().unwrap_or_default();
    (
        outcome.class,
        outcome.state,
        outcome.reason,
        outcome.record,
        rule.to_owned(),
    )
}

/// A round looks at one state of a database in a file: what a mail of the round changes must be seen by those behind it, though
/// it is written beside them.
#[test]
fn mails_that_come_together_come_to_what_they_come_to_one_after_another() {
    let write = |desk: &Desk| {
        let mut mails: Vec<String> = (0..35)
            .map(|n| QUESTION.replace("Help", &format!("Help {n}")))
            .collect();
        for n in 0..25 {
            mails.insert(n, desk.reply(&format!("answer {n}")));
        }
        let about = QUESTION
            .replace("Help", "Re: INC0010002")
            .replace("carol@", "dora@");
        mails.extend([about.replace("dora@", "carol@"), about]);
        mails
    };
    let single = desk(|text| text);
    let one_by_one: Vec<Processed> = write(&single)
        .iter()
        .map(|mail| single.take(mail))
        .collect();
    for size in [1, 3, 10, 250] {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteStore::open(&folder.path().join("desk.db")).unwrap();
        let mut house = House::over(Arc::new(file.with_clock(now)), |text| text);
        house.inbound = house.inbound.written_together(size);
        let together = Desk(house);
        for mail in write(&together) {
            together.put(&mail);
        }
        let mut at_once = Vec::new();
        while at_once.len() < one_by_one.len() {
            let done = together.process(now());
            assert!(!done.is_empty(), "{} of them", at_once.len());
            at_once.extend(done);
        }
        assert_eq!(
            at_once.iter().map(told).collect::<Vec<_>>(),
            one_by_one.iter().map(told).collect::<Vec<_>>(),
            "{size} at once"
        );
        let held = |done: &&Processed| done.outcome.state == InboundState::Held;
        assert!(
            at_once.iter().filter(held).count() >= 5,
            "the caps are seen"
        );
        assert_eq!(together.comments(), single.comments());
    }
}

#[test]
fn a_bounce_marks_exactly_that_recipients_mail_and_suppresses_by_points() {
    let desk = desk(|text| text);
    let (ada, grace) = ("ada@example.org", "grace@example.org");
    queue(&*desk.store, Some(incident(10001)), &[ada, grace]);
    let rows = log(&*desk.store);
    let row = |who: &str| {
        rows.iter()
            .rev()
            .find(|row| row.mail.recipient == who)
            .unwrap()
    };
    for owner in ["w", "w"] {
        let lease = std::time::Duration::from_secs(60);
        let claimed = desk
            .store
            .claim(&["main"], owner, now(), lease, 100)
            .unwrap();
        let done: Vec<_> = claimed
            .iter()
            .map(|claimed| postrider_notify::outgoing::Completion {
                delivery: claimed.delivery,
                lease_epoch: claimed.lease_epoch,
                attempt: claimed.attempt,
                state: postrider_notify::outgoing::DeliveryState::Delivered,
                next_at: None,
                evidence: postrider_notify::outgoing::Evidence::default(),
            })
            .collect();
        desk.store.complete(now(), &done).unwrap();
    }
    let bounce = |id: &str, status: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Undelivered {status}\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
             --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {ada}\nAction: failed\nStatus: {status}\n\
             Diagnostic-Code: smtp; 550 {status} go away\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{id}>\n\n--b--\n"
        )
    };
    let state = |who: &str| {
        let id = row(who).delivery;
        let now = log(&*desk.store);
        let row = now.into_iter().find(|row| row.delivery == id).unwrap();
        (row.state, row.reason)
    };
    let before = state(ada);
    desk.take(&bounce("1.forged@example.org", "5.1.1"));
    assert_eq!(state(ada), before, "a forged bounce changes nothing");
    assert!(desk.store.suppressions().unwrap().is_empty());

    let id = row(ada).mail.message_id.clone();
    let done = desk.take(&bounce(&id, "4.2.2"));
    assert_eq!(done.outcome.class, Class::Bounce);
    assert_eq!(
        state(ada).0,
        postrider_notify::outgoing::DeliveryState::Bounced
    );
    assert_eq!(state(ada).1, "4.2.2 550 4.2.2 go away");
    assert_eq!(
        state(grace).0,
        postrider_notify::outgoing::DeliveryState::Delivered
    );
    let in_force = || desk.store.suppressed(ada, "main", now()).unwrap().is_some();
    assert!(!in_force(), "one soft bounce is one point");
    desk.take(&bounce(&id, "5.1.1"));
    assert!(in_force(), "a hard one is enough");
    assert!(
        desk.store
            .suppressed(grace, "main", now())
            .unwrap()
            .is_none()
    );
}
