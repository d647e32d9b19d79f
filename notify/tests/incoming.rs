//! `[incoming]` and what mails carry: whom mail is taken from, whose replies count, and which files stay.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::inbound::processor::{Processed, Processor};
use postrider_notify::inbound::{Class, InboundState};
use postrider_notify::record::RecordKey;
use postrider_notify::store::{InboundFilter, SqliteStore, Store};
use serde_json::Value;
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

#[test]
fn a_stranger_who_is_a_guest_comments_only_where_guests_may() {
    for (guests, state) in [
        ("ignore", InboundState::Ignored),
        ("hold", InboundState::Held),
        ("accept", InboundState::Processed),
    ] {
        let house = House::with(|text| {
            format!("{text}\n[incoming]\nstrangers = \"comment\"\nguests = \"{guests}\"\n")
        });
        let comments = state == InboundState::Processed;
        let by_token = strangers_reply(&house);
        let by_number = "From: mallory@example.net\nTo: support@example.org\nSubject: Re: INC0010001\n\nClose it.\n";
        for mail in [by_token.as_str(), by_number] {
            let done = take(&house, mail).outcome;
            assert_eq!(done.state, state, "{guests}: {}", done.reason);
            assert_eq!(done.record.is_some(), comments, "{guests}");
            let guest = "mallory@example.net is no active user";
            assert_eq!(done.reason.contains(guest), !comments, "{}", done.reason);
        }
        let before = house.comments(&first_incident()).len();
        assert_eq!(before, if comments { 2 } else { 0 });
        // A user is no guest.
        let grace = by_token.replace("mallory@example.net", "grace@example.org");
        let done = take(&house, &grace).outcome;
        assert_eq!(done.state, InboundState::Processed, "{}", done.reason);
        assert_eq!(house.comments(&first_incident()).len(), before + 1);
    }
}

#[test]
fn what_somebody_passes_on_is_in_the_record_that_it_makes() {
    let mail = "From: carol@example.net\nTo: support@example.org\nSubject: Fwd: Pump\n\nFYI\n\n\
                ---------- Forwarded message ---------\nFrom: Dora <dora@example.net>\nDate: Mon, 23 Nov 2026\n\
                Subject: Pump\nTo: Carol <carol@example.net>\n\nThe pump leaks.\n\nparse_start\npriority: 1\nparse_end\n";
    let lines = "[inbound.new_incident]\nlines = [\"priority\"]\n";
    let house = House::with(|text| text.replace("[inbound.new_incident]\n", lines));
    let record = house.acts(mail.replace('\n', "\r\n").as_bytes());
    let description = house.field(&record, "description");
    let description = description.as_str().unwrap();
    assert!(description.starts_with("FYI\n"), "{description}");
    assert!(description.contains("The pump leaks."), "{description}");
    // Whoever wrote that sets nothing.
    assert_ne!(house.field(&record, "priority"), 1);
    // The same where a person takes it.
    let house = self::house("[incoming]\nguests = \"hold\"");
    let held = take(&house, mail).outcome;
    assert_eq!(held.class, Class::Forward);
    assert_eq!(held.state, InboundState::Held);
    let done = house.inbound.accept(held.id, None, now()).unwrap().outcome;
    let description = house.field(&done.record.unwrap(), "description");
    assert!(description.as_str().unwrap().contains("The pump leaks."));
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
    winmail_of(&[], files)
}

/// A TNEF stream with some attributes of the message, as they stand in it, before the files.
fn winmail_of(message: &[u8], files: &[(&str, &[u8])]) -> Vec<u8> {
    let signature = 0x223E_9F78_u32.to_le_bytes();
    let mut stream = [&signature[..], &[1, 0], message].concat();
    for (name, content) in files {
        stream.extend(attribute(2, 0x9002, &[0; 14]));
        stream.extend(attribute(2, 0x8010, format!("{name}\0").as_bytes()));
        stream.extend(attribute(2, 0x800F, content));
    }
    stream
}

/// The attribute with the MAPI properties of a message, one of them (MS-OXTNEF 2.1.3.4).
fn property(kind: u16, id: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    let padding = vec![0; (4 - value.len() % 4) % 4];
    let one = [1, 0, 0, 0];
    let head = [&one[..], &kind.to_le_bytes(), &id.to_le_bytes(), &one].concat();
    attribute(1, 0x9003, &[&head, &length[..], value, &padding].concat())
}

/// The part of a mail that is a winmail.dat.
fn winmail_part(stream: &[u8]) -> String {
    let hex: String = stream.iter().map(|b| format!("={b:02X}")).collect();
    let lines: Vec<&str> = (0..hex.len())
        .step_by(72)
        .map(|at| &hex[at..hex.len().min(at + 72)])
        .collect();
    let encoded = lines.join("=\n");
    format!(
        "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Disposition: attachment; filename=winmail.dat\n\
         Content-Transfer-Encoding: quoted-printable\n\n{encoded}\n"
    )
}

const PLANS: &str = "From: carol@example.net\nTo: support@example.org\nSubject: Plans\n";

/// A mail of a text and a winmail.dat.
fn with_text(text: &str, stream: &[u8]) -> String {
    let part = winmail_part(stream);
    format!("{PLANS}Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}\n--b\n{part}--b--\n")
}

/// The record that a mail made: its description, and the names of its files.
fn made(house: &House, mail: &str) -> (Value, Vec<String>) {
    let record = house.acts(mail.replace('\n', "\r\n").as_bytes());
    let files = house.store.attachments(&record).unwrap().into_iter();
    let names = files.map(|file| file.name).collect();
    (house.field(&record, "description"), names)
}

#[test]
fn files_of_a_mail_are_attached_under_safe_names() {
    let names = ["../../plan.txt", "/etc/passwd.txt", "C:\\\\notes.txt", ".."];
    let part = |name: &&str| {
        let field = format!("Content-Disposition: attachment; filename=\"{name}\"");
        format!("--b\nContent-Type: application/octet-stream\n{field}\n\n{name}\n")
    };
    let files: String = names.iter().map(part).collect();
    let head = format!("{PLANS}Content-Type: multipart/mixed; boundary=b\n\n");
    let (_, names) = made(
        &House::new(),
        &format!("{head}--b\n\nSee inside.\n{files}--b--\n"),
    );
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names[..3], ["plan.txt", "passwd.txt", "notes.txt"]);
    assert!(
        !names[3].contains(['/', '\\']) && names[3] != "..",
        "{names:?}"
    );
}

#[test]
fn what_is_in_a_winmail_dat_is_attached_under_safe_names() {
    let house = House::with(|text| text);
    let inside = winmail(&[("plan.txt", b"tea at four"), ("../../plan.txt", b"cake")]);
    let done = take(&house, &with_text("See inside.", &inside));
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

#[test]
fn a_winmail_dat_has_the_words_of_a_mail_that_has_no_others() {
    let house = House::with(|text| text);
    let file: &[(&str, &[u8])] = &[("plan.txt", b"tea")];
    let old = attribute(1, 0x800C, b"Tea at four.\r\nBring cake.\r\n\0");
    let html = property(0x1E, 0x1013, b"<p>Tea at <b>five</b>.</p>\0");
    let rtf = "{\\rtf1 Tea at six.}";
    let size = |more: usize| u32::try_from(rtf.len() + more).unwrap().to_le_bytes();
    let stored = [&size(12)[..], &size(0), b"MELA", &[0; 4], rtf.as_bytes()].concat();
    let rtf = property(0x102, 0x1009, &stored);
    for (message, words) in [
        (old.clone(), "Tea at four.\nBring cake."),
        (html.clone(), "Tea at five."),
        (rtf, "Tea at six."),
        ([old, html].concat(), "Tea at four.\nBring cake."),
    ] {
        let stream = winmail_of(&message, file);
        // A soft line break, so that no line end follows the stream.
        let bare = format!("{PLANS}{}=\n", winmail_part(&stream).trim_end());
        for mail in [bare, with_text("", &stream), with_text(" \n\n", &stream)] {
            let (description, names) = made(&house, &mail);
            assert_eq!(description, words, "{mail}");
            assert_eq!(names, ["plan.txt"]);
        }
        let (description, _) = made(&house, &with_text("See inside.", &stream));
        assert_eq!(description, "See inside.");
    }
}

#[test]
fn the_html_has_the_words_of_a_mail_whose_text_is_blank() {
    let html = "<p>Only html has the words</p>\n<blockquote>Tea?</blockquote>";
    for blank in ["", " ", "\u{a0}\n \u{200b}"] {
        let house = House::with(|text| text);
        let both = format!(
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n{blank}\n\
             --b\nContent-Type: text/html\n\n{html}\n--b--\n"
        );
        let (description, _) = made(&house, &format!("{PLANS}{both}"));
        assert_eq!(description, "Only html has the words");
        let to = house.reply_address(&first_incident(), "ada@example.org");
        let reply = format!("From: ada@example.org\nTo: {to}\nSubject: Re: Tea\n{both}");
        let done = take(&house, &reply).outcome;
        assert_eq!(done.state, InboundState::Processed, "{}", done.reason);
        assert_eq!(
            house.comments(&first_incident()),
            ["Only html has the words"]
        );
    }
}

#[test]
fn a_winmail_dat_that_breaks_off_is_kept_beside_what_was_in_it() {
    let house = House::with(|text| text);
    let whole = winmail(&[("plan.txt", b"tea"), ("more.txt", b"cake")]);
    let cut = &whole[..whole.len() - 3];
    let (_, names) = made(&house, &with_text("See inside.", cut));
    assert!(names.contains(&"plan.txt".into()), "{names:?}");
    assert!(names.contains(&"winmail.dat".into()), "{names:?}");
}
