//! What a reader makes of a mail, as far as two can be compared, and the mails that all readers have to agree on.

use postrider_mime::{AddressList, Message, Part, TransferEncoding};
use postrider_tests::properties::naive;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where differences are noted, one a line.
const DIFFERENCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/artifacts/peers/differences");

/// The most that one run notes: a fuzzer comes back to what it has found once, in many forms.
const MOST: usize = 200;

/// Notes where a peer reads something else than we do, with the mail. No difference ends the run: most are faults of the peer, and
/// behind the first one there may be one of ours.
pub fn compare(peer: &str, mail: &[u8], ours: &Read, theirs: Option<&Read>) {
    static NOTED: AtomicUsize = AtomicUsize::new(0);
    if theirs == Some(ours) || NOTED.fetch_add(1, Ordering::Relaxed) >= MOST {
        return;
    }
    let mail = mail.escape_ascii();
    let line = format!("{peer}: ours {ours:?}, theirs {theirs:?}, of {mail}\n");
    note(&line).expect("a difference can be noted");
}

fn note(line: &str) -> io::Result<()> {
    fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/artifacts/peers"))?;
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(DIFFERENCES)?;
    file.write_all(line.as_bytes())
}

/// What is compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub subject: String,
    /// Names and addresses of From, To and Cc, one behind the other.
    pub mailboxes: Vec<(String, String)>,
    /// The content of each part that has no parts of its own, in order.
    pub contents: Vec<String>,
}

impl Read {
    /// Tolerated: of the phrase `The "second"` mail-parser makes `Thesecond` and mailparse `The "second"`. Its words are `The` and
    /// `second`, and the quotes are no part of them (RFC 5322 §3.2.4, §3.2.5).
    pub fn tolerant(mut self) -> Self {
        for (name, _) in &mut self.mailboxes {
            name.retain(|letter| !matches!(letter, ' ' | '"'));
        }
        self
    }
}

/// What we read. `opens` says of a part whether what is in it is read as parts, `content` what a part without parts holds.
pub fn ours(
    message: &Message<'_>,
    opens: fn(Part<'_>) -> bool,
    content: fn(Part<'_>) -> Vec<u8>,
) -> Read {
    let mut contents = Vec::new();
    let mut open = vec![message.root()];
    while let Some(part) = open.pop() {
        if opens(part) && part.first_child().is_some() {
            let children: Vec<_> = part.children().collect();
            open.extend(children.into_iter().rev());
        } else {
            contents.push(shown(&content(part)));
        }
    }
    let lists = [message.from(), message.to(), message.cc()];
    Read {
        subject: spaced(&message.subject().unwrap_or_default()),
        mailboxes: lists.iter().flat_map(mailboxes).collect(),
        contents,
    }
}

fn mailboxes(list: &AddressList<'_>) -> Vec<(String, String)> {
    let read = list.mailboxes().map(|mailbox| {
        let name = spaced(mailbox.name.as_deref().unwrap_or_default());
        (
            name,
            mailbox.address.as_deref().unwrap_or_default().to_owned(),
        )
    });
    read.collect()
}

/// Octets so that two of them can be told apart by eye.
pub fn shown(content: &[u8]) -> String {
    match str::from_utf8(content) {
        Ok(text) => text.to_owned(),
        Err(_) => content.escape_ascii().to_string(),
    }
}

/// Whether everybody has to read the mail in the same way: it is as RFC 5322 §2 and RFC 2045 want it, without what they call
/// obsolete, and nothing was said about it while it was read.
pub fn is_well_formed(mail: &[u8], message: &Message<'_>) -> bool {
    let lists = [message.from(), message.to(), message.cc()];
    has_lines(mail)
        && message.headers().next().is_some()
        && message.defects().is_empty()
        && message.parts().all(is_regular)
        && lists
            .iter()
            .flat_map(AddressList::mailboxes)
            .all(|mailbox| mailbox.regular)
}

/// Lines of at most 998 octets that end with CRLF; no NUL, CR or LF elsewhere (RFC 5322 §2.1, §2.3).
fn has_lines(mail: &[u8]) -> bool {
    let short = |line: &[u8]| line.len() <= 999;
    naive::normalised(mail) == mail
        && mail.split(|octet| *octet == b'\n').all(short)
        && !mail.contains(&0)
}

fn is_regular(part: Part<'_>) -> bool {
    let ascii = |octet: &u8| matches!(octet, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    let known = part.transfer_encoding() != TransferEncoding::Unknown;
    part.raw_header().iter().all(ascii)
        && known
        && part
            .raw_header()
            .split(u8::is_ascii_whitespace)
            .all(is_whole)
        && no_line_goes_on_behind_its_boundary(part)
        && part.content_type().defects().is_empty()
        && part
            .content_type()
            .charset()
            .is_none_or(|charset| is_known(charset.as_bytes()))
        && part.content().defect.is_none()
        && part.text().defect.is_none()
}

/// A word of a header that looks like an encoded word is one and nothing else (RFC 2047 §2, §5); we read more than that.
fn is_whole(word: &[u8]) -> bool {
    let looks_so = word.windows(2).any(|pair| pair == b"=?" || pair == b"?=");
    let marks = word.iter().filter(|octet| **octet == b'?').count();
    !looks_so
        || (word.starts_with(b"=?") && word.ends_with(b"?=") && marks == 4 && is_encoded(word))
}

/// The text of an encoded word is in its encoding, `Q`, or `B` in whole groups, and in a charset that everybody knows: what stands
/// there in another and is no UTF-8 we leave as it is, and mail-parser reads what of it is.
fn is_encoded(word: &[u8]) -> bool {
    let mut fields = word.split(|octet| *octet == b'?').skip(1);
    let charset = fields.next().unwrap_or_default();
    let (encoding, text) = (fields.next(), fields.next().unwrap_or_default());
    let mut escapes = text.split(|octet| *octet == b'=').skip(1);
    is_known(charset)
        && match encoding {
            Some(b"Q" | b"q") => {
                escapes.all(|rest| rest.len() > 1 && rest[..2].iter().all(u8::is_ascii_hexdigit))
            }
            Some(b"B" | b"b") => text.len().is_multiple_of(4),
            _ => false,
        }
}

/// Tolerated: mailparse takes every line that begins with a delimiter for one, `--bottom` where the boundary is `b`; it is a whole
/// line (RFC 2046 §5.1.1).
fn no_line_goes_on_behind_its_boundary(part: Part<'_>) -> bool {
    let content_type = part.content_type();
    let Some(boundary) = content_type.boundary().filter(|_| part.is_multipart()) else {
        return true;
    };
    let delimiter = [b"--", boundary.as_slice()].concat();
    let mut rests = part
        .raw_body()
        .split(|octet| *octet == b'\n')
        .filter_map(|line| line.strip_prefix(delimiter.as_slice()));
    rests.all(|rest| matches!(rest.trim_ascii_end(), b"" | b"--"))
}

/// A charset of which nobody has a notion of their own, as they have of UTF-16 without a byte order mark.
fn is_known(charset: &[u8]) -> bool {
    let known: [&[u8]; 3] = [b"utf-8", b"us-ascii", b"iso-8859-1"];
    known
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known))
}

/// Runs of blanks as one: how many a fold makes, readers do not agree on (RFC 5322 §2.2.3 keeps them).
pub fn spaced(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}
