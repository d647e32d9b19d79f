//! Defects that others had, and that are not to be had here. Each test names the rule; the comment, where it was seen.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_mime::Message;
use postrider_notify::delivery::Sender;
use postrider_notify::inbound::{Class, InboundState};
use postrider_notify::outgoing::DeliveryState::{Delivered, Failed};
use postrider_notify::outgoing::{MatchVerdict, OutgoingMail};
use postrider_notify::record::RecordKey;
use postrider_notify::store::{SqliteStore, Store};
use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use postrider_wire::Transcript;
use serde_json::json;
use std::sync::Arc;
use support::house::{House, fields, first_incident};
use support::*;

fn sender(sandbox: &Sandbox, store: &Arc<dyn Store>) -> Sender {
    Sender::new(smtp_account(sandbox), Arc::clone(store), Transcript::off())
}

fn reply(stage: Stage, words: &str) -> Fault {
    Fault::smtp(stage, Action::Reply(words.as_bytes().to_vec())).every()
}

// FreeScout tried such a mail 123 times in six days.
#[tokio::test]
async fn a_mail_that_is_too_large_is_tried_once_and_is_nobody_elses_fault() {
    for (stage, words) in [
        (Stage::EndOfData, "550 Message too large"),
        (Stage::EndOfData, "552 5.3.4 Message too big for system"),
        (Stage::Mail, "552 5.3.4 Message size exceeds fixed limit"),
    ] {
        let (sandbox, store) = (sandbox().await, store());
        sandbox.add_fault(reply(stage, words));
        queue(&*store, None, &["ada@example.org"]);
        let mut sender = sender(&sandbox, &store);
        let sent = sender.run_once(now()).await.unwrap();
        assert_eq!(sent.paused, None, "{words}: the account works");
        assert_eq!(states(&*store), [Failed], "{words}");
        for days in 1..7 {
            sender.run_once(after(days * 24 * 60)).await.unwrap();
        }
        let row = log(&*store).remove(0);
        assert_eq!(row.attempts, 1, "{words}");
        assert!(row.last.unwrap().text.contains(words));
        assert_eq!(
            store.suppressed("ada@example.org", "main", now()).unwrap(),
            None,
            "{words}: the address works as well"
        );
    }
}

// Zammad: one refused recipient failed the mail for all. useSend, Stalwart: one bounce suppressed all of them.
#[tokio::test]
async fn of_several_recipients_only_the_refused_one_fails_and_is_suppressed() {
    let (sandbox, store) = (sandbox().await, store());
    let people = ["ada@example.org", "fail-550@example.org", "bob@example.org"];
    queue(&*store, None, &people);
    sender(&sandbox, &store).run_once(now()).await.unwrap();
    assert_eq!(states(&*store), [Delivered, Failed, Delivered]);
    let suppressed = people.map(|who| store.suppressed(who, "main", now()).unwrap().is_some());
    assert_eq!(suppressed, [false, true, false]);
}

#[test]
fn a_bounce_concerns_the_recipient_whose_mail_came_back() {
    let house = House::new();
    house
        .records
        .update(
            &first_incident(),
            &fields(json!({"caller": "grace", "comments": "Milk?"})),
            "",
        )
        .unwrap();
    let told = house.mails();
    assert_eq!(told.len(), 2, "Ada and Grace");
    let back = &told[0];
    let report = format!(
        "From: MAILER-DAEMON@mx.example.net\r\nReturn-Path: <>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
         Final-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         Final-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{}>\r\n\r\n--b--\r\n",
        back.recipient, told[1].recipient, back.message_id
    );
    let done = house.take(report.as_bytes()).outcome;
    assert_eq!(
        (done.class, done.state),
        (Class::Bounce, InboundState::Ignored)
    );
    let suppressed = |mail: &OutgoingMail| {
        let found = house.store.suppressed(&mail.recipient, "main", now());
        found.unwrap().is_some()
    };
    assert!(suppressed(back));
    assert!(!suppressed(&told[1]), "whatever else the report names");
    // Zammad: the bounce was answered, and that answer bounced.
    assert!(house.settle().is_empty());
}

// django-post_office: states were written when a batch was through, so a crash sent all of it again.
#[tokio::test]
async fn a_batch_that_breaks_off_sends_again_only_what_was_in_flight() {
    let (sandbox, store) = (sandbox().await, store());
    let people: Vec<String> = (0..12).map(|n| format!("p{n}@example.org")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    queue(&*store, None, &people);
    sandbox.add_fault(Fault::smtp(Stage::EndOfData, Action::DropUnanswered).nth(6));
    let mut sender = sender(&sandbox, &store);
    let sent = sender.run_once(now()).await.unwrap();
    let accepted = sent.count(Delivered);
    assert!((5..12).contains(&accepted), "{accepted}");
    for minutes in 1..4 {
        sender.run_once(after(minutes)).await.unwrap();
    }
    assert_eq!(states(&*store), vec![Delivered; people.len()]);
    let mut copies = sandbox.mails();
    assert!(copies.len() <= people.len() + 1, "{}", copies.len());
    let id = |raw: &[u8]| Message::parse(raw).message_id().unwrap().into_owned();
    copies.sort_by_key(|mail| id(&mail.content));
    // Alertmanager: a Message-ID of its own for each attempt, so that receivers cannot tell.
    for pair in copies.windows(2) {
        let same = id(&pair[0].content) == id(&pair[1].content);
        assert!(!same || pair[0].content == pair[1].content);
    }
    copies.dedup_by_key(|mail| id(&mail.content));
    assert_eq!(copies.len(), people.len());
}

// django-post_office: two senders, and one mail went out twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_senders_send_each_mail_once() {
    let sandbox = sandbox().await;
    let dir = tempfile::tempdir().unwrap();
    let open =
        || -> Arc<dyn Store> { Arc::new(SqliteStore::open(&dir.path().join("desk.db")).unwrap()) };
    let (one, two) = (open(), open());
    let people: Vec<String> = (0..150).map(|n| format!("p{n}@example.org")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    queue(&*one, None, &people);
    let drain = |mut sender: Sender| async move {
        while !sender.run_once(now()).await.unwrap().is_idle() {}
        sender.close().await;
    };
    tokio::join!(drain(sender(&sandbox, &one)), drain(sender(&sandbox, &two)));
    assert_eq!(states(&*one), vec![Delivered; people.len()]);
    assert_eq!(sandbox.mails().len(), people.len());
}

/// Lets two desks write to each other until neither has anything to say; gives how many mails went.
fn converse(mut mail: Vec<u8>, desks: &[(&House, &str)], change: fn(String) -> String) -> usize {
    for turn in 0..100 {
        let (house, address) = desks[turn % 2];
        house.take(&mail);
        let other = desks[(turn + 1) % 2].1;
        let answer = house.mails().into_iter().find(|m| m.recipient == other);
        let Some(answer) = answer else { return turn };
        let text = change(String::from_utf8(answer.raw).unwrap());
        // The servers in between write the envelope down.
        mail = format!("Return-Path: <{address}>\r\nDelivered-To: {other}\r\n{text}").into_bytes();
    }
    panic!("they write to each other for ever");
}

/// A server in between that takes away every field by which automatic mail is known.
fn stripped(mail: String) -> String {
    let fields = ["Auto-Submitted:", "X-Auto-Response-Suppress:", "X-Loop:"];
    let mut lines: Vec<&str> = mail.split("\r\n").collect();
    lines.retain(|line| !fields.iter().any(|field| line.starts_with(field)));
    lines.join("\r\n")
}

/// The same, and it belongs to a list, which says so.
fn through_a_list(mail: String) -> String {
    format!(
        "List-Id: <support.example.org>\r\nList-Post: <mailto:support@example.net>\r\nPrecedence: list\r\n{}",
        stripped(mail)
    )
}

// FreeScout, RT, PostHog, Chatwoot: two desks that acknowledge each other's acknowledgements.
#[test]
fn two_desks_do_not_write_to_each_other_for_ever() {
    let there = "support@example.net";
    let question = |to: &str, from: &str| {
        format!("From: {from}\r\nTo: {to}\r\nSubject: Help\r\nMessage-ID: <q@x>\r\n\r\nIt is broken.\r\n")
            .into_bytes()
    };
    // Known by its fields, it is not answered at all; without them, the guard against loops ends it.
    for (change, most) in [
        (std::convert::identity as fn(String) -> String, 1),
        (stripped, 60),
        // What comes through a list is not answered at all.
        (through_a_list, 1),
    ] {
        let ours = House::new();
        let theirs = House::with(|config| config.replace("support@example.org", there));
        let desks = [(&ours, "support@example.org"), (&theirs, there)];
        // Their desk is the sender of the first mail, as if a person there wrote it by hand.
        let turns = converse(question("support@example.org", there), &desks, change);
        assert!((1..=most).contains(&turns), "{turns} of {most}");
        assert!(ours.incidents() <= 1 + most && theirs.incidents() <= 1 + most);
    }
}

// ServiceNow: a number between quotes is not found, `Re:` is compared with case, and two numbers give either.
#[test]
fn a_number_in_the_subject_is_found_in_any_case_and_between_any_signs() {
    for subject in [
        "RE: \"Tea INC0010001\"",
        "Re: 'INC0010001'",
        "re: (inc0010001)",
        "AW: [INC0010001] Tea",
        "Re[2]: INC0010001: Tea",
        "=?utf-8?q?RE:_=E2=80=9EINC0010001=E2=80=9C?=",
    ] {
        let house = House::new();
        let mail = format!("From: ada@example.org\r\nSubject: {subject}\r\n\r\nWith milk.\r\n");
        assert_eq!(house.acts(mail.as_bytes()), first_incident(), "{subject}");
        assert_eq!(house.comments(&first_incident()), ["With milk."]);
    }
}

#[test]
fn two_numbers_in_a_subject_are_no_guess() {
    let house = House::new();
    house.incident(json!({"assigned_to": "ada"}));
    let mail = b"From: ada@example.org\r\nSubject: RE: INC0010002 INC0010001\r\n\r\nBoth.\r\n";
    let done = house.take(mail).outcome;
    assert_eq!(done.record, Some(RecordKey::new("incident", "INC0010003")));
    assert!(
        done.matched_by
            .contains("incident/INC0010002 and incident/INC0010001"),
        "{}",
        done.matched_by
    );
}

// vm0, Breeze: whoever had the reply token acted as its owner. GitLab: who wrote from a second address was turned away.
#[test]
fn somebody_copied_cannot_answer_as_the_owner_and_is_not_turned_away_either() {
    let house = House::new();
    let to = house.reply_address(&first_incident(), "ada@example.org");
    for from in [
        "mallory@example.net",
        "grace@example.org",
        "ada@home.example",
    ] {
        let mail = format!(
            "From: {from}\r\nTo: ada@example.org\r\nCc: {to}\r\nSubject: Re: Tea\r\n\r\nClose it.\r\n"
        );
        let done = house.take(mail.as_bytes()).outcome;
        assert_eq!(done.state, InboundState::Held, "{from}");
        assert!(done.reason.contains("ada@example.org"), "{}", done.reason);
        assert!(house.comments(&first_incident()).is_empty());
        // A person lets it through, under the name of who wrote it.
        let accepted = house.inbound.accept(done.id, Some(first_incident()), now());
        assert_eq!(accepted.unwrap().outcome.state, InboundState::Processed);
        let author = house
            .store
            .journal(&first_incident())
            .unwrap()
            .pop()
            .unwrap()
            .author;
        assert!(from.starts_with(&author), "{author} wrote as {from}");
        return_to_start(&house);
    }
}

fn return_to_start(house: &House) {
    let record = house.store.record(&first_incident()).unwrap().unwrap();
    house.store.restore(&[(record, Vec::new())]).unwrap();
}

// ServiceNow: by default nothing is kept of a notification that had nobody to tell.
#[test]
fn nobody_left_to_tell_leaves_a_trace() {
    let house = House::new();
    let off = fields(json!({"active": false}));
    let ada = RecordKey::new("user", "ada");
    house.records.update(&ada, &off, "").unwrap();
    house.settle();
    let key = house.incident(json!({"assigned_to": "ada"}));
    assert!(house.mails().is_empty());
    let event = *house.store.events_of(&key).unwrap().last().unwrap();
    let explained = house.store.explain(event).unwrap().unwrap();
    assert_eq!(explained.state, "done");
    let matches = explained.settlement.unwrap().matches;
    let assigned = matches
        .iter()
        .find(|m| m.notification == "incident_assigned");
    let assigned = assigned.unwrap();
    assert_eq!(assigned.verdict, MatchVerdict::NoRecipients);
    let who = &assigned.recipients[0];
    assert_eq!(
        (who.via.as_str(), who.verdict),
        ("field assigned_to", "user_inactive")
    );
}
