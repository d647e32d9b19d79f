use super::digest::Digest;
use crate::UniqueId;
use std::fmt;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A message is durable in the store.
    Seen(Seen),
    /// It is marked as deleted; QUIT comes next.
    DelePending(u64),
    /// The server no longer has it, as we wanted.
    Committed(u64, u64),
    /// The server no longer has it, and it was not us.
    Gone(u64, u64),
    /// A message could not be retrieved.
    Failed(UniqueId, u64),
    /// TOP brought the session down; do not use it again.
    TopBroken,
}

/// A message as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its name in this journal.
    pub(super) id: u64,
    /// The entry that it takes the place of: the same message under another unique-id.
    pub(super) from: Option<u64>,
    pub(super) uid: Option<UniqueId>,
    /// Octets by LIST.
    pub(super) listed: u64,
    /// Of what lasts of it ([`Prints`](super::digest::Prints)).
    pub(super) content: Digest,
    pub(super) header: Digest,
    /// When it was first seen, in seconds since 1970.
    pub(super) at: u64,
    /// Where the store put it.
    pub(super) place: String,
}

impl Record {
    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let keyword = words.next()?;
        let record = match keyword {
            "seen" => Self::Seen(Seen {
                id: words.next()?.parse().ok()?,
                from: optional(words.next()?, |from| from.parse().ok())?,
                uid: optional(words.next()?, |uid| {
                    UniqueId::new(uid.strip_prefix('=')?).ok()
                })?,
                listed: words.next()?.parse().ok()?,
                content: Digest::parse(words.next()?)?,
                header: Digest::parse(words.next()?)?,
                at: words.next()?.parse().ok()?,
                place: unescape(words.next()?)?,
            }),
            "pending" => Self::DelePending(words.next()?.parse().ok()?),
            "committed" => {
                Self::Committed(words.next()?.parse().ok()?, words.next()?.parse().ok()?)
            }
            "gone" => Self::Gone(words.next()?.parse().ok()?, words.next()?.parse().ok()?),
            "failed" => Self::Failed(
                UniqueId::new(words.next()?.strip_prefix('=')?).ok()?,
                words.next()?.parse().ok()?,
            ),
            "top-broken" => Self::TopBroken,
            _ => return None,
        };
        words.next().is_none().then_some(record)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(seen) => seen.fmt(f),
            Self::DelePending(id) => write!(f, "pending {id}"),
            Self::Committed(id, at) => write!(f, "committed {id} {at}"),
            Self::Gone(id, at) => write!(f, "gone {id} {at}"),
            Self::Failed(uid, at) => write!(f, "failed ={uid} {at}"),
            Self::TopBroken => f.write_str("top-broken"),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seen {} ", self.id)?;
        match self.from {
            Some(from) => write!(f, "{from} ")?,
            None => f.write_str("- ")?,
        }
        match &self.uid {
            Some(uid) => write!(f, "={uid} ")?,
            None => f.write_str("- ")?,
        }
        let Self {
            listed,
            content,
            header,
            at,
            place,
            ..
        } = self;
        write!(f, "{listed} {content} {header} {at} {}", escape(place))
    }
}

/// `-` is nothing; anything else must be read.
fn optional<T>(word: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if word == "-" {
        Some(None)
    } else {
        read(word).map(Some)
    }
}

/// A place may have any character; in the journal it is one word of visible ASCII.
fn escape(place: &str) -> String {
    use fmt::Write;
    let mut word = String::from("=");
    for byte in place.bytes() {
        let written = match byte {
            b'!'..=b'~' if byte != b'%' => word.write_char(char::from(byte)),
            _ => write!(word, "%{byte:02x}"),
        };
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
    word
}

fn unescape(word: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = word.strip_prefix('=')?.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_of_a_place_stands_as_it_is() {
        assert_eq!(escape("new/a~!"), "=new/a~!");
        assert_eq!(escape("a b%c\u{e4}\x7f"), "=a%20b%25c%c3%a4%7f");
    }

    #[test]
    fn what_is_written_is_read_back_equal() {
        let digest = Digest::of(&[b"x"]);
        let seen = |uid: Option<&str>, from, place: &str| {
            Record::Seen(Seen {
                id: 7,
                from,
                uid: uid.map(|uid| UniqueId::new(uid).unwrap()),
                listed: 60,
                content: digest,
                header: digest,
                at: 1_700_000_000,
                place: place.to_owned(),
            })
        };
        let records = [
            seen(Some("../../../../etc/pwn"), None, "new/a b\n%\u{e4}"),
            seen(Some("-"), Some(3), ""),
            seen(None, None, "-"),
            Record::DelePending(1),
            Record::Committed(2, 9),
            Record::Gone(3, 9),
            Record::Failed(UniqueId::new("-").unwrap(), 9),
            Record::TopBroken,
        ];
        for record in records {
            let text = record.to_string();
            assert!(text.bytes().all(|b| matches!(b, b' '..=b'~')), "{text:?}");
            assert_eq!(Record::parse(&text), Some(record), "{text:?}");
        }
        for text in [
            "",
            "seen",
            "pending x",
            "pending 1 2",
            "gone 1",
            "seen 1 - = 1",
        ] {
            assert_eq!(Record::parse(text), None, "{text:?}");
        }
    }
}
