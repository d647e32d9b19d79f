//! Messages in fragments (RFC 2046 §5.2.2) and content elsewhere (RFC 2046 §5.2.3).

mod split;

pub use split::{SplitError, split};

use std::borrow::Cow;

use crate::field_name::FieldId;
use crate::message::Message;
use crate::part::Part;

/// Which fragment of which message a part is (RFC 2046 §5.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment<'m> {
    /// What all fragments of a message have in common.
    pub id: Cow<'m, str>,
    /// The number of this one, from 1.
    pub number: u32,
    /// How many there are; the last one tells at least.
    pub total: Option<u32>,
}

/// Where content is that is not in the message (RFC 2046 §5.2.3, RFC 2017).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternalBody<'m> {
    /// At a URL, its white space removed.
    Url(String),
    /// A file on a host, by `ftp`, `anon-ftp` or `tftp`.
    File {
        /// Which of the three.
        access: Cow<'m, str>,
        /// The host.
        site: Cow<'m, str>,
        /// The directory.
        directory: Option<Cow<'m, str>>,
        /// The name.
        name: Cow<'m, str>,
    },
    /// A file of this machine's. Never open it unasked.
    LocalFile(Cow<'m, str>),
    /// What a mail server sends when asked.
    MailServer(Cow<'m, str>),
    /// An access type that is not known here.
    Other(Cow<'m, str>),
}

impl<'m> Part<'m> {
    /// Which fragment this part is, if it is one.
    pub fn fragment(self) -> Option<Fragment<'m>> {
        let content_type = self.content_type();
        if !content_type.is("message", "partial") {
            return None;
        }
        let number = |name: &str| {
            content_type
                .parameter(name)?
                .trim()
                .parse::<u32>()
                .ok()
                .filter(|n| *n > 0)
        };
        Some(Fragment {
            id: content_type.parameter("id")?,
            number: number("number")?,
            total: number("total"),
        })
    }

    /// Where the content of this part is, if it is elsewhere.
    pub fn external_body(self) -> Option<ExternalBody<'m>> {
        let content_type = self.content_type();
        if !content_type.is("message", "external-body") {
            return None;
        }
        let get = |name: &str| content_type.parameter(name);
        let access = get("access-type")?;
        Some(match &*access.to_ascii_lowercase() {
            "url" => ExternalBody::Url(get("url")?.split_whitespace().collect()),
            "ftp" | "anon-ftp" | "tftp" => ExternalBody::File {
                access,
                site: get("site")?,
                directory: get("directory"),
                name: get("name")?,
            },
            "local-file" => ExternalBody::LocalFile(get("name")?),
            "mail-server" => ExternalBody::MailServer(get("server")?),
            _ => ExternalBody::Other(access),
        })
    }
}

/// Puts the fragments of a message together (RFC 2046 §5.2.2.1).
///
/// They may come in any order. `None` if one is missing, if they are of different messages, or if nobody says how many
/// there are. The fields of the first fragment are kept, but for those that the message inside brings itself: Content-…,
/// Subject, Message-ID, Encrypted and MIME-Version.
pub fn reassemble(fragments: &[Message<'_>]) -> Option<Vec<u8>> {
    let mut sorted = Vec::with_capacity(fragments.len());
    for message in fragments {
        sorted.push((message.root().fragment()?, message.root()));
    }
    sorted.sort_by_key(|(fragment, _)| fragment.number);
    sorted.dedup_by_key(|(fragment, _)| fragment.number);
    let total = sorted.iter().find_map(|(fragment, _)| fragment.total)?;
    let (first, outer) = sorted.first()?;
    let complete = sorted.len() == usize::try_from(total).ok()?
        && sorted
            .iter()
            .zip(1..)
            .all(|((f, _), number)| f.number == number && f.id == first.id);
    if !complete {
        return None;
    }
    let mut whole = Vec::new();
    for field in outer.headers().filter(|f| !comes_from_inside(f.name())) {
        whole.extend_from_slice(outer.source().get(field.span())?);
        whole.extend_from_slice(b"\r\n");
    }
    let inner_body = outer.content().bytes;
    let inner = Message::parse(&inner_body);
    for field in inner.headers().filter(|f| comes_from_inside(f.name())) {
        whole.extend_from_slice(inner_body.get(field.span())?);
        whole.extend_from_slice(b"\r\n");
    }
    whole.extend_from_slice(b"\r\n");
    whole.extend_from_slice(inner_body.get(inner.root().body_span().start..)?);
    for (_, part) in sorted.iter().skip(1) {
        whole.extend_from_slice(&part.content().bytes);
    }
    Some(whole)
}

/// Whether a field of the whole stands in the enclosed message (RFC 2046 §5.2.2.1).
fn comes_from_inside(name: &str) -> bool {
    let kept = [FieldId::Subject, FieldId::MessageId, FieldId::MimeVersion];
    name.get(..8)
        .is_some_and(|n| n.eq_ignore_ascii_case("Content-"))
        || name.eq_ignore_ascii_case("Encrypted")
        || kept.contains(&FieldId::of(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] =
        b"X-Weird-Header-1: Foo\r\nFrom: Bill@host.com\r\nTo: joe@otherhost.com\r\n\
        Subject: Audio mail (part 1 of 2)\r\nMessage-ID: <id1@host.com>\r\nMIME-Version: 1.0\r\n\
        Content-type: message/partial; id=\"ABC@host.com\"; number=1; total=2\r\n\r\n\
        X-Weird-Header-1: Bar\r\nX-Weird-Header-2: Hello\r\nMessage-ID: <anotherid@foo.com>\r\n\
        Subject: Audio mail\r\nMIME-Version: 1.0\r\nContent-type: audio/basic\r\n\
        Content-transfer-encoding: base64\r\n\r\nAAAA\r\n";
    const SECOND: &[u8] = b"From: Bill@host.com\r\nSubject: Audio mail (part 2 of 2)\r\nMIME-Version: 1.0\r\n\
        Message-ID: <id2@host.com>\r\nContent-type: message/partial; id=\"ABC@host.com\"; number=2; total=2\r\n\r\n\
        BBBB\r\n";

    #[test]
    fn rfc2046_5_2_2_2_example() {
        let whole = reassemble(&[Message::parse(SECOND), Message::parse(FIRST)]).unwrap();
        let message = Message::parse(&whole);
        assert_eq!(message.subject().as_deref(), Some("Audio mail"));
        assert_eq!(message.message_id().as_deref(), Some("anotherid@foo.com"));
        assert_eq!(
            message
                .headers()
                .filter(|f| f.is("X-Weird-Header-1"))
                .count(),
            1
        );
        assert_eq!(message.header("x-weird-header-1").unwrap().text(), "Foo");
        assert!(message.header("X-Weird-Header-2").is_none());
        assert_eq!(message.root().content_type().essence(), "audio/basic");
        assert_eq!(message.root().raw_body(), b"AAAA\r\nBBBB\r\n");
    }

    #[test]
    fn a_fragment_that_is_missing_makes_no_message() {
        assert_eq!(reassemble(&[Message::parse(FIRST)]), None);
        assert_eq!(
            reassemble(&[Message::parse(SECOND), Message::parse(SECOND)]),
            None
        );
        assert_eq!(reassemble(&[]), None);
        assert_eq!(reassemble(&[Message::parse(b"Subject: x\r\n\r\n")]), None);
    }

    #[test]
    fn rfc2017_3_and_rfc2046_5_2_3_content_elsewhere() {
        let at = |parameters: &str| {
            let text = format!("Content-Type: message/external-body; {parameters}\r\n\r\n");
            format!(
                "{:?}",
                Message::parse(text.as_bytes()).root().external_body()
            )
        };
        assert_eq!(
            at("access-type=URL; URL=\"ftp://cs.utk.edu/pub/\r\n moore/x.html\""),
            "Some(Url(\"ftp://cs.utk.edu/pub/moore/x.html\"))"
        );
        assert!(
            at("access-type=anon-ftp; name=\"B.ps\"; site=\"t.com\"; directory=pub")
                .contains("site: \"t.com\"")
        );
        assert_eq!(
            at("access-type=local-file; name=\"/u/x\""),
            "Some(LocalFile(\"/u/x\"))"
        );
        assert_eq!(
            at("access-type=mail-server; server=\"a@b\""),
            "Some(MailServer(\"a@b\"))"
        );
        assert_eq!(at("access-type=x-new"), "Some(Other(\"x-new\"))");
        assert_eq!(at("name=x"), "None");
    }

    #[test]
    fn rfc2046_5_2_2_fragments_are_counted_from_1() {
        let fragment = |parameters: &str| {
            let text = format!("Content-Type: message/partial; {parameters}\r\n\r\n");
            let message = Message::parse(text.as_bytes());
            let fragment = message.root().fragment();
            fragment.map(|fragment| (fragment.number, fragment.total))
        };
        assert_eq!(fragment("id=a; number=1; total=2"), Some((1, Some(2))));
        assert_eq!(fragment("id=a; number=1; total=0"), Some((1, None)));
        for parameters in ["id=a; number=0; total=2", "id=a", "number=1; total=2"] {
            assert_eq!(fragment(parameters), None, "{parameters}");
        }
    }

    #[test]
    fn fragments_of_a_message_have_one_id_and_all_numbers() {
        let fragment = |id: &str, number: u32| {
            format!("Content-Type: message/partial; id={id}; number={number}; total=2\r\n\r\nx\r\n")
        };
        for (id, number, is_whole) in [("a", 2, true), ("b", 2, false), ("a", 3, false)] {
            let texts = [fragment("a", 1), fragment(id, number)];
            let read = texts.each_ref().map(|text| Message::parse(text.as_bytes()));
            assert_eq!(reassemble(&read).is_some(), is_whole, "{id} {number}");
        }
    }

    #[test]
    fn rfc2046_5_2_2_1_which_fields_are_those_of_the_message_inside() {
        for (name, inside) in [
            ("Content-Type", true),
            ("content-x", true),
            ("Subject", true),
            ("Message-ID", true),
            ("Encrypted", true),
            ("MIME-Version", true),
            ("Content", false),
            ("X-Content-Type", false),
            ("Resent-Message-ID", false),
            ("From", false),
        ] {
            assert_eq!(comes_from_inside(name), inside, "{name}");
        }
    }
}
