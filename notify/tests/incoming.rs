//! `[incoming]` and what mails carry: whom mail is taken from, whose replies count, and which files stay.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::inbound::processor::{Processed, Processor};
use postrider_notify::inbound::{Class, InboundState};
use postrider_notify::record::RecordKey;
use postrider_notify::store::{InboundFilter, SqliteStore, Store};
use std::path::Path;
use std::sync::Arc;
use support::house::{House, first_incident, sha256};
use support::now;

/// The example with more in its configuration.
fn house(more: &'static str) -> House {
    House::with(|text| format!("{text}\n{more}\n"))
}

fn take(house: &House, mail: &str) -> Processed {
    house.take(mail.replace('\n', "\r\n").as_bytes())
}

fn from(who: &str) -> String {
    format!("From: {who}\nTo: support@example.org\nSubject: Help\n\nIt does not work.\n")
}

#[test]
fn the_domain_of_a_guest_decides_and_users_are_no_guests() {
    let house = house(
        "[incoming]\nguests = \"hold\"\nguest_domains = { \"good.example\" = \"accept\", \"bad.example\" = \"ignore\", \"mx.bad.example\" = \"hold\" }",
    );
    let cases = [
        ("carol@example.net", InboundState::Held),
        ("carol@good.example", InboundState::Processed),
        ("carol@desk.GOOD.example", InboundState::Processed),
        ("carol@notgood.example", InboundState::Held),
        ("carol@bad.example", InboundState::Ignored),
        ("carol@mx.bad.example", InboundState::Held),
        ("grace@example.org", InboundState::Processed),
    ];
    let before = house.incidents();
    for (who, state) in cases {
        let done = take(&house, &from(who)).outcome;
        assert_eq!(done.state, state, "{who}: {}", done.reason);
        let says_why = !done.reason.is_empty();
        assert_eq!(says_why, state != InboundState::Processed, "{who}");
    }
    assert_eq!(house.incidents(), before + 3);
}

fn strangers_reply(house: &House) -> String {
    let to = house.reply_address(&first_incident(), "ada@example.org");
    format!("From: mallory@example.net\nTo: {to}\nSubject: Re: Tea\n\nClose it, please.\n")
}

#[test]
fn a_strangers_reply_is_held_or_only_a_comment_that_says_so() {
    let held = house("");
    let done = take(&held, &strangers_reply(&held)).outcome;
    assert_eq!(done.state, InboundState::Held);
    assert!(
        done.reason.contains("was made for ada@example.org"),
        "{}",
        done.reason
    );
    assert!(held.comments(&first_incident()).is_empty());

    let commented = House::with(|text| {
        let reply = "[inbound.reply_comment]\nset = { state = \"7\" }";
        text.replace("[inbound.reply_comment]", reply) + "\n[incoming]\nstrangers = \"comment\"\n"
    });
    let before = commented.field(&first_incident(), "state");
    let done = take(&commented, &strangers_reply(&commented)).outcome;
    assert_eq!(done.state, InboundState::Processed, "{}", done.reason);
    assert!(
        done.reason.starts_with("only a comment: "),
        "{}",
        done.reason
    );
    let journal = commented.store.journal(&first_incident()).unwrap();
    assert_eq!(journal.len(), 1);
    assert_eq!(journal[0].author, "mallory@example.net");
    assert!(
        journal[0].text.contains("Close it, please."),
        "{}",
        journal[0].text
    );
    assert!(
        journal[0].text != "Close it, please.",
        "it says that nobody asked"
    );
    assert_eq!(
        commented.field(&first_incident(), "state"),
        before,
        "a stranger sets nothing"
    );
}

fn calendar_answer(house: &House, status: &str) -> String {
    let to = house.reply_address(&first_incident(), "ada@example.org");
    format!(
        "From: ada@example.org\nTo: {to}\nSubject: Accepted: Tea\nContent-Type: multipart/alternative; boundary=b\n\n\
         --b\n\nYes.\n--b\nContent-Type: text/calendar; method=REPLY\n\n\
         BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nUID:1\nATTENDEE;PARTSTAT={status}:mailto:ada@example.org\nEND:VEVENT\nEND:VCALENDAR\n--b--\n"
    )
}

#[test]
fn an_answer_to_an_invitation_goes_to_its_own_action() {
    let house = house(
        "[inbound.calendar]\nclass = \"calendar\"\ntable = \"incident\"\nset = { short_description = \"Tea: ${mail.calendar}\" }",
    );
    let done = take(&house, &calendar_answer(&house, "DECLINED")).outcome;
    assert_eq!(
        (done.class, done.state),
        (Class::Calendar, InboundState::Processed)
    );
    assert_eq!(done.action.as_deref(), Some("calendar"));
    assert_eq!(
        house.field(&first_incident(), "short_description"),
        "Tea: declined"
    );
    assert!(house.comments(&first_incident()).is_empty());
}

#[test]
fn where_no_action_takes_it_an_answer_to_an_invitation_is_a_reply() {
    let house = house("");
    let done = take(&house, &calendar_answer(&house, "ACCEPTED")).outcome;
    assert_eq!(
        (done.class, done.state),
        (Class::Calendar, InboundState::Processed)
    );
    assert_eq!(house.comments(&first_incident()), ["Yes."]);
}

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(path).unwrap())
}

#[test]
fn a_mail_that_ends_three_processes_is_quarantined_and_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postrider.db");
    let house = House::over(open(&path), |text| text);
    assert!(house.put(from("carol@example.net").as_bytes()));
    assert_eq!(house.store.due_inbound(now(), 10).unwrap().len(), 1);
    for _ in 1..3 {
        let died = open(&path).due_inbound(now(), 10).unwrap();
        assert_eq!(died.len(), 1, "it is tried again");
    }
    assert!(house.put(from("dora@example.net").as_bytes()));
    let store = open(&path);
    let processor = Processor::new(
        Arc::clone(&house.config),
        Arc::clone(&store),
        house.signer.clone(),
    );
    let done = processor.run_once(now()).unwrap();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].from, "dora@example.net");
    assert!(processor.run_once(now()).unwrap().is_empty());
    let held = InboundFilter {
        state: Some(InboundState::Held),
        limit: 10,
        ..InboundFilter::default()
    };
    let rows = store.inbound_rows(&held).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        rows[0].outcome.reason,
        "quarantined: 3 processes ended while they worked on it"
    );
    let again = processor.reprocess(rows[0].outcome.id, now()).unwrap();
    assert_eq!(
        again.outcome.state,
        InboundState::Processed,
        "a person may try again"
    );
}

/// An attribute of a TNEF stream (MS-OXTNEF 2.1.3.1).
fn attribute(level: u8, id: u16, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let sum = |sum: u16, octet: &u8| sum.wrapping_add(u16::from(*octet));
    let head = [&[level][..], &id.to_le_bytes(), &[0, 0]].concat();
    [
        &head,
        &length.to_le_bytes()[..],
        data,
        &data.iter().fold(0, sum).to_le_bytes(),
    ]
    .concat()
}

fn winmail(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut stream = [&0x223E_9F78_u32.to_le_bytes()[..], &[1, 0]].concat();
    for (name, content) in files {
        stream.extend(attribute(2, 0x9002, &[0; 14]));
        stream.extend(attribute(2, 0x8010, format!("{name}\0").as_bytes()));
        stream.extend(attribute(2, 0x800F, content));
    }
    stream
}

#[test]
fn what_is_in_a_winmail_dat_is_attached_under_safe_names() {
    let house = House::with(|text| text);
    let inside = winmail(&[("plan.txt", b"tea at four"), ("../../plan.txt", b"cake")]);
    let hex: String = inside.iter().map(|b| format!("={b:02X}")).collect();
    let lines: Vec<String> = hex
        .as_bytes()
        .chunks(72)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let encoded = lines.join("=\n");
    let done = take(
        &house,
        &format!(
            "From: carol@example.net\nTo: support@example.org\nSubject: Plans\nContent-Type: multipart/mixed; boundary=b\n\n\
             --b\n\nSee inside.\n--b\nContent-Type: application/ms-tnef; name=winmail.dat\n\
             Content-Disposition: attachment; filename=winmail.dat\nContent-Transfer-Encoding: quoted-printable\n\n{encoded}\n--b--\n"
        ),
    );
    let record: RecordKey = done.outcome.record.unwrap();
    let files = house.store.attachments(&record).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(names[0], "plan.txt");
    assert!(
        !names[1].contains(['/', '\\']) && names[1] != "plan.txt",
        "{names:?}"
    );
    let content = house
        .store
        .attachment_content(files[0].id)
        .unwrap()
        .unwrap();
    assert_eq!(content, b"tea at four");
    assert_eq!(files[0].sha256, sha256(b"tea at four"));
    assert_eq!(files[1].sha256, sha256(b"cake"));
    assert_eq!(files[0].author, "carol@example.net");
}
