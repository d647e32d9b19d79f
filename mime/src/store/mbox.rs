//! The mbox format (RFC 4155): messages one after the other, each behind a line that begins with `From `.
//!
//! A separator stands at the start of the file or behind an empty line. What is done about lines of a message that look like
//! one differs between four dialects, and a file does not say which it is in: see [`MboxDialect`].

use std::borrow::Cow;

use memchr::memmem;

use crate::field_name::FieldId;
use crate::message::Message;
use crate::value_error::ValueError;

/// What an mbox does about lines of a message that look like a separator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MboxDialect {
    /// `From ` becomes `>From `; what was `>From ` before cannot be told from it.
    Mboxo,
    /// One `>` is put before `From `, `>From `, `>>From `, …, and can be taken away again.
    #[default]
    Mboxrd,
    /// As *mboxo*, and Content-Length says how many bytes the body has in the file. A length that leads to no separator is not
    /// believed.
    Mboxcl,
    /// Content-Length says how many bytes the body has, and no line is changed.
    Mboxcl2,
}

impl MboxDialect {
    /// Whether a line is quoted in a file, where it would be a separator or one that was quoted otherwise.
    fn quotes(self, line: &[u8]) -> bool {
        let marks = match self {
            Self::Mboxrd => marks(line),
            _ => 0,
        };
        self != Self::Mboxcl2
            && line
                .get(marks..)
                .is_some_and(|rest| rest.starts_with(b"From "))
    }

    fn has_length(self) -> bool {
        matches!(self, Self::Mboxcl | Self::Mboxcl2)
    }

    /// Appends a message to a file. The separator line is `From `, an address and a date.
    ///
    /// Line ends stay as they are; one is added where the message ends without. Where the dialect has a Content-Length, it takes
    /// the place of those that the message has.
    ///
    /// # Errors
    /// [`ValueError::Control`] for a separator of more than one line.
    ///
    /// ```
    /// use postrider_mime::store::{Mbox, MboxDialect};
    ///
    /// let mut file = Vec::new();
    /// MboxDialect::Mboxrd.append("a@b Thu Jan  1 00:00:00 1970", b"Subject: x\n\nFrom me\n", &mut file)?;
    /// assert!(file.ends_with(b"\n>From me\n\n"));
    /// assert_eq!(Mbox::new(&file).count(), 1);
    /// # Ok::<(), postrider_mime::ValueError>(())
    /// ```
    pub fn append(
        self,
        separator: &str,
        message: &[u8],
        file: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        if separator.contains(char::is_control) {
            return Err(ValueError::Control);
        }
        file.extend_from_slice(b"From ");
        file.extend_from_slice(separator.as_bytes());
        file.push(b'\n');
        let (header, body) = message.split_at(body_start(message));
        let body = self.quoted(body);
        if self.has_length() {
            self.header_with_length(header, body.len(), file);
        } else {
            file.extend_from_slice(&self.quoted(header));
        }
        file.extend_from_slice(&body);
        if !file.ends_with(b"\n") {
            file.push(b'\n');
        }
        file.push(b'\n');
        Ok(())
    }

    /// Appends a header, its Content-Length fields replaced by one.
    fn header_with_length(self, header: &[u8], length: usize, file: &mut Vec<u8>) {
        let fields = fields_end(header);
        let (fields, end) = header.split_at(fields);
        let parsed = Message::parse(fields);
        let mut kept = 0;
        for field in parsed.root().fields(FieldId::Other) {
            if !field.is("Content-Length") {
                continue;
            }
            let span = field.span();
            let rest = fields.get(span.end..).unwrap_or_default();
            let next = memchr::memchr(b'\n', rest).map_or(fields.len(), |at| span.end + at + 1);
            file.extend_from_slice(&self.quoted(fields.get(kept..span.start).unwrap_or_default()));
            kept = next;
        }
        file.extend_from_slice(&self.quoted(fields.get(kept..).unwrap_or_default()));
        if !file.ends_with(b"\n") {
            file.push(b'\n');
        }
        file.extend_from_slice(format!("Content-Length: {length}\n").as_bytes());
        file.extend_from_slice(if end.is_empty() { b"\n" } else { end });
    }

    /// Lines as they stand in a file.
    fn quoted(self, text: &[u8]) -> Cow<'_, [u8]> {
        if memmem::find(text, b"From ").is_none() {
            return text.into();
        }
        let mut out = Vec::with_capacity(text.len() + 16);
        for line in text.split_inclusive(|b| *b == b'\n') {
            if self.quotes(line) {
                out.push(b'>');
            }
            out.extend_from_slice(line);
        }
        out.into()
    }
}

/// How many `>` a line begins with.
fn marks(line: &[u8]) -> usize {
    line.iter().take_while(|b| **b == b'>').count()
}

/// Where the empty line behind the fields begins.
fn fields_end(message: &[u8]) -> usize {
    let mut at = 0;
    for line in message.split_inclusive(|b| *b == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
        at += line.len();
    }
    at
}

/// Where the body begins, behind the first empty line.
fn body_start(message: &[u8]) -> usize {
    let fields = fields_end(message);
    match message.get(fields..) {
        Some([b'\n', ..]) => fields + 1,
        Some([b'\r', b'\n', ..]) => fields + 2,
        _ => fields,
    }
}

/// The messages of an mbox file.
///
/// ```
/// use postrider_mime::Message;
/// use postrider_mime::store::Mbox;
///
/// let file = b"From a@b Thu Jan  1 00:00:00 1970\nSubject: one\n\n>From here\n\nFrom c@d Thu Jan  1 00:00:00 1970\nSubject: two\n\n";
/// let subjects: Vec<_> = Mbox::new(file).map(|e| Message::parse(e.raw).subject().unwrap_or_default().into_owned()).collect();
/// assert_eq!(subjects, ["one", "two"]);
/// ```
#[derive(Clone, Debug)]
pub struct Mbox<'f> {
    rest: &'f [u8],
    dialect: MboxDialect,
}

/// One message of an mbox file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MboxEntry<'f> {
    /// The separator line after its `From `: an address and a date. Empty where the file begins without one.
    pub separator: &'f [u8],
    /// The message as it stands in the file, without the empty line behind it.
    pub raw: &'f [u8],
    /// The dialect that the file was read in.
    pub dialect: MboxDialect,
}

impl<'f> Mbox<'f> {
    /// Reads a file in *mboxrd* from its bytes. What stands before the first separator is a message too.
    pub fn new(file: &'f [u8]) -> Self {
        Self::in_dialect(file, MboxDialect::default())
    }

    /// Reads a file in a dialect.
    pub fn in_dialect(file: &'f [u8], dialect: MboxDialect) -> Self {
        Self {
            rest: file,
            dialect,
        }
    }
}

impl<'f> Iterator for Mbox<'f> {
    type Item = MboxEntry<'f>;

    fn next(&mut self) -> Option<MboxEntry<'f>> {
        if self.rest.is_empty() {
            return None;
        }
        let (separator, message) = match self.rest.strip_prefix(b"From ") {
            Some(after) => {
                let end = memchr::memchr(b'\n', after).map_or(after.len(), |at| at + 1);
                let (line, message) = after.split_at(end);
                (line.trim_ascii_end(), message)
            }
            None => (&[][..], self.rest),
        };
        let has_length = self.dialect.has_length();
        let told = has_length.then(|| told_end(message)).flatten();
        let (raw, rest) = match told {
            Some((end, next)) => (
                message.get(..end).unwrap_or_default(),
                message.get(next..).unwrap_or_default(),
            ),
            None => {
                let (raw, rest) = message.split_at(message_end(message));
                (without_empty_line(raw), rest)
            }
        };
        self.rest = rest;
        Some(MboxEntry {
            separator,
            raw,
            dialect: self.dialect,
        })
    }
}

/// Where a message ends by its Content-Length, and where the next separator begins, if it leads to one.
fn told_end(message: &[u8]) -> Option<(usize, usize)> {
    // No header has a separator in it: what follows the next one need not be looked at.
    let next = memmem::find(message, b"\nFrom ").map_or(message.len(), |at| at + 1);
    let start = body_start(message.get(..next)?);
    let header = Message::parse(message.get(..start)?);
    let length = header.header("Content-Length")?.text();
    let end = start.checked_add(length.trim().parse().ok()?)?;
    let mut rest = message.get(end..)?;
    // The end of the last line, where the body has none, and an empty line.
    for _ in 0..2 {
        if rest.is_empty() || rest.starts_with(b"From ") {
            break;
        }
        rest = rest
            .strip_prefix(b"\r")
            .unwrap_or(rest)
            .strip_prefix(b"\n")?;
    }
    let next = message.len() - rest.len();
    // A separator begins a line. So `\nFrom ` stands at the next one or before it: nothing is searched that is not passed.
    let begins_line = || message.get(..next).is_some_and(|m| m.ends_with(b"\n"));
    let leads = rest.is_empty() || rest.starts_with(b"From ") && begins_line();
    leads.then_some((end, next))
}

/// Where the next separator begins.
fn message_end(message: &[u8]) -> usize {
    if message.starts_with(b"From ") {
        return 0;
    }
    for at in memmem::find_iter(message, b"\nFrom ") {
        let before = message.get(..at).unwrap_or_default();
        let line = before.strip_suffix(b"\r").unwrap_or(before);
        if line.is_empty() || line.ends_with(b"\n") {
            return at + 1;
        }
    }
    message.len()
}

fn without_empty_line(raw: &[u8]) -> &[u8] {
    match raw {
        [before @ .., b'\r', b'\n'] if before.ends_with(b"\n") => before,
        [before @ .., b'\n'] if before.ends_with(b"\n") => before,
        _ => raw,
    }
}

impl<'f> MboxEntry<'f> {
    /// The message with the `>` taken away that the dialect puts before lines.
    pub fn unquoted(&self) -> Cow<'f, [u8]> {
        if memmem::find(self.raw, b">From ").is_none() {
            return self.raw.into();
        }
        let mut out = Vec::with_capacity(self.raw.len());
        for line in self.raw.split_inclusive(|b| *b == b'\n') {
            let quoted = line.strip_prefix(b">");
            let line = quoted
                .filter(|line| self.dialect.quotes(line))
                .unwrap_or(line);
            out.extend_from_slice(line);
        }
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Mbox::new(file.as_bytes())
            .map(|e| (text(e.separator), text(&e.unquoted())))
            .collect()
    }

    fn entry(separator: &str, raw: &str) -> (String, String) {
        (separator.to_owned(), raw.to_owned())
    }

    #[test]
    fn a_file_of_separators_is_read_in_time_that_grows_alike() {
        for entry in [
            "From \n",
            "From \n\n",
            "From a\nContent-Length: 2\n",
            "From a\nContent-Length: 2\n\nx\n",
            "From a\nContent-Length: 2\n\nxx",
        ] {
            let file = entry.repeat(50_000);
            for dialect in [MboxDialect::Mboxrd, MboxDialect::Mboxcl] {
                let read = Mbox::in_dialect(file.as_bytes(), dialect).map(|e| e.raw.len());
                assert!(read.sum::<usize>() <= file.len());
            }
        }
    }

    #[test]
    fn rfc4155_a_separator_stands_behind_an_empty_line() {
        assert_eq!(
            read("From a 1\nS: x\n\nin\nFrom the text\n\nFrom b 2\nS: y\n\n\n"),
            [
                entry("a 1", "S: x\n\nin\nFrom the text\n"),
                entry("b 2", "S: y\n\n"),
            ]
        );
    }

    #[test]
    fn crlf_files_and_empty_messages_are_read() {
        assert_eq!(
            read("From a\r\nx\r\n\r\nFrom b\r\n\r\nFrom c"),
            [entry("a", "x\r\n"), entry("b", "\r\n"), entry("c", "")]
        );
        assert_eq!(read(""), []);
        assert_eq!(read("no separator"), [entry("", "no separator")]);
    }

    #[test]
    fn one_mark_is_taken_away() {
        assert_eq!(
            read("From a\n\n>From x\n>>From y\n> From z\n"),
            [entry("a", "\nFrom x\n>From y\n> From z\n")]
        );
    }

    const DIALECTS: [MboxDialect; 4] = [
        MboxDialect::Mboxo,
        MboxDialect::Mboxrd,
        MboxDialect::Mboxcl,
        MboxDialect::Mboxcl2,
    ];

    /// What is read of a file, without the Content-Length that was added.
    fn reads_back(dialect: MboxDialect, messages: &[String]) -> Vec<String> {
        let mut file = Vec::new();
        for message in messages {
            dialect
                .append("a@b", message.as_bytes(), &mut file)
                .unwrap();
        }
        Mbox::in_dialect(&file, dialect)
            .map(|entry| String::from_utf8(entry.unquoted().into_owned()).unwrap())
            .map(|message| match message.find("Content-Length: ") {
                Some(at) if dialect.has_length() => {
                    let end = message[at..].find('\n').unwrap() + at + 1;
                    message[..at].to_owned() + &message[end..]
                }
                _ => message,
            })
            .collect()
    }

    proptest::proptest! {
        #[test]
        fn what_is_appended_is_read_back_in_each_dialect(
            bodies in proptest::collection::vec("(From x\n|>From y\n|>>From z\n|From\n|[a-z]{0,5}\n){0,8}", 1..5),
        ) {
            let messages: Vec<String> = bodies.iter().map(|body| format!("Subject: x\n\n{body}")).collect();
            for dialect in DIALECTS {
                let read = reads_back(dialect, &messages);
                // Only mboxrd and mboxcl2 tell `>From ` from `From ` that was quoted.
                let lossy = matches!(dialect, MboxDialect::Mboxo | MboxDialect::Mboxcl);
                let expected: Vec<String> = messages
                    .iter()
                    .map(|m| if lossy { m.replace("\n>From ", "\nFrom ") } else { m.clone() })
                    .collect();
                proptest::prop_assert_eq!(read, expected, "{:?}", dialect);
            }
        }
    }

    #[test]
    fn a_length_that_leads_to_no_separator_is_not_believed() {
        let file = b"From a\nContent-Length: 3\n\nlonger\n\nFrom b\nContent-Length: 99999999999999999999\n\nx\n";
        for dialect in DIALECTS {
            let raw: Vec<_> = Mbox::in_dialect(file, dialect).map(|e| e.raw).collect();
            assert_eq!(
                raw,
                [
                    &b"Content-Length: 3\n\nlonger\n"[..],
                    b"Content-Length: 99999999999999999999\n\nx\n"
                ]
            );
        }
    }

    #[test]
    fn a_length_that_leads_into_a_line_is_not_believed() {
        let file = b"From a\nContent-Length: 2\n\nxxFrom b\nContent-Length: 2\n\ny\n\nFrom c\nContent-Length: 2\n\nzz";
        for dialect in [MboxDialect::Mboxcl, MboxDialect::Mboxcl2] {
            let raw: Vec<_> = Mbox::in_dialect(file, dialect).map(|e| e.raw).collect();
            let [first, second] = raw.as_slice() else {
                panic!("{raw:?}")
            };
            assert!(first.ends_with(b"xxFrom b\nContent-Length: 2\n\ny\n"));
            assert_eq!(*second, b"Content-Length: 2\n\nzz");
        }
        let unit = "From a\nContent-Length: 2\n\nxx";
        assert_eq!(
            Mbox::in_dialect(unit.repeat(9).as_bytes(), MboxDialect::Mboxcl2).count(),
            1
        );
    }

    #[test]
    fn a_length_is_right_whatever_it_was_before() {
        let mut file = Vec::new();
        let mail = b"content-length: 7\nSubject: x\n\nFrom y\n\nFrom z";
        MboxDialect::Mboxcl2.append("a", mail, &mut file).unwrap();
        assert_eq!(
            String::from_utf8(file.clone()).unwrap(),
            "From a\nSubject: x\nContent-Length: 14\n\nFrom y\n\nFrom z\n\n"
        );
        assert_eq!(Mbox::in_dialect(&file, MboxDialect::Mboxcl2).count(), 1);
        let refused = MboxDialect::Mboxo.append("a\nFrom b", b"", &mut file);
        assert_eq!(refused, Err(ValueError::Control));
    }

    #[test]
    fn a_length_that_leads_to_another_line_is_not_believed() {
        let file = b"From a\nContent-Length: 3\n\nabc\n\nmore\n\nFrom b\n\nx\n";
        for dialect in [MboxDialect::Mboxcl, MboxDialect::Mboxcl2] {
            let raw: Vec<_> = Mbox::in_dialect(file, dialect).map(|e| e.raw).collect();
            let expected = [&b"Content-Length: 3\n\nabc\n\nmore\n"[..], b"\nx\n"];
            assert_eq!(raw, expected);
        }
    }

    #[test]
    fn a_body_begins_behind_an_empty_line_of_either_kind() {
        for (mail, expected) in [
            (
                "A: b\n\nFrom x\n",
                "From a\nA: b\nContent-Length: 7\n\nFrom x\n\n",
            ),
            (
                "A: b\r\n\r\nFrom x\r\n",
                "From a\nA: b\r\nContent-Length: 8\n\r\nFrom x\r\n\n",
            ),
        ] {
            let mut file = Vec::new();
            let appended = MboxDialect::Mboxcl2.append("a", mail.as_bytes(), &mut file);
            assert_eq!(appended, Ok(()));
            assert_eq!(String::from_utf8(file).unwrap(), expected);
        }
    }

    #[test]
    fn a_last_line_without_an_empty_one_behind_it_keeps_its_end() {
        assert_eq!(read("From a\r\nx\r\n"), [entry("a", "x\r\n")]);
        assert_eq!(read("From a\nx\n"), [entry("a", "x\n")]);
    }

    #[test]
    fn a_content_length_counts_in_the_dialects_that_have_one_only() {
        let file = b"From a\nContent-Length: 13\n\nx\n\nFrom b\n\ny\n";
        let counts = DIALECTS.map(|dialect| Mbox::in_dialect(file, dialect).count());
        assert_eq!(counts, [2, 2, 1, 1]);
        let is_written = DIALECTS.map(|dialect| {
            let mut file = Vec::new();
            dialect.append("a", b"A: b\n\nx\n", &mut file).unwrap();
            memmem::find(&file, b"\nContent-Length: 2\n").is_some()
        });
        assert_eq!(is_written, [false, false, true, true]);
    }
}
