use std::fmt;
use std::ops::Range;

use super::comes_from_inside;
use crate::field_name::FieldId;
use crate::message::Message;
use crate::message_id::MessageId;

/// Why a message cannot be sent in fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitError {
    /// It has octets above 127 or NUL. Fragments are 7bit (RFC 2046 §5.2.2), and so has to be what they carry.
    NotSevenBit,
    /// A header, or a line of the body, is longer than the size that a fragment may have.
    TooSmall,
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSevenBit => "it cannot be split: it has octets that 7bit does not allow",
            Self::TooSmall => {
                "it cannot be split: its header or a line is longer than a fragment may be"
            }
        })
    }
}

impl std::error::Error for SplitError {}

/// Takes a message apart into fragments of at most `size` octets, each a message of its own (RFC 2046 §5.2.2.1).
///
/// Content-…, Subject, Message-ID, Encrypted and MIME-Version go into the enclosed message; all other fields stand in every
/// fragment. Fragments end at the end of a line. `id` names the whole, and the Message-IDs of the fragments are made of it.
///
/// [`reassemble`](super::reassemble) makes the same message again: octet by octet where its lines end with CRLF and
/// those fields are the last ones of its header; otherwise they are moved there. Lines that are no header field are lost.
///
/// ```
/// use postrider_mime::{Message, MessageId, partial};
///
/// let whole = b"From: a@example.org\r\nSubject: long\r\n\r\nline\r\nline\r\nline\r\n";
/// let fragments = partial::split(&Message::parse(whole), 258, &MessageId::parse("1@example.org")?)?;
/// assert!(fragments.len() > 1);
/// let arrived: Vec<Message<'_>> = fragments.iter().map(|bytes| Message::parse(bytes)).collect();
/// assert_eq!(partial::reassemble(&arrived).as_deref(), Some(&whole[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn split(
    message: &Message<'_>,
    size: usize,
    id: &MessageId,
) -> Result<Vec<Vec<u8>>, SplitError> {
    if message.raw().iter().any(|octet| matches!(octet, 0 | 128..)) {
        return Err(SplitError::NotSevenBit);
    }
    let enclosed = enclosed(message);
    let outer = Outer::of(message, id.as_str());
    // Numbers are not known yet, and never longer than these.
    let header = outer.header(u32::MAX, u32::MAX).len();
    let room = size.checked_sub(header).ok_or(SplitError::TooSmall)?;
    let pieces = pieces(&enclosed, room)?;
    let total = u32::try_from(pieces.len()).map_err(|_| SplitError::TooSmall)?;
    let fragments = pieces.into_iter().zip(1..).map(|(piece, number)| {
        let mut fragment = outer.header(number, total);
        fragment.extend_from_slice(enclosed.bytes.get(piece).unwrap_or_default());
        fragment
    });
    Ok(fragments.collect())
}

/// The message that the fragments carry, and how much of it must be in the first one.
struct Enclosed {
    bytes: Vec<u8>,
    header: usize,
}

fn enclosed(message: &Message<'_>) -> Enclosed {
    let mut bytes = Vec::with_capacity(message.raw().len());
    for field in message.headers().filter(|f| comes_from_inside(f.name())) {
        field_to(&mut bytes, message.raw().get(field.span()));
    }
    bytes.extend_from_slice(b"\r\n");
    let header = bytes.len();
    let body = message.root().body_span();
    bytes.extend_from_slice(message.raw().get(body).unwrap_or_default());
    Enclosed { bytes, header }
}

fn field_to(out: &mut Vec<u8>, field: Option<&[u8]>) {
    out.extend_from_slice(field.unwrap_or_default());
    out.extend_from_slice(b"\r\n");
}

/// Where to cut: behind the end of a line, no piece longer than `room`, the header all in the first one.
fn pieces(enclosed: &Enclosed, room: usize) -> Result<Vec<Range<usize>>, SplitError> {
    let all = enclosed.bytes.len();
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut least = enclosed.header;
    loop {
        if all - start <= room {
            pieces.push(start..all);
            return Ok(pieces);
        }
        let most = enclosed.bytes.get(start..start + room).unwrap_or_default();
        let end = memchr::memrchr(b'\n', most).map(|at| start + at + 1);
        match end.filter(|end| *end >= least) {
            Some(end) => pieces.push(start..end),
            None => return Err(SplitError::TooSmall),
        }
        start = end.unwrap_or(all);
        least = 0;
    }
}

/// What the headers of all fragments have in common.
struct Outer<'m> {
    fields: Vec<u8>,
    subject: Option<&'m [u8]>,
    id: &'m str,
}

impl<'m> Outer<'m> {
    fn of(message: &'m Message<'_>, id: &'m str) -> Self {
        let mut fields = Vec::new();
        for field in message.headers().filter(|f| !comes_from_inside(f.name())) {
            field_to(&mut fields, message.raw().get(field.span()));
        }
        let subject = message.root().field(FieldId::Subject);
        let subject = subject.and_then(|field| message.raw().get(field.span()));
        Self {
            fields,
            subject,
            id,
        }
    }

    /// The header of a fragment, with the empty line.
    fn header(&self, number: u32, total: u32) -> Vec<u8> {
        let mut out = self.fields.clone();
        if let Some(subject) = self.subject {
            out.extend_from_slice(subject.trim_ascii_end());
            out.extend_from_slice(format!("\r\n (part {number} of {total})\r\n").as_bytes());
        }
        let quoted = self.id.replace('\\', "\\\\").replace('"', "\\\"");
        let id = self.id;
        let own = format!(
            "Message-ID:\r\n <{number}.{id}>\r\nMIME-Version: 1.0\r\nContent-Type: message/partial;\r\n id=\"{quoted}\";\r\n \
             number={number}; total={total}\r\n\r\n"
        );
        out.extend_from_slice(own.as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::reassemble;
    use proptest::prelude::*;

    fn id() -> MessageId {
        MessageId::parse("whole\"1@example.org").unwrap()
    }

    fn together(fragments: &[Vec<u8>]) -> Option<Vec<u8>> {
        let mut read: Vec<_> = fragments.iter().map(|f| Message::parse(f)).collect();
        read.reverse();
        reassemble(&read)
    }

    const WHOLE: &[u8] = b"From: Bill@host.com\r\nX-Weird-Header-1: Bar\r\n folded\r\nMessage-ID: <anotherid@foo.com>\r\n\
        Subject: Audio mail\r\nMIME-Version: 1.0\r\nContent-type: audio/basic\r\n\
        Content-transfer-encoding: base64\r\n\r\nAAAA\r\nBBBB\r\nCCCC\r\n";

    #[test]
    fn rfc2046_5_2_2_1_which_fields_go_where() {
        let fragments = split(&Message::parse(WHOLE), 420, &id()).unwrap();
        assert!(fragments.len() > 1);
        for (bytes, number) in fragments.iter().zip(1..) {
            let fragment = Message::parse(bytes);
            assert_eq!(fragment.defects(), []);
            let names: Vec<_> = fragment.headers().map(|f| f.name()).collect();
            let expected = [
                "From",
                "X-Weird-Header-1",
                "Subject",
                "Message-ID",
                "MIME-Version",
                "Content-Type",
            ];
            assert_eq!(names, expected);
            let told = fragment.root().fragment().unwrap();
            assert_eq!((&*told.id, told.number), ("whole\"1@example.org", number));
            assert_eq!(told.total, u32::try_from(fragments.len()).ok());
            let subject = format!("Audio mail (part {number} of {})", fragments.len());
            assert_eq!(fragment.subject().as_deref(), Some(&*subject));
        }
        let first = Message::parse(&fragments[0]);
        let inner = Message::parse(first.root().raw_body());
        let names: Vec<_> = inner.headers().map(|f| f.name()).collect();
        let expected = [
            "Message-ID",
            "Subject",
            "MIME-Version",
            "Content-type",
            "Content-transfer-encoding",
        ];
        assert_eq!(names, expected);
        assert_eq!(together(&fragments).as_deref(), Some(WHOLE));
    }

    #[test]
    fn what_cannot_be_split_says_why() {
        let split = |bytes: &[u8], size| split(&Message::parse(bytes), size, &id()).err();
        let eight = "Subject: x\r\n\r\né\r\n".as_bytes();
        assert_eq!(split(eight, 9_999), Some(SplitError::NotSevenBit));
        assert_eq!(split(WHOLE, 100), Some(SplitError::TooSmall));
        let long = [b"Subject: x\r\n\r\n", &[b'x'; 900][..]].concat();
        assert_eq!(split(&long, 500), Some(SplitError::TooSmall));
        assert_eq!(split(&long, 2_000), None);
        for error in [SplitError::NotSevenBit, SplitError::TooSmall] {
            assert!(error.to_string().starts_with("it cannot be split: it"));
        }
    }

    #[test]
    fn rfc2046_5_2_2_1_the_header_inside_is_all_in_the_first_fragment() {
        let whole = "Content-Description: x\r\n".repeat(20) + "\r\nbody\r\n";
        let split = |size| split(&Message::parse(whole.as_bytes()), size, &id());
        assert_eq!(split(500), Err(SplitError::TooSmall));
        assert!(split(800).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reassemble_undoes_split_and_no_fragment_is_larger_than_asked_for(
            outer in prop::collection::vec("X-[A-Z]{1,8}: [ -~]{0,30}(\r\n [!-~]{1,20})?", 0..4),
            inner in prop::collection::vec("(Subject|Content-[A-Z]{1,5}|Encrypted|MIME-Version|Message-ID): [ -~]{0,30}", 0..4),
            body in "([ -~]{0,40}\r\n){0,30}[ -~]{0,20}",
            size in 100_usize..1_200,
        ) {
            let fields = outer.iter().chain(&inner).map(|field| format!("{field}\r\n"));
            let whole = format!("{}\r\n{body}", fields.collect::<String>());
            match split(&Message::parse(whole.as_bytes()), size, &id()) {
                Ok(fragments) => {
                    prop_assert!(fragments.iter().all(|f| f.len() <= size));
                    let again = together(&fragments);
                    prop_assert_eq!(again.as_deref().map(String::from_utf8_lossy), Some(whole.into()));
                }
                Err(error) => prop_assert!(error == SplitError::TooSmall && size < 900),
            }
        }
    }
}
