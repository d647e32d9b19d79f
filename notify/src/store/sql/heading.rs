//! What lists show of an inbound mail: who wrote it, and about what.

use postrider_mime::Message;

/// Octets of the mail that are looked at, and letters that are kept.
const LOOK_AT: usize = 64 * 1024;
const KEEP: usize = 200;

/// What lists show.
pub(super) struct Heading {
    /// Name and address in From, decoded, on one line.
    pub(super) sender: String,
    /// The address alone.
    pub(super) author: String,
    /// The subject, decoded, on one line.
    pub(super) subject: String,
}

/// Reads it; empty where the mail does not say.
pub(super) fn of(raw: &[u8]) -> Heading {
    let message = Message::parse(raw.get(..LOOK_AT).unwrap_or(raw));
    let from = message.from();
    let first = from
        .mailboxes()
        .find(|m| m.address.as_deref().is_some_and(|a| !a.is_empty()));
    let first = first.or_else(|| from.mailboxes().next());
    let (name, address) = first.map_or(("", ""), |mailbox| {
        (
            mailbox.name.as_deref().unwrap_or_default(),
            mailbox.address.as_deref().unwrap_or_default(),
        )
    });
    let sender = match name {
        "" => address.to_owned(),
        name => format!("{name} <{address}>"),
    };
    let subject = message.subject().unwrap_or_default();
    Heading {
        sender: line(&sender),
        author: line(address),
        subject: line(&subject),
    }
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
        let Heading {
            sender,
            author,
            subject,
        } = of(raw);
        assert_eq!(
            (sender.as_str(), author.as_str()),
            ("Ad\u{e1} <ada@b>", "ada@b")
        );
        assert!(subject.starts_with("one"), "{subject}");
        assert!(
            subject.contains("two") && !subject.contains(char::is_control),
            "{subject}"
        );
        assert_eq!(of(b"From: ada@b\r\n\r\n").sender, "ada@b");
        assert_eq!(of(b"").sender, "");
        let long = [b"Subject: ".as_slice(), &[b'x'; 9999]].concat();
        assert!(of(&long).subject.len() <= KEEP);
    }
}
