//! Mails as the world writes them, and worse: each is stored, and ends in one state for a stated reason.
//!
//! The collected mails are those below `mime/` in the folder that `POSTRIDER_CORPUS` names; without it, only what is made
//! here is tried.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod support;

use postrider_notify::inbound::processor::Processed;
use postrider_notify::inbound::{Class, InboundState};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use support::house::{House, first_incident};

/// Stores a mail, processes it, and checks what every mail is owed. `None` if the very same mail is stored already.
fn processed(house: &House, raw: &[u8]) -> Option<Processed> {
    let before = house.store.inbound_log(1).unwrap();
    if !house.put(raw) {
        return None;
    }
    let mut done = house.inbound.run_once(support::now()).unwrap();
    assert_eq!(done.len(), 1, "processed once");
    let done = done.remove(0);
    let outcome = &done.outcome;
    assert_ne!(before.first().map(|row| row.outcome.id), Some(outcome.id));

    let row = house.store.inbound_log(1).unwrap().remove(0);
    assert_eq!(&row.outcome, outcome, "what is told is what is stored");
    assert!(!format!("{}{}", row.from, row.subject).contains(char::is_control));
    let stored = house.store.inbound(outcome.id).unwrap().unwrap();
    assert_eq!(stored.what.raw, raw, "octet by octet");

    match outcome.state {
        InboundState::Processed => {
            assert!(
                outcome.action.is_some() && outcome.record.is_some(),
                "{outcome:?}"
            );
        }
        InboundState::Ignored | InboundState::Held => {
            assert!(!outcome.reason.is_empty(), "{outcome:?}")
        }
        InboundState::Ready | InboundState::Error => panic!("left undone: {outcome:?}"),
    }
    if matches!(outcome.class, Class::Auto | Class::Bounce) {
        assert_eq!(outcome.state, InboundState::Ignored, "{outcome:?}");
    }
    let again = house.inbound.run_once(support::now()).unwrap();
    assert!(again.is_empty(), "it acts once");
    Some(done)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn every_collected_mail_ends_in_one_state_and_none_is_lost() {
    let Some(folder) = std::env::var_os("POSTRIDER_CORPUS").map(PathBuf::from) else {
        eprintln!("left out: POSTRIDER_CORPUS is not set");
        return;
    };
    let mut paths = Vec::new();
    files(&folder.join("mime"), &mut paths);
    paths.sort();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let (mut stored, mut told) = (0, 0);
    let mut house = House::new();
    for (n, path) in paths.iter().enumerate() {
        // One person wrote many of them; a house each few keeps the guard against loops out of it.
        if n % 20 == 19 {
            house = House::new();
        }
        let raw = std::fs::read(path).unwrap();
        let incidents = house.incidents();
        let Some(done) = processed(&house, &raw) else {
            continue;
        };
        stored += 1;
        let made = house.incidents() - incidents;
        let acts = done.outcome.state == InboundState::Processed;
        assert_eq!(made, usize::from(acts), "{}", path.display());
        let (class, state) = (done.outcome.class.name(), done.outcome.state.name());
        *ends.entry(format!("{class} {state}")).or_default() += 1;
        for mail in house.mails() {
            assert_eq!(mail.recipient, done.from, "{}", path.display());
            let read = postrider_mime::Message::parse(&mail.raw);
            assert_eq!(read.defects(), [], "{}", path.display());
            told += 1;
        }
    }
    eprintln!(
        "{stored} mails of {} files, {told} answered: {ends:?}",
        paths.len()
    );
    assert!(stored > 0 && told > 0);
    assert_eq!(ends.values().sum::<usize>(), stored);
}

/// A mail with everything that classification looks at; mutated, each rule is hit and missed.
fn seeds(house: &House) -> Vec<String> {
    let to = house.reply_address(&first_incident(), "ada@example.org");
    let rows = support::log(&*house.store);
    let id = &rows[0].mail.message_id;
    vec![
        format!("From: Ada <ada@example.org>\r\nTo: {to}\r\nSubject: Re: INC0010001\r\n\r\nWith milk.\r\n"),
        format!("From: ada@example.org\r\nIn-Reply-To: <{id}>\r\nReferences: <a@b> <{id}>\r\nSubject: AW: Tea\r\n\r\nx\r\n"),
        format!("From: MAILER-DAEMON@mx\r\nReturn-Path: <>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; ada@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{id}>\r\n\r\n--b--\r\n"),
        "From: =?utf-8?q?Dora?= <dora@example.net>\r\nSubject: Fwd: Help\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>From: x</p>\r\n--b--\r\n".to_owned(),
        "From: r@example.net\r\nAuto-Submitted: auto-replied\r\nX-Loop: x\r\nSubject: Away\r\n\r\nx\r\n".to_owned(),
    ]
}

/// A mail, cut, with a piece of another inside, and octets changed.
fn mutated() -> impl Strategy<Value = (usize, usize, Vec<(usize, u8)>, usize, usize)> {
    let changes = prop::collection::vec((any::<usize>(), any::<u8>()), 0..6);
    (
        any::<usize>(),
        any::<usize>(),
        changes,
        any::<usize>(),
        any::<usize>(),
    )
}

fn mutate(seeds: &[String], plan: (usize, usize, Vec<(usize, u8)>, usize, usize)) -> Vec<u8> {
    let (first, second, changes, from, to) = plan;
    let mut mail = seeds[first % seeds.len()].clone().into_bytes();
    let other = seeds[second % seeds.len()].as_bytes();
    let (from, to) = (from % other.len(), to % mail.len());
    let end = other.len().min(from + 40);
    if second % 3 == 0 {
        mail.splice(to..to, other[from..end].iter().copied());
    }
    for (at, octet) in changes {
        let at = at % mail.len();
        mail[at] = octet;
    }
    if first % 7 == 0 {
        mail.truncate(to);
    }
    mail
}

thread_local! {
    // Made once: what a mail comes to does not depend on those before it, but for the guard against loops.
    static HOUSE: House = House::new();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_octets_end_in_one_state(raw in prop::collection::vec(any::<u8>(), 0..600)) {
        HOUSE.with(|house| drop(processed(house, &raw)));
    }

    #[test]
    fn any_text_ends_in_one_state(head in "((From|To|Subject|Content-Type|Message-ID|References): [ -~é<>@\\[\\]]{0,40}\r\n){0,6}", body in "\\PC{0,80}") {
        HOUSE.with(|house| drop(processed(house, format!("{head}\r\n{body}").as_bytes())));
    }

    #[test]
    fn any_mutated_mail_ends_in_one_state(plan in mutated()) {
        HOUSE.with(|house| {
            let mail = mutate(&seeds(house), plan);
            drop(processed(house, &mail));
        });
    }
}
