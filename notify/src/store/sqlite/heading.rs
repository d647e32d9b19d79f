//! What lists show of an inbound mail: who wrote it, and about what.

use postrider_mime::Message;

/// Octets of the mail that are looked at, and letters that are kept.
const LOOK_AT: usize = 64 * 1024;
const KEEP: usize = 200;

/// Sender and subject, decoded, each on one line; empty where the mail does not say.
pub(super) fn of(raw: &[u8]) -> (String, String) {
    let message = Message::parse(raw.get(..LOOK_AT).unwrap_or(raw));
    let sender = message.from().mailboxes().next().map(|mailbox| {
        let address = mailbox.address.as_deref().unwrap_or_default();
        match mailbox.name.as_deref() {
            Some(name) if !name.is_empty() => format!("{name} <{address}>"),
            _ => address.to_owned(),
        }
    });
    let subject = message.subject().unwrap_or_default();
    (line(&sender.unwrap_or_default()), line(&subject))
}

fn line(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(KEEP).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_and_subject_are_decoded_and_on_one_line() {
        let raw = b"FROM: =?utf-8?q?Ad=C3=A1?= <ada@b>\r\nSubject: one\r\n\ttwo =?utf-8?q?=1B[2J?=\r\n\r\nFrom: x\r\n";
        let (sender, subject) = of(raw);
        assert_eq!(sender, "Ad\u{e1} <ada@b>");
        assert!(subject.starts_with("one"), "{subject}");
        assert!(
            subject.contains("two") && !subject.contains(char::is_control),
            "{subject}"
        );
        assert_eq!(of(b"From: ada@b\r\n\r\n").0, "ada@b");
        assert_eq!(of(b""), (String::new(), String::new()));
        assert!(
            of(&[b"Subject: ".as_slice(), &[b'x'; 9999]].concat())
                .1
                .len()
                <= KEEP
        );
    }
}
