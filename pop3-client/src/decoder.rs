use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The line ending of one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineEnding {
    /// CR LF, as RFC 1939 §3 demands.
    CrLf,
    /// A bare LF, as some servers send throughout.
    Lf,
}

impl LineEnding {
    /// The ending that a line has, its LF included.
    pub fn of(line: &[u8]) -> Self {
        if line.ends_with(b"\r\n") {
            Self::CrLf
        } else {
            Self::Lf
        }
    }

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::CrLf => b"\r\n",
            Self::Lf => b"\n",
        }
    }

    /// Searches for a line ending with a dot after it.
    fn finder(self) -> &'static Finder<'static> {
        static CRLF_DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));
        static LF_DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n."));
        match self {
            Self::CrLf => &CRLF_DOT,
            Self::Lf => &LF_DOT,
        }
    }
}

/// Takes the body of a multi-line response apart: removes the stuffed dots and finds the terminator (RFC 1939 §3).
///
/// ```abnf
/// multi-line = *( ["."] line ) "." CRLF
/// ```
///
/// The line ending of the status line is *the* line ending of the whole response, for terminator and dots alike. So a
/// server that writes bare LFs throughout is understood, and yet `LF "." LF` inside a message with CRLF line endings is
/// content: a mail cannot end itself early and go on as the next reply.
///
/// Clean stretches are passed on uncopied, in pieces as large as the input has them; how the input is cut changes the
/// pieces but never the sum. At most two octets are held back in the input to be looked at again. There is no limit to
/// the length of a line.
///
/// ```
/// use bytes::BytesMut;
/// use postrider_pop3::{Decoded, DotDecoder, LineEnding};
///
/// let mut decoder = DotDecoder::new(LineEnding::CrLf);
/// let mut input = BytesMut::from(&b"a\r\n..b\r\n.\r\n+OK"[..]);
/// let mut body = Vec::new();
/// while let Some(Decoded::Data(piece)) = decoder.decode(&mut input) {
///     body.extend_from_slice(&piece);
/// }
/// assert_eq!(body, b"a\r\n.b\r\n");
/// assert_eq!(input, &b"+OK"[..]);
/// ```
#[derive(Clone, Debug)]
pub struct DotDecoder {
    ending: LineEnding,
    at_line_start: bool,
}

/// What [`DotDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A piece of the content, never empty.
    Data(Bytes),
    /// The terminator, which is gone from the input.
    End,
}

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scanned {
    /// So many octets of content, at least one.
    Data(usize),
    /// Nothing: the terminator stood there.
    End,
}

impl DotDecoder {
    /// A decoder for the lines after a status line with this ending.
    pub fn new(ending: LineEnding) -> Self {
        Self {
            ending,
            at_line_start: true,
        }
    }

    /// Takes the next piece, or the terminator, from the front of `input`; `None` means that more bytes are needed.
    pub fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded> {
        Some(match self.scan(input)? {
            Scanned::Data(length) => Decoded::Data(input.split_to(length).freeze()),
            Scanned::End => Decoded::End,
        })
    }

    /// As [`decode`](Self::decode), but a piece stays where it is, for the caller to take.
    pub(crate) fn scan(&mut self, input: &mut BytesMut) -> Option<Scanned> {
        if self.at_line_start && input.first() == Some(&b'.') {
            let (ending, after_dot) = (self.ending.bytes(), input.get(1..).unwrap_or_default());
            if after_dot.starts_with(ending) {
                input.advance(1 + ending.len());
                return Some(Scanned::End);
            }
            if ending.starts_with(after_dot) {
                return None;
            }
            input.advance(1);
            self.at_line_start = false;
        }
        self.data(input)
    }

    /// Takes everything up to the next line that begins with a dot.
    fn data(&mut self, input: &[u8]) -> Option<Scanned> {
        let ending = self.ending.bytes();
        let length = match self.ending.finder().find(input) {
            Some(at) => at + ending.len(),
            // A CR at the very end may be half of a line ending; it waits for its LF.
            None if self.ending == LineEnding::CrLf && input.ends_with(b"\r") => input.len() - 1,
            None => input.len(),
        };
        if length == 0 {
            return None;
        }
        self.at_line_start = input.get(..length)?.ends_with(ending);
        Some(Scanned::Data(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes `chunks` one after another: the content and what was left, or `None` without a terminator.
    fn decode(ending: LineEnding, chunks: &[&[u8]]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut decoder, mut input) = (DotDecoder::new(ending), BytesMut::new());
        let (mut body, mut ended) = (Vec::new(), false);
        for chunk in chunks {
            input.extend_from_slice(chunk);
            while !ended {
                match decoder.decode(&mut input) {
                    Some(Decoded::Data(piece)) => body.extend_from_slice(&piece),
                    Some(Decoded::End) => ended = true,
                    None => break,
                }
            }
            assert!(ended || input.len() <= 2, "held back: {input:?}");
        }
        ended.then(|| (body, input.to_vec()))
    }

    /// The oracle: cut into lines, drop one leading dot of each, stop at the line that is one dot.
    fn naive(ending: LineEnding, text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (end, mut rest, mut body) = (ending.bytes(), text, Vec::new());
        loop {
            let length = (0..rest.len()).find(|i| rest[*i..].starts_with(end))? + end.len();
            let (line, after) = rest.split_at(length);
            rest = after;
            if line == [b".", end].concat() {
                return Some((body, rest.to_vec()));
            }
            body.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    #[test]
    fn s4_exactly_one_leading_dot_goes_and_the_last_line_ending_stays() {
        let text = b"Subject: x\r\n\r\n..foo\r\n..\r\n...bar\r\n.lone\r\nend\r\n.\r\n";
        let (body, rest) = decode(LineEnding::CrLf, &[text]).unwrap();
        assert_eq!(
            body,
            b"Subject: x\r\n\r\n.foo\r\n.\r\n..bar\r\nlone\r\nend\r\n"
        );
        assert_eq!(rest, b"");
    }

    #[test]
    fn mixed_line_endings_are_content() {
        for text in [
            &b"\n.\r\nx\r\n"[..],
            b"\r\n.\nx\r\n",
            b"\nmid\n.\nmore\r\n",
            b"a\r.\r\nb\r\n",
            b"a\r\r\n",
        ] {
            let wire = [text, b".\r\n"].concat();
            let (body, _) = decode(LineEnding::CrLf, &[&wire]).unwrap();
            assert_eq!(
                Some((body, vec![])),
                naive(LineEnding::CrLf, &wire),
                "{text:?}"
            );
        }
        assert_eq!(decode(LineEnding::CrLf, &[b"a\r\n.\n"]), None);
        assert_eq!(decode(LineEnding::CrLf, &[b"a\n.\r\n"]), None);
        assert_eq!(decode(LineEnding::Lf, &[b"a\n.\r\n"]), None);
    }

    #[test]
    fn clean_stretches_are_not_copied() {
        let mut input = BytesMut::from(&b"one\r\ntwo\r\n\r\nthree\r\n.\r\n"[..]);
        let address = input.as_ptr();
        let piece = DotDecoder::new(LineEnding::CrLf).decode(&mut input);
        let Some(Decoded::Data(piece)) = piece else {
            panic!("{piece:?}")
        };
        assert_eq!(piece, &b"one\r\ntwo\r\n\r\nthree\r\n"[..]);
        assert_eq!(piece.as_ptr(), address);
    }

    fn dotty_text() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop_oneof![3 => Just(b'.'), 3 => Just(b'\r'), 4 => Just(b'\n'), 2 => Just(b'a')];
        proptest::collection::vec(byte, 0..60)
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_twin_in_any_two_cuts(text in dotty_text(), a in 0usize..60, b in 0usize..60, lf: bool) {
            let ending = if lf { LineEnding::Lf } else { LineEnding::CrLf };
            let (a, b) = (a.min(b).min(text.len()), a.max(b).min(text.len()));
            let expected = naive(ending, &text);
            prop_assert_eq!(&decode(ending, &[&text]), &expected);
            prop_assert_eq!(&decode(ending, &[&text[..a], &text[a..b], &text[b..]]), &expected);
            let singly: Vec<&[u8]> = text.chunks(1).collect();
            prop_assert_eq!(&decode(ending, &singly), &expected);
        }
    }
}
