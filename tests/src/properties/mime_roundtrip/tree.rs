use super::super::choices::Choices;
use super::super::naive;
use postrider_mime::{BodyPart, Part, TransferEncoding};

/// A tree of parts, as it is given and as it shall be read.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Leaf(Leaf),
    /// Of a subtype.
    Multipart(String, Vec<Tree>),
}

/// A part without parts.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// `type/subtype`.
    essence: String,
    how: How,
    /// As it is given.
    content: Vec<u8>,
}

/// How a leaf is given.
#[derive(Clone, Debug)]
enum How {
    /// Text, in UTF-8.
    Text,
    /// Octets of any type.
    Octets,
    /// An attachment of this name.
    File(String),
    /// What HTML shows by this identifier.
    Shown(String),
    /// A calendar object with this method.
    Calendar(String),
}

/// What a part may ask of transport (RFC 2045 §2.7 to §2.9), the least first.
const DOMAINS: [TransferEncoding; 3] = [
    TransferEncoding::SevenBit,
    TransferEncoding::EightBit,
    TransferEncoding::Binary,
];

const SUBTYPES: [&str; 6] = [
    "mixed",
    "alternative",
    "related",
    "digest",
    "signed",
    "x-own",
];

/// So deep a tree by choice is.
const DEEP: usize = 5;
/// So deep a tree that is read is looked at: a builder writes no more than 60 multiparts within one another.
const DEEPEST: usize = 50;
/// A longer name might be written in more sections than a parser reads.
const LONG_NAME: usize = 4000;

impl Tree {
    pub(super) fn text(subtype: &str, text: &str) -> Self {
        Self::leaf(&format!("text/{subtype}"), How::Text, text.as_bytes())
    }

    pub(super) fn file(name: &str, content: &[u8]) -> Self {
        let how = How::File(name.to_owned());
        Self::leaf("application/octet-stream", how, content)
    }

    pub(super) fn shown(id: &str, content: &[u8]) -> Self {
        Self::leaf("image/png", How::Shown(id.to_owned()), content)
    }

    pub(super) fn calendar(method: &str, object: &str) -> Self {
        let how = How::Calendar(method.to_owned());
        Self::leaf("text/calendar", how, object.as_bytes())
    }

    fn leaf(essence: &str, how: How, content: &[u8]) -> Self {
        Self::Leaf(Leaf {
            essence: essence.to_owned(),
            how,
            content: content.to_vec(),
        })
    }

    /// Several of them in a multipart, one alone as it is.
    pub(super) fn gathered(subtype: &str, trees: Vec<Self>) -> Self {
        match <[Self; 1]>::try_from(trees) {
            Ok([only]) => only,
            Err(several) => Self::Multipart(subtype.to_owned(), several),
        }
    }

    /// A tree by choice, of the content from different octets on; a leaf once there is nothing left to choose from.
    pub(super) fn by_choice(choices: &mut Choices<'_>, content: &[u8], depth: usize) -> Self {
        let kind = choices.number() % 12;
        if kind >= 8 && depth < DEEP {
            let subtype = SUBTYPES[choices.number() % SUBTYPES.len()].to_owned();
            let count = choices.number() % 3 + 1;
            let parts = (0..count).map(|_| Self::by_choice(choices, content, depth + 1));
            return Self::Multipart(subtype, parts.collect());
        }
        let from = choices.number() % (content.len() + 1);
        let content = &content[from..];
        let text = String::from_utf8_lossy(content);
        match kind % 8 {
            0 => Self::text("plain", &text),
            1 => Self::text("html", &text),
            2 => Self::file("a file.bin", content),
            3 => Self::leaf("image/png", How::Octets, content),
            4 => Self::leaf("text/x-own", How::Octets, content),
            5 => Self::message(How::Octets, "\r\n", content),
            6 => Self::message(How::Octets, "\n", content),
            _ => Self::message(How::File("é.eml".to_owned()), "\r\n", content),
        }
    }

    /// A message within the message, with lines that end so in its header.
    fn message(how: How, end: &str, body: &[u8]) -> Self {
        let header = format!("Subject: inner{end}{end}");
        Self::leaf("message/rfc822", how, &[header.as_bytes(), body].concat())
    }

    /// The tree of a part that was read, as far as it can be written.
    pub(super) fn of(part: Part<'_>) -> Self {
        Self::within(part, 0)
    }

    fn within(part: Part<'_>, depth: usize) -> Self {
        if !part.is_multipart() || part.first_child().is_none() || depth == DEEPEST {
            return Self::Leaf(Leaf::of(part));
        }
        let subtype = part.content_type().sub().to_owned();
        let one = BodyPart::text("plain", "").expect("a text");
        let is_written = BodyPart::multipart(&subtype, [one]).is_ok();
        let children = part.children().map(|child| Self::within(child, depth + 1));
        Self::Multipart(
            if is_written { subtype } else { "mixed".into() },
            children.collect(),
        )
    }

    pub(super) fn body_part(&self) -> BodyPart<'static> {
        match self {
            Self::Leaf(leaf) => leaf.body_part(),
            Self::Multipart(subtype, children) => {
                let children = children.iter().map(Self::body_part);
                BodyPart::multipart(subtype, children).expect("a multipart")
            }
        }
    }

    /// What the part asks of transport: only messages within it are not encoded.
    pub(super) fn domain(&self) -> TransferEncoding {
        DOMAINS[self.asks()]
    }

    fn asks(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.asks(),
            Self::Multipart(_, children) => children.iter().map(Self::asks).max().unwrap_or(0),
        }
    }

    /// Whether nothing needs to end the last line: text that is given with a type of its own is written as it is.
    pub(super) fn may_end_within_a_line(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.may_end_within_a_line(),
            Self::Multipart(..) => false,
        }
    }

    /// The part is this tree. Its header has these fields beside those of the content, and no other.
    pub(super) fn is_read_back(&self, part: Part<'_>, beside: Vec<&str>) {
        let mut expected = [beside, self.content_fields()].concat();
        let mut names: Vec<&str> = part.headers().map(|field| field.name()).collect();
        expected.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, expected, "{}", part.raw_header().escape_ascii());
        match self {
            Self::Leaf(leaf) => leaf.is_read_back(part),
            Self::Multipart(subtype, children) => {
                let essence = format!("multipart/{subtype}");
                assert_eq!(part.content_type().essence(), essence);
                assert_eq!(part.transfer_encoding(), self.domain());
                let parts: Vec<Part<'_>> = part.children().collect();
                assert_eq!(parts.len(), children.len());
                for (child, part) in children.iter().zip(parts) {
                    child.is_read_back(part, Vec::new());
                }
            }
        }
    }

    fn content_fields(&self) -> Vec<&'static str> {
        let (encoded, identified, disposed) = match self {
            Self::Leaf(leaf) => (
                true,
                matches!(leaf.how, How::Shown(_)),
                leaf.disposition().is_some(),
            ),
            Self::Multipart(..) => (self.asks() > 0, false, false),
        };
        let fields = [
            ("Content-Type", true),
            ("Content-Transfer-Encoding", encoded),
            ("Content-ID", identified),
            ("Content-Disposition", disposed),
        ];
        let written = fields.into_iter().filter(|(_, is_written)| *is_written);
        written.map(|(name, _)| name).collect()
    }
}

impl Leaf {
    fn of(part: Part<'_>) -> Self {
        let given = part.content_type().essence();
        // A blank around the slash is none of a type's own characters: it is not written.
        let essence = match BodyPart::content(&given, b"") {
            Ok(_) if !given.contains(' ') => given,
            _ => "application/octet-stream".to_owned(),
        };
        let name = part.file_name().map(String::from);
        let name = name.filter(|n| n.len() <= LONG_NAME && !n.contains(char::is_control));
        let octets = || part.content().bytes.into_owned();
        let (how, content) = match name {
            Some(name) => (How::File(name), octets()),
            None if essence.starts_with("text/") => {
                (How::Text, part.text().text.into_owned().into_bytes())
            }
            None => (How::Octets, octets()),
        };
        Self {
            essence,
            how,
            content,
        }
    }

    fn body_part(&self) -> BodyPart<'static> {
        let content = self.content.clone();
        let part = match &self.how {
            How::Text => {
                let subtype = self.essence.trim_start_matches("text/");
                BodyPart::text(subtype, String::from_utf8(content).expect("UTF-8"))
            }
            How::Octets => BodyPart::content(&self.essence, content),
            How::File(name) => BodyPart::attachment(name.clone(), &self.essence, content),
            How::Shown(_) | How::Calendar(_) => panic!("only a builder makes one: {self:?}"),
        };
        part.expect("a part that can be written")
    }

    fn is_message(&self) -> bool {
        self.essence.starts_with("message/")
    }

    /// The content as it is written: text with CRLF at the end of each line, and a message if it has no CR at all.
    fn written(&self) -> Vec<u8> {
        match self.how {
            How::Text | How::Calendar(_) => naive::normalised(&self.content),
            _ if self.is_message() && !self.content.contains(&b'\r') => {
                naive::normalised(&self.content)
            }
            _ => self.content.clone(),
        }
    }

    /// Which of the [`DOMAINS`] the part asks for.
    fn asks(&self) -> usize {
        if !self.is_message() {
            return 0;
        }
        let content = self.written();
        let count = |octet: u8| content.iter().filter(|o| **o == octet).count();
        let pairs = naive::occurrences(&content, b"\r\n");
        let mut lines = content.split(|octet| *octet == b'\n');
        let is_short = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).len() <= 998;
        let has_lines = count(b'\r') == pairs && count(b'\n') == pairs && lines.all(is_short);
        match has_lines && !content.contains(&0) {
            true => usize::from(!content.is_ascii()),
            false => 2,
        }
    }

    fn may_end_within_a_line(&self) -> bool {
        let as_it_is = self.is_message() || self.essence.starts_with("text/");
        as_it_is && !self.written().ends_with(b"\r\n")
    }

    fn disposition(&self) -> Option<&'static str> {
        match self.how {
            How::File(_) => Some("attachment"),
            How::Shown(_) => Some("inline"),
            How::Text | How::Octets | How::Calendar(_) => None,
        }
    }

    fn is_read_back(&self, part: Part<'_>) {
        let content_type = part.content_type();
        assert_eq!(content_type.essence(), self.essence);
        let disposition = part.content_disposition();
        assert_eq!(disposition.as_ref().map(|d| d.kind()), self.disposition());
        let name = part.file_name().unwrap_or_default();
        let (id, method) = (part.content_id(), content_type.parameter("method"));
        match &self.how {
            How::File(expected) => assert_eq!(name, *expected),
            _ => assert_eq!(name, ""),
        }
        match &self.how {
            How::Shown(expected) => assert_eq!(id.as_deref(), Some(&**expected)),
            _ => assert_eq!(id, None),
        }
        match &self.how {
            How::Calendar(expected) => assert_eq!(method.as_deref(), Some(&**expected)),
            _ => assert_eq!(method, None),
        }
        self.has_content(part);
    }

    fn has_content(&self, part: Part<'_>) {
        let (read, written) = (part.content(), self.written());
        assert_eq!(read.defect, None);
        // The line end before a delimiter is the empty line that ends a header where there is none.
        let ended = self.is_message() && read.bytes.strip_suffix(b"\r\n") == Some(&written[..]);
        assert!(
            *read.bytes == *written || ended,
            "{} was {}",
            read.bytes.escape_ascii(),
            written.escape_ascii()
        );
        if self.is_message() {
            assert_eq!(part.transfer_encoding(), DOMAINS[self.asks()]);
        }
        if let How::Text | How::Calendar(_) = self.how {
            let (arrived, sent) = (part.text(), String::from_utf8(written).expect("UTF-8"));
            assert_eq!(arrived.defect, None);
            // A byte order mark says how to read a text, and is no part of it.
            let sent = sent.strip_prefix('\u{FEFF}').unwrap_or(&sent);
            assert_eq!(arrived.text, sent);
        }
    }
}
