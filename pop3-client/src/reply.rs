//! Status lines and response codes.

use bytes::Bytes;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, map, opt, recognize, rest, value};
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use postrider_wire::escape::Escaped;
use std::fmt;

/// The status indicator of a reply (RFC 1939 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// `+OK`: the command succeeded.
    Ok,
    /// `-ERR`: it did not.
    Err,
}

/// The first line of a reply: status indicator, response code, and the server's words (RFC 1939 §3, RFC 2449 §8).
///
/// `Display` shows the line with control characters escaped. Of a reply that repeats the password it was sent, a session
/// gives the words without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    status: Status,
    code: Option<ResponseCode>,
    text: Bytes,
}

impl Reply {
    /// Reads a status line, given without its line ending.
    ///
    /// ```abnf
    /// single-line = status [SP text] CRLF
    /// status      = "+OK" / "-ERR"
    /// text        = *schar / resp-code *CHAR
    /// resp-code   = "[" resp-level *("/" resp-level) "]"
    /// resp-level  = 1*rchar
    /// rchar       = %x21-2E / %x30-5C / %x5E-7F       ; printable, without "/" and "]"
    /// ```
    ///
    /// The status indicator must be in upper case, as RFC 1939 §3 demands. We also accept any bytes in the text,
    /// because servers write 8-bit and blanks there, and `[` that opens no response code, because hosts use it in greetings.
    pub fn parse(line: &Bytes) -> Option<Self> {
        let (_, (status, text)) = all_consuming(status_line).parse(line).ok()?;
        let code = response_code(text).ok().map(|(_, code)| code);
        Some(Self {
            status,
            code,
            text: line.slice_ref(text),
        })
    }

    /// Whether the command succeeded.
    pub fn status(&self) -> Status {
        self.status
    }

    /// True for `+OK`.
    pub fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }

    /// The response code, if the text begins with one (RFC 2449 §8).
    pub fn code(&self) -> Option<&ResponseCode> {
        self.code.as_ref()
    }

    /// The server's words without the status indicator, control characters escaped.
    pub fn text(&self) -> String {
        Escaped(&self.text).to_string()
    }

    /// The whole line as sent, for a transcript that escapes it.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn to_line(&self) -> Vec<u8> {
        let indicator = if self.is_ok() { &b"+OK "[..] } else { b"-ERR " };
        [indicator, &self.text].concat().trim_ascii_end().to_vec()
    }

    /// The same as the server sent it. Do not show it on a terminal.
    pub fn raw_text(&self) -> &[u8] {
        &self.text
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.status {
            Status::Ok => "+OK",
            Status::Err => "-ERR",
        })?;
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, " {}", Escaped(&self.text))
    }
}

/// Why a command failed, in a word that programs understand (RFC 2449 §8.1, RFC 3206, RFC 6856 §5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseCode {
    /// `[IN-USE]`: another session holds the maildrop. Try later.
    InUse,
    /// `[LOGIN-DELAY]`: the last login was too recent. Try later.
    LoginDelay,
    /// `[SYS/TEMP]`: a fault of the server that is likely to pass.
    SysTemp,
    /// `[SYS/PERM]`: a fault of the server that needs a person.
    SysPerm,
    /// `[AUTH]`: the credentials are the problem. Do not retry.
    Auth,
    /// `[UTF8]`: the message or name needs UTF8 mode.
    Utf8,
    /// Any other, as sent, without brackets.
    Other(Box<str>),
}

impl ResponseCode {
    fn from_text(text: &[u8]) -> Self {
        let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
        [
            Self::InUse,
            Self::LoginDelay,
            Self::SysTemp,
            Self::SysPerm,
            Self::Auth,
            Self::Utf8,
        ]
        .into_iter()
        .find(|code| is(code.name()))
        .unwrap_or_else(|| Self::Other(Escaped(text).to_string().into()))
    }

    /// The code as it stands between the brackets.
    pub fn name(&self) -> &str {
        match self {
            Self::InUse => "IN-USE",
            Self::LoginDelay => "LOGIN-DELAY",
            Self::SysTemp => "SYS/TEMP",
            Self::SysPerm => "SYS/PERM",
            Self::Auth => "AUTH",
            Self::Utf8 => "UTF8",
            Self::Other(name) => name,
        }
    }

    /// True if the code says that the same command may succeed later without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::InUse | Self::LoginDelay | Self::SysTemp)
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.name())
    }
}

fn status_line(input: &[u8]) -> IResult<&[u8], (Status, &[u8])> {
    let ok = value(Status::Ok, tag(&b"+OK"[..]));
    let err = value(Status::Err, tag(&b"-ERR"[..]));
    let text = opt(preceded(char(' '), rest));
    map((alt((ok, err)), text), |(status, text)| {
        (status, text.unwrap_or_default())
    })
    .parse(input)
}

fn response_code(input: &[u8]) -> IResult<&[u8], ResponseCode> {
    let level = take_till1(|b: u8| !b.is_ascii_graphic() || b == b'/' || b == b']');
    let levels = recognize(separated_list1(char('/'), level));
    map(
        delimited(char('['), levels, char(']')),
        ResponseCode::from_text,
    )
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(line: &'static [u8]) -> Option<Reply> {
        Reply::parse(&Bytes::from_static(line))
    }

    #[test]
    fn rfc1939_3_status_indicators_are_upper_case() {
        assert!(reply(b"+OK").unwrap().is_ok());
        assert_eq!(
            reply(b"-ERR no such message").unwrap().text(),
            "no such message"
        );
        for line in [
            &b"+ok"[..],
            b"-err x",
            b"+OKAY",
            b"220 smtp",
            b"",
            b"\0\0\0",
            b"* OK imap",
            b" +OK",
        ] {
            assert_eq!(Reply::parse(&Bytes::from_static(line)), None, "{line:?}");
        }
    }

    #[test]
    fn rfc2449_8_and_rfc3206_response_codes_are_typed() {
        let code = |line| reply(line).unwrap().code().cloned();
        assert_eq!(
            code(b"-ERR [IN-USE] Do you have another POP session running?"),
            Some(ResponseCode::InUse)
        );
        assert_eq!(code(b"-ERR [sys/temp] full"), Some(ResponseCode::SysTemp));
        assert_eq!(code(b"-ERR [SYS/PERM]"), Some(ResponseCode::SysPerm));
        assert_eq!(code(b"-ERR [AUTH] PASS ABC"), Some(ResponseCode::Auth));
        assert_eq!(
            code(b"-ERR [LOGIN-DELAY] wait"),
            Some(ResponseCode::LoginDelay)
        );
        assert_eq!(
            code(b"-ERR [X-CO/Y] z"),
            Some(ResponseCode::Other("X-CO/Y".into()))
        );
        for line in [
            &b"+OK [a b] c"[..],
            b"+OK [] c",
            b"+OK [/x] c",
            b"+OK [unclosed",
            b"+OK x [AUTH]",
            b"+OK",
        ] {
            assert_eq!(reply(line).unwrap().code(), None, "{line:?}");
        }
    }

    #[test]
    fn rfc2449_8_1_a_code_says_whether_to_try_again_and_is_shown_in_brackets() {
        use ResponseCode::{Auth, InUse, LoginDelay, Other, SysPerm, SysTemp, Utf8};
        for (code, shown, temporary) in [
            (InUse, "[IN-USE]", true),
            (LoginDelay, "[LOGIN-DELAY]", true),
            (SysTemp, "[SYS/TEMP]", true),
            (SysPerm, "[SYS/PERM]", false),
            (Auth, "[AUTH]", false),
            (Utf8, "[UTF8]", false),
            (Other("X-CO".into()), "[X-CO]", false),
        ] {
            assert_eq!(
                (code.to_string().as_str(), code.is_temporary()),
                (shown, temporary)
            );
        }
    }

    #[cfg(any(feature = "tokio", feature = "blocking"))]
    #[test]
    fn a_transcript_has_the_line_as_it_was_sent() {
        for line in [&b"+OK"[..], b"+OK  two blanks", b"-ERR [AUTH] \xff"] {
            assert_eq!(reply(line).unwrap().to_line(), line);
        }
    }

    #[test]
    fn s23_control_bytes_are_escaped_and_the_raw_text_is_at_hand() {
        let evil = reply(b"-ERR \x1b]0;x\x07").unwrap();
        assert_eq!(evil.to_string(), r"-ERR \x1b]0;x\x07");
        assert_eq!(evil.raw_text(), b"\x1b]0;x\x07");
    }
}
