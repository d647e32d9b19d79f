//! The mbox format (RFC 4155): messages one after the other, each behind a line that begins with `From `.
//!
//! A separator stands at the start of the file or behind an empty line. In a body, senders write `>From ` for it; whether
//! `>>From ` was `>From ` before is not known of a file, so that [`MboxEntry::unquoted`] follows the rule called
//! *mboxrd*: one `>` is taken away from `>From `, `>>From `, ….
//!
//! Not supported: *mboxcl*, in which Content-Length says where a message ends.

use std::borrow::Cow;

use memchr::memmem;

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
}

/// One message of an mbox file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MboxEntry<'f> {
    /// The separator line after its `From `: an address and a date. Empty where the file begins without one.
    pub separator: &'f [u8],
    /// The message as it stands in the file, without the empty line behind it.
    pub raw: &'f [u8],
}

impl<'f> Mbox<'f> {
    /// Reads a file from its bytes. What stands before the first separator is a message too.
    pub fn new(file: &'f [u8]) -> Self {
        Self { rest: file }
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
        let (raw, rest) = message.split_at(message_end(message));
        self.rest = rest;
        Some(MboxEntry {
            separator,
            raw: without_empty_line(raw),
        })
    }
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
    /// The message with one `>` taken away where a line was quoted.
    pub fn unquoted(&self) -> Cow<'f, [u8]> {
        if memmem::find(self.raw, b">From ").is_none() {
            return self.raw.into();
        }
        let mut out = Vec::with_capacity(self.raw.len());
        for line in self.raw.split_inclusive(|b| *b == b'\n') {
            let marks = line.iter().take_while(|b| **b == b'>').count();
            let quoted = marks > 0
                && line
                    .get(marks..)
                    .is_some_and(|rest| rest.starts_with(b"From "));
            out.extend_from_slice(line.get(usize::from(quoted)..).unwrap_or_default());
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
}
