//! Importance, and the files of the record that go along.

use super::*;
use crate::attachment::NewAttachment;
use bytes::Bytes;

const TEMPLATE: &str = "template = \"incident_assigned\"";

fn house(outgoing: &str, notification: &str) -> House {
    House::with(|config| {
        let config = config.replace(TEMPLATE, &format!("{TEMPLATE}\n{notification}"));
        config.replace(
            "[pop3.support]",
            &format!("[outgoing]\n{outgoing}\n[pop3.support]"),
        )
    })
}

/// Attaches files to an incident of Ada's; gives the names of those in her mail, and the detail of its verdict.
fn sent(house: &House, files: &[(&str, &str, usize)]) -> (Vec<String>, String) {
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    let attach = |(name, media_type, size): &(&str, &str, usize)| {
        let content = Bytes::from(format!("{name:.>size$}"));
        NewAttachment::new((*name).into(), (*media_type).into(), content, "grace").of(key.clone())
    };
    let attachments = files.iter().map(attach).collect();
    let work = Work {
        attachments,
        ..Work::default()
    };
    house.store.commit(&work).unwrap();
    let settlement = house.settle();
    let raw = mails(&settlement)[0].raw.clone();
    let message = Message::parse(&raw);
    assert_eq!(message.defects(), []);
    let names = message.attachments().into_iter();
    let names = names.map(|part| part.safe_file_name()).collect();
    (names, settlement.matches[0].recipients[0].detail.clone())
}

#[test]
fn the_files_of_the_record_go_along_if_the_notification_says_so() {
    let files = [
        ("a.pdf", "application/pdf", 100),
        ("ünicode.txt", "text/plain", 50),
    ];
    let (names, detail) = sent(&house("", "include_attachments = true"), &files);
    assert_eq!(
        (names.as_slice(), detail.as_str()),
        (&["a.pdf".to_owned(), "ünicode.txt".to_owned()][..], "")
    );
    assert_eq!(sent(&house("", ""), &files).0, [""; 0]);
}

#[test]
fn what_is_beyond_the_limits_is_left_out_and_named() {
    let files = [
        ("big", "x/y", 300),
        ("a", "x/y", 40),
        ("b", "x/y", 40),
        ("c", "x/y", 1),
    ];
    let small = house("max_attachment_octets = 100", "include_attachments = true");
    let (names, detail) = sent(&small, &files);
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(
        detail,
        "big left out: with it the files have more than `max_attachment_octets` = 100"
    );
    let few = house("max_attachments = 2", "include_attachments = true");
    let (names, detail) = sent(&few, &files);
    assert_eq!(names, ["big", "a"]);
    assert_eq!(detail, "2 more left out: `max_attachments` = 2");
}

#[test]
fn a_mail_goes_without_its_files_rather_than_not_at_all() {
    let house = house("max_message = 20000", "include_attachments = true");
    let (names, detail) = sent(&house, &[("big", "x/y", 30_000)]);
    assert_eq!(names, [""; 0]);
    assert_eq!(
        detail,
        "1 files left out: with them the mail is larger than `max_message` = 20000"
    );
}

#[test]
fn a_type_that_is_none_goes_along_as_octets() {
    let files = [
        ("m", "multipart/mixed; boundary=x", 9),
        ("n", "message/rfc822", 9),
        ("o", "", 9),
    ];
    let (names, _) = sent(&house("", "include_attachments = true"), &files);
    assert_eq!(names, ["m", "n", "o"]);
}

#[test]
fn rfc2156_2_2_importance_is_a_field_that_programs_read() {
    let fields = |importance: &str| {
        let house = house("", importance);
        house.incident(json!({"assigned_to": "ada"}), "");
        let settlement = house.settle();
        let message = Message::parse(&mails(&settlement)[0].raw);
        ["Importance", "X-Priority", "Priority"]
            .map(|name| message.header(name).map(|field| field.text().into_owned()))
    };
    let some = |words: [&str; 3]| words.map(|word| Some(word.to_owned()));
    assert_eq!(
        fields("importance = \"high\""),
        some(["high", "1 (Highest)", "urgent"])
    );
    assert_eq!(
        fields("importance = \"low\""),
        some(["low", "5 (Lowest)", "non-urgent"])
    );
    assert_eq!(fields("importance = \"normal\""), [None, None, None]);
    assert_eq!(fields(""), [None, None, None]);
}

#[test]
fn no_more_is_settled_or_claimed_together_once_it_has_sixteen_mebibytes() {
    let house = house("", "include_attachments = true");
    let content = Bytes::from(vec![0xff; (8 << 20) + 1]);
    let file = NewAttachment::new("big".into(), "x/y".into(), content, "grace");
    let incident = || house.incident(json!({"assigned_to": "ada"}), "");
    let attachments = (0..3).map(|_| file.clone().of(incident())).collect();
    let work = Work {
        attachments,
        ..Work::default()
    };
    house.store.commit(&work).unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    let processor = Processor::new(
        house.config.clone(),
        house.store.clone(),
        house.signer.clone(),
    );
    for together in [2, 1, 0] {
        let due = house.store.due_events(now, 100).unwrap();
        let settled = processor.settle_all(&due, now).unwrap();
        assert_eq!(settled.len(), together);
        house.store.settle(&settled).unwrap();
    }
    let account = house.config.smtp[0].name.as_str();
    let lease = std::time::Duration::from_secs(60);
    for together in [2, 1, 0] {
        let claimed = house.store.claim(&[account], "worker", now, lease, 100);
        assert_eq!(claimed.unwrap().len(), together);
    }
}
