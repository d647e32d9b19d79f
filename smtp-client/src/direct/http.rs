//! An HTTP/1.1 reply as RFC 9112 has it, as much of it as a text of known bounds needs. A machine: octets in.
//!
//! Not supported: interim replies, trailers that mean anything, any coding but `chunked`.

use postrider_wire::escape::Escaped;
use std::fmt;

/// Octets in the header.
const HEADER: usize = 16_384;

/// A reply that is being read.
#[derive(Debug)]
pub(super) struct HttpReply {
    limit: usize,
    header: Vec<u8>,
    body: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    /// So many octets are missing.
    Length(usize),
    /// The body ends with the connection.
    UntilClosed,
    /// A line with the size of a chunk.
    ChunkSize,
    Chunk(usize),
    /// The line end after a chunk.
    ChunkEnd,
    /// Lines up to an empty one.
    Trailer,
    Complete,
}

/// It is no reply, or not the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InvalidHttp {
    NotHttp,
    Truncated,
    TooLong,
    Status(String),
    NotText,
}

impl fmt::Display for InvalidHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("the answer is not HTTP/1.1"),
            Self::Truncated => f.write_str("the answer was cut off"),
            Self::TooLong => f.write_str("the answer is too long"),
            Self::Status(status) => write!(f, "the server said {status}"),
            Self::NotText => f.write_str("the answer is not text/plain"),
        }
    }
}

impl HttpReply {
    /// A reply with a body of at most `limit` octets.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            header: Vec::new(),
            body: Vec::new(),
            state: State::Header,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Takes what was read; nothing is the end of the connection.
    pub(super) fn receive(&mut self, input: &[u8]) -> Result<(), InvalidHttp> {
        if input.is_empty() {
            return match self.state {
                State::UntilClosed => {
                    self.state = State::Complete;
                    Ok(())
                }
                _ => Err(InvalidHttp::Truncated),
            };
        }
        let mut rest = input;
        while !rest.is_empty() && !self.is_complete() {
            rest = match self.state {
                State::Header => self.line(rest, HEADER, Self::header_line)?,
                State::ChunkSize | State::ChunkEnd | State::Trailer => {
                    self.line(rest, HEADER, Self::chunk_line)?
                }
                State::Length(left) | State::Chunk(left) => self.take(rest, left)?,
                State::UntilClosed => self.take(rest, usize::MAX)?,
                State::Complete => rest,
            };
        }
        Ok(())
    }

    /// The body, once it is complete.
    pub(super) fn into_text(self) -> Result<Vec<u8>, InvalidHttp> {
        match self.is_complete() {
            true => Ok(self.body),
            false => Err(InvalidHttp::Truncated),
        }
    }

    /// Collects a line in `header`, and hands it on when it is whole.
    fn line<'i>(
        &mut self,
        input: &'i [u8],
        limit: usize,
        whole: fn(&mut Self) -> Result<(), InvalidHttp>,
    ) -> Result<&'i [u8], InvalidHttp> {
        let end = memchr::memchr(b'\n', input).map_or(input.len(), |at| at + 1);
        let (line, rest) = input.split_at(end);
        if self.header.len() + line.len() > limit {
            return Err(InvalidHttp::TooLong);
        }
        self.header.extend_from_slice(line);
        if line.ends_with(b"\n") {
            whole(self)?;
        }
        Ok(rest)
    }

    fn header_line(&mut self) -> Result<(), InvalidHttp> {
        if !self.header.ends_with(b"\r\n\r\n") && !self.header.ends_with(b"\n\n") {
            return Ok(());
        }
        let header = std::mem::take(&mut self.header);
        let header = String::from_utf8_lossy(&header).into_owned();
        let mut lines = header.lines();
        check_status(lines.next().unwrap_or_default())?;
        let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
        let field = |name: &str| {
            let mut named = fields
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.trim())
        };
        let kind = field("Content-Type").and_then(|kind| kind.split(';').next());
        if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain")) {
            return Err(InvalidHttp::NotText);
        }
        self.state = match (field("Transfer-Encoding"), field("Content-Length")) {
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => State::ChunkSize,
            (Some(_), _) => return Err(InvalidHttp::NotHttp),
            (None, Some(length)) => match number(length, 10)? {
                0 => State::Complete,
                length if length > self.limit => return Err(InvalidHttp::TooLong),
                length => State::Length(length),
            },
            (None, None) => State::UntilClosed,
        };
        Ok(())
    }

    /// ```abnf
    /// chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
    /// chunked-body = *chunk last-chunk trailer-section CRLF
    /// ```
    fn chunk_line(&mut self) -> Result<(), InvalidHttp> {
        let line = std::mem::take(&mut self.header);
        let line = std::str::from_utf8(&line).map_err(|_| InvalidHttp::NotHttp)?;
        let line = line.trim_end_matches(['\r', '\n']);
        self.state = match (self.state, line) {
            (State::ChunkEnd, "") => State::ChunkSize,
            (State::Trailer, "") => State::Complete,
            (State::Trailer, _) => State::Trailer,
            (State::ChunkSize, line) => {
                let size = line.split(';').next().unwrap_or_default().trim();
                match number(size, 16)? {
                    0 => State::Trailer,
                    size if size > self.limit => return Err(InvalidHttp::TooLong),
                    size => State::Chunk(size),
                }
            }
            _ => return Err(InvalidHttp::NotHttp),
        };
        Ok(())
    }

    fn take<'i>(&mut self, input: &'i [u8], left: usize) -> Result<&'i [u8], InvalidHttp> {
        let (body, rest) = input.split_at(left.min(input.len()));
        if self.body.len() + body.len() > self.limit {
            return Err(InvalidHttp::TooLong);
        }
        self.body.extend_from_slice(body);
        self.state = match (self.state, left - body.len()) {
            (State::Length(_), 0) => State::Complete,
            (State::Length(_), left) => State::Length(left),
            (State::Chunk(_), 0) => State::ChunkEnd,
            (State::Chunk(_), left) => State::Chunk(left),
            (state, _) => state,
        };
        Ok(rest)
    }
}

/// Redirections are not followed (RFC 8461 §3.3): anything but 200 is an error.
fn check_status(line: &str) -> Result<(), InvalidHttp> {
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..));
    match status {
        Some(status) if status == "200" || status.starts_with("200 ") => Ok(()),
        Some(status) => {
            let shown: String = status.chars().take(80).collect();
            Err(InvalidHttp::Status(Escaped(shown.as_bytes()).to_string()))
        }
        None => Err(InvalidHttp::NotHttp),
    }
}

fn number(digits: &str, radix: u32) -> Result<usize, InvalidHttp> {
    let valid = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    let number = usize::from_str_radix(digits, radix).ok().filter(|_| valid);
    number.ok_or(if valid {
        InvalidHttp::TooLong
    } else {
        InvalidHttp::NotHttp
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads in such pieces, and then the end, unless the reply was complete before.
    fn read(text: &[u8], piece: usize) -> Result<Vec<u8>, InvalidHttp> {
        let mut reply = HttpReply::new(20);
        for piece in text.chunks(piece.max(1)).chain([&[][..]]) {
            if !reply.is_complete() {
                reply.receive(piece)?;
            }
        }
        reply.into_text()
    }

    fn text(fields: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nContent-type: text/plain; charset=utf-8\r\n{fields}\r\n{body}")
            .into_bytes()
    }

    #[test]
    fn rfc9112_6_3_a_body_ends_by_its_length_by_chunks_or_with_the_connection() {
        for reply in [
            text("Content-Length: 5\r\n", "hellowhat follows"),
            text(
                "transfer-encoding: Chunked\r\n",
                "2\r\nhe\r\n03;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n",
            ),
            text("", "hello"),
        ] {
            for piece in 1..8 {
                assert_eq!(read(&reply, piece), Ok(b"hello".to_vec()));
            }
        }
        assert_eq!(read(&text("Content-Length: 0\r\n", ""), 9), Ok(Vec::new()));
    }

    #[test]
    fn rfc9112_2_2_lf_may_end_a_line_and_a_reason_may_be_missing() {
        let reply = "HTTP/1.1 200\nContent-Type: text/plain\nContent-Length: 5\n\nhello";
        assert_eq!(read(reply.as_bytes(), 9), Ok(b"hello".to_vec()));
    }

    #[test]
    fn what_is_as_long_as_it_may_be_is_read() {
        let longest = "x".repeat(20);
        let chunk = format!("14\r\n{longest}\r\n0\r\n\r\n");
        for reply in [
            text("Content-Length: 20\r\n", &longest),
            text("Transfer-Encoding: chunked\r\n", &chunk),
            text("", &longest),
        ] {
            for piece in [1, 7, 1_000] {
                assert_eq!(read(&reply, piece), Ok(longest.clone().into_bytes()));
            }
        }
        let others = text("X: \r\n", "").len();
        let header = |octets: usize| {
            let field = format!("X: {}\r\n", "x".repeat(octets - others));
            text(&field, "hello")
        };
        for piece in [1, 1_000, 100_000] {
            assert_eq!(read(&header(16_384), piece), Ok(b"hello".to_vec()));
            assert_eq!(read(&header(16_385), piece), Err(InvalidHttp::TooLong));
        }
    }

    #[test]
    fn whoever_reads_of_it_learns_what_is_wrong_with_a_reply() {
        let missing = InvalidHttp::Status("404 Not Found".to_owned());
        for (error, words) in [
            (InvalidHttp::NotHttp, "not HTTP/1.1"),
            (InvalidHttp::Truncated, "cut off"),
            (InvalidHttp::TooLong, "too long"),
            (missing, "the server said 404 Not Found"),
            (InvalidHttp::NotText, "not text/plain"),
        ] {
            let shown = error.to_string();
            assert!(shown.contains(words), "{shown}");
        }
    }

    #[test]
    fn rfc8461_3_3_anything_else_is_an_error() {
        let error = |reply: &[u8]| read(reply, 9).unwrap_err();
        let moved = error(b"HTTP/1.1 301 Moved\x07\r\nLocation: x\r\n\r\n");
        assert_eq!(moved, InvalidHttp::Status(r"301 Moved\x07".to_owned()));
        assert_eq!(
            error(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"),
            InvalidHttp::NotText
        );
        assert_eq!(error(b"220 mx\r\n\r\n"), InvalidHttp::NotHttp);
        assert_eq!(
            error(&text("Content-Length: 6\r\n", "hello")),
            InvalidHttp::Truncated
        );
        assert_eq!(
            error(&text("Content-Length: x\r\n", "hello")),
            InvalidHttp::NotHttp
        );
        let no_length = error(&text("Content-Length: \r\n", "hello"));
        assert_eq!(no_length, InvalidHttp::NotHttp);
        // RFC 9112 §6.3: somebody may want to smuggle.
        let both = text("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "");
        assert_eq!(error(&both), InvalidHttp::NotHttp);
        let odd = error(b"HTTP/1.1 2000 OK\r\nContent-Type: text/plain\r\n\r\n");
        assert_eq!(odd, InvalidHttp::Status("2000 OK".to_owned()));
        assert_eq!(
            error(&text("Content-Length: 21\r\n", "")),
            InvalidHttp::TooLong
        );
        assert_eq!(
            error(&text("Content-Length: 99999999999999999999999\r\n", "")),
            InvalidHttp::TooLong
        );
        assert_eq!(
            error(&text("", "123456789012345678901")),
            InvalidHttp::TooLong
        );
        let chunked = |body| text("Transfer-Encoding: chunked\r\n", body);
        assert_eq!(error(&chunked("15\r\n")), InvalidHttp::TooLong);
        assert_eq!(
            error(&chunked("f\r\n123456789012345\r\nf\r\n123456")),
            InvalidHttp::TooLong
        );
        assert_eq!(error(&chunked("1\r\nxy\r\n")), InvalidHttp::NotHttp);
        assert_eq!(error(&chunked("-1\r\n")), InvalidHttp::NotHttp);
        assert_eq!(error(&chunked("1\r\nx\r\n")), InvalidHttp::Truncated);
        assert_eq!(
            error(&text("Transfer-Encoding: gzip\r\n", "")),
            InvalidHttp::NotHttp
        );
        assert_eq!(error(&[b'x'; 20_000]), InvalidHttp::TooLong);
    }

    proptest! {
        #[test]
        fn chunking_never_matters(octets in "(HTTP/1.1 200 OK\r\n|Content-Type: text/plain\r\n|Transfer-Encoding: chunked\r\n|Content-Length: 3\r\n|\r\n|[0-3]\r\n|[a-c]{0,3})*", piece in 1..30usize) {
            let whole = read(octets.as_bytes(), usize::MAX);
            prop_assert_eq!(read(octets.as_bytes(), piece), whole);
        }
    }
}
