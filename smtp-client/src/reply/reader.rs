use super::{Reply, ReplyCode};
use crate::Limits;
use bytes::{Buf, BytesMut};
use nom::branch::alt;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::one_of;
use nom::combinator::{eof, map_opt, rest};
use nom::{IResult, Parser};
use postrider_wire::Redactor;
use postrider_wire::escape::Escaped;
use std::fmt;
use std::sync::Arc;

/// Octets in a `334` line (RFC 4954 §4).
const CHALLENGE_LINE: usize = 12_288;

/// Takes whole replies from the front of a buffer: bounded, and linear however the bytes arrive.
#[derive(Clone, Debug)]
pub(crate) struct ReplyReader {
    limits: Limits,
    /// Octets that hold no further LF.
    searched: usize,
    /// Where the line begins that is being looked for.
    line: usize,
    lines: usize,
    code: Option<ReplyCode>,
}

impl ReplyReader {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            searched: 0,
            line: 0,
            lines: 0,
            code: None,
        }
    }

    /// The next reply; `None` means that more bytes are needed.
    ///
    /// An error quotes the server without these secrets.
    pub(crate) fn take(
        &mut self,
        input: &mut BytesMut,
        secrets: &Redactor,
    ) -> Result<Option<Reply>, InvalidReply> {
        loop {
            let unseen = input.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', unseen) else {
                self.check_unfinished(input)?;
                self.searched = input.len();
                return Ok(None);
            };
            let end = self.searched + at + 1;
            let line = input.get(self.line..end).unwrap_or_default();
            if self.take_line(line, end, secrets)? {
                let reply = self.finish(input.get(..end).unwrap_or_default());
                input.advance(end);
                return Ok(reply);
            }
            (self.searched, self.line) = (end, end);
        }
    }

    /// Looks at one line; true if it is the last of its reply. `end` is its end within the reply.
    fn take_line(
        &mut self,
        line: &[u8],
        end: usize,
        secrets: &Redactor,
    ) -> Result<bool, InvalidReply> {
        if line.len() > self.line_limit(line) {
            return Err(InvalidReply::LineTooLong(self.line_limit(line)));
        }
        if end > self.reply_limit() {
            return Err(InvalidReply::ReplyTooLong(self.reply_limit()));
        }
        self.lines += 1;
        if self.lines > self.limits.lines {
            return Err(InvalidReply::TooManyLines(self.limits.lines));
        }
        let text = line
            .strip_suffix(b"\r\n")
            .ok_or_else(|| InvalidReply::BareLineFeed(excerpt(line, secrets)))?;
        let (_, (code, is_last)) = reply_line(text).map_err(|_: nom::Err<()>| {
            let quoted = excerpt(text, secrets);
            InvalidReply::Malformed(quoted)
        })?;
        match self.code.replace(code) {
            Some(first) if first != code => Err(InvalidReply::CodeChanged(first, code)),
            _ => Ok(is_last),
        }
    }

    fn check_unfinished(&self, input: &BytesMut) -> Result<(), InvalidReply> {
        let line = input.get(self.line..).unwrap_or_default();
        if line.len() >= self.line_limit(line) {
            return Err(InvalidReply::LineTooLong(self.line_limit(line)));
        }
        if input.len() >= self.reply_limit() {
            return Err(InvalidReply::ReplyTooLong(self.reply_limit()));
        }
        Ok(())
    }

    fn finish(&mut self, raw: &[u8]) -> Option<Reply> {
        let code = self.code?;
        *self = Self::new(self.limits);
        let raw = Arc::from(raw);
        Some(Reply { code, raw })
    }

    fn line_limit(&self, line: &[u8]) -> usize {
        if line.starts_with(b"334") {
            self.limits.line.max(CHALLENGE_LINE)
        } else {
            self.limits.line
        }
    }

    fn reply_limit(&self) -> usize {
        self.limits.reply
    }
}

impl Reply {
    /// The same without these secrets in its text.
    pub(crate) fn without(self, secrets: &Redactor) -> Self {
        if !secrets.finds(&self.raw) {
            return self;
        }
        let mut raw = Vec::with_capacity(self.raw.len());
        for line in self.raw.split_inclusive(|&b| b == b'\n') {
            let (code, text) = line.split_at_checked(4).unwrap_or((line, &[]));
            raw.extend_from_slice(code);
            raw.extend_from_slice(&secrets.redact(text));
        }
        Self {
            raw: Arc::from(raw),
            ..self
        }
    }
}

pub(super) fn parse_whole(bytes: &[u8]) -> Result<Reply, InvalidReply> {
    let mut input = BytesMut::from(bytes);
    let nothing = Redactor::default();
    match ReplyReader::new(Limits::default()).take(&mut input, &nothing)? {
        Some(reply) if input.is_empty() => Ok(reply),
        _ => Err(InvalidReply::Malformed(excerpt(bytes, &nothing))),
    }
}

/// One line of a reply, without its CRLF: the code, and whether it is the last line.
///
/// ```abnf
/// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
/// Reply-code = %x32-35 %x30-35 %x30-39
/// ```
/// We also accept 6 to 9 as the second digit and any octets as text, because neither changes what the reply means.
/// A bare LF is no line ending: else the words of a third party that a server repeats could become a reply.
fn reply_line<'a, E: nom::error::ParseError<&'a [u8]>>(
    line: &'a [u8],
) -> IResult<&'a [u8], (ReplyCode, bool), E> {
    let digits = take_while_m_n(3, 3, |b: u8| b.is_ascii_digit());
    let code = map_opt(digits, |digits: &[u8]| {
        let digits = digits.iter().map(|digit| u16::from(digit & 0x0f));
        ReplyCode::new(digits.fold(0, |value, digit| value * 10 + digit))
    });
    let separator = alt((one_of(" -").map(|c| c == ' '), eof.map(|_| true)));
    (code, separator, rest)
        .map(|(code, is_last, _)| (code, is_last))
        .parse(line)
}

/// Bytes that are not a reply. The connection cannot be used after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidReply {
    /// A line is longer than this many octets.
    LineTooLong(usize),
    /// A reply is longer than this many octets.
    ReplyTooLong(usize),
    /// A reply has more than this many lines.
    TooManyLines(usize),
    /// A line ends in LF without CR; the line, escaped.
    BareLineFeed(String),
    /// A line does not begin with a reply code from 200 to 599; the line, escaped.
    Malformed(String),
    /// The lines of one reply have different codes.
    CodeChanged(ReplyCode, ReplyCode),
    /// The server began to speak before it was asked anything.
    Unasked,
}

/// Shortened last: of a secret cut in two nothing would be recognised.
fn excerpt(line: &[u8], secrets: &Redactor) -> String {
    let line = secrets.redact(line);
    Escaped(line.get(..80).unwrap_or(&line)).to_string()
}

impl fmt::Display for InvalidReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong(limit) => {
                write!(f, "a reply line is longer than {limit} octets")
            }
            Self::ReplyTooLong(limit) => write!(f, "a reply is longer than {limit} octets"),
            Self::TooManyLines(limit) => write!(f, "a reply has more than {limit} lines"),
            Self::BareLineFeed(line) => write!(f, "a line ends in LF without CR: {line:?}"),
            Self::Malformed(line) => write!(f, "this is not an SMTP reply: {line:?}"),
            Self::CodeChanged(first, then) => {
                write!(f, "one reply has the codes {first} and {then}")
            }
            Self::Unasked => f.write_str("the server spoke before it was asked"),
        }
    }
}

impl std::error::Error for InvalidReply {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(line: usize, reply: usize, lines: usize) -> Limits {
        Limits {
            line,
            reply,
            lines,
            ..Limits::default()
        }
    }

    fn read(chunks: &[&[u8]], limits: Limits) -> (Vec<Reply>, Option<InvalidReply>) {
        let (mut reader, mut input, mut replies) =
            (ReplyReader::new(limits), BytesMut::new(), Vec::new());
        for chunk in chunks {
            input.extend_from_slice(chunk);
            loop {
                match reader.take(&mut input, &Redactor::default()) {
                    Ok(Some(reply)) => replies.push(reply),
                    Ok(None) => break,
                    Err(error) => return (replies, Some(error)),
                }
            }
        }
        (replies, None)
    }

    #[test]
    fn rfc5321_4_2_multiline_replies() {
        let (replies, error) = read(
            &[b"250-a\r\n250-\r\n250 c\r\n354\r\n250 \r\n"],
            Limits::default(),
        );
        assert_eq!(error, None);
        let shown: Vec<String> = replies.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["250 a / c", "354", "250"]);
        let lines: Vec<&[u8]> = replies[0].lines().collect();
        assert_eq!(lines, [&b"a"[..], b"", b"c"]);
    }

    #[test]
    fn t9_what_is_no_reply_is_an_error() {
        for bad in [
            "250-a\r\n251 b\r\n",
            "199 x\r\n",
            "600 x\r\n",
            "100\r\n",
            "25\r\n",
            "2500 x\r\n",
            "abc\r\n",
            "\r\n",
            " 250 x\r\n",
            "250\tx\r\n",
            "22O mx\r\n",
            "220\0mx\r\n",
            "* OK IMAP\r\n",
            "HTTP/1.1 400 Bad Request\r\n",
            "250 a\n",
        ] {
            assert!(Reply::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_told_with_the_line_or_the_limit() {
        let code = |value| ReplyCode::new(value).unwrap();
        for (error, told) in [
            (InvalidReply::LineTooLong(512), "longer than 512 octets"),
            (InvalidReply::ReplyTooLong(9), "longer than 9 octets"),
            (InvalidReply::TooManyLines(3), "more than 3 lines"),
            (InvalidReply::BareLineFeed("250 a".into()), "\"250 a\""),
            (InvalidReply::Malformed("HTTP/1.1".into()), "\"HTTP/1.1\""),
            (
                InvalidReply::CodeChanged(code(250), code(550)),
                "250 and 550",
            ),
            (InvalidReply::Unasked, "before it was asked"),
        ] {
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn t9_eight_bit_text_is_kept_and_escaped_for_display() {
        let reply = Reply::parse(b"550 caf\xe9 \x1b[31m\r\n").unwrap();
        assert_eq!(reply.lines().next(), Some(&b"caf\xe9 \x1b[31m"[..]));
        assert_eq!(reply.to_string(), r"550 caf\xe9 \x1b[31m");
    }

    #[test]
    fn rfc3463_enhanced_codes() {
        let code = |text: &str| {
            Reply::parse(text.as_bytes())
                .unwrap()
                .enhanced()
                .map(|e| e.to_string())
        };
        assert_eq!(code("550 5.1.1 no\r\n").as_deref(), Some("5.1.1"));
        assert_eq!(code("550-5.7.26 a\r\n550 b\r\n").as_deref(), Some("5.7.26"));
        assert_eq!(code("250 2.0.0\r\n").as_deref(), Some("2.0.0"));
        assert_eq!(code("450 5.1.1 another class\r\n"), None);
        assert_eq!(code("550 5.1.1000 x\r\n"), None);
        assert_eq!(code("550 5.1.1x\r\n"), None);
        assert_eq!(code("250\r\n"), None);
    }

    #[test]
    fn t4_a_line_at_the_limit_passes_and_one_more_octet_fails() {
        let at_limit = |n: usize| format!("250 {}\r\n", "x".repeat(n - 6));
        let limits = limits(512, 65_536, 128);
        assert_eq!(read(&[at_limit(512).as_bytes()], limits).1, None);
        let too_long = Some(InvalidReply::LineTooLong(512));
        assert_eq!(read(&[at_limit(513).as_bytes()], limits).1, too_long);
        // Without a line end it fails as soon as no line end could help any more.
        assert_eq!(read(&[&[b'2'; 511]], limits).1, None);
        assert_eq!(read(&[&[b'2'; 512]], limits).1, too_long);
    }

    #[test]
    fn rfc4954_4_a_challenge_line_may_have_12288_octets() {
        let line = |n: usize| format!("334 {}\r\n", "A".repeat(n - 6));
        assert_eq!(
            read(&[line(12_288).as_bytes()], Limits::default()).0.len(),
            1
        );
        assert_eq!(
            read(&[line(12_289).as_bytes()], Limits::default()).1,
            Some(InvalidReply::LineTooLong(12_288))
        );
    }

    #[test]
    fn t4_lines_and_octets_of_a_reply_are_limited() {
        let reply = |n: usize| format!("{}250 x\r\n", "250-x\r\n".repeat(n - 1));
        assert_eq!(read(&[reply(128).as_bytes()], Limits::default()).0.len(), 1);
        assert_eq!(
            read(&[reply(129).as_bytes()], Limits::default()).1,
            Some(InvalidReply::TooManyLines(128))
        );
        let small = limits(100, 70, 128);
        assert_eq!(read(&[reply(10).as_bytes()], small).0.len(), 1);
        let too_long = Some(InvalidReply::ReplyTooLong(70));
        assert_eq!(read(&[reply(11).as_bytes()], small).1, too_long);
        assert_eq!(read(&[&reply(11).as_bytes()[..70]], small).1, too_long);
    }

    #[test]
    fn t4_one_octet_at_a_time_is_as_good_as_one_read() {
        let (long, many) = if cfg!(miri) { (50, 7) } else { (500, 127) };
        let line = format!("250-{}\r\n", "x".repeat(long));
        let text = format!("{}250 end\r\n", line.repeat(many));
        let octets: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        let (whole, slow) = (
            read(&[text.as_bytes()], Limits::default()),
            read(&octets, Limits::default()),
        );
        assert_eq!(whole, slow);
        assert_eq!(whole.0.len(), 1);
    }

    proptest! {
        #[test]
        fn chunking_never_matters(text in "(2|5|3)[0-9]{2}[- ]?[ax]{0,6}(\r\n|\n|)((250|2)[- ]x{0,9}\r\n){0,4}", cut in 0usize..60) {
            let small = limits(12, 30, 3);
            let cut = cut.min(text.len());
            let (front, back) = text.as_bytes().split_at(cut);
            prop_assert_eq!(read(&[text.as_bytes()], small), read(&[front, back], small));
        }
    }
}
