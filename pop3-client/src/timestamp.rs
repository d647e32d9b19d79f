use std::fmt;

/// The timestamp in a greeting, which APOP digests with the password (RFC 1939 §7).
///
/// A value exists only if it is a message-id as RFC 822 has it. Whoever pretends to be the server and may choose any bytes
/// can learn the password, three characters of it for certain, from collisions of MD5 (CVE-2007-1558); the bytes that
/// this takes are no message-id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp(String);

/// The longest timestamp.
const LONGEST: usize = 255;

impl Timestamp {
    /// Finds the timestamp in the words of a greeting.
    ///
    /// ```abnf
    /// msg-id   = "<" dot-atom "@" (dot-atom / "[" 1*dtext "]") ">"
    /// dot-atom = 1*atext *("." 1*atext)
    /// ```
    pub fn find(greeting: &[u8]) -> Option<Self> {
        let begin = memchr::memchr(b'<', greeting)?;
        let rest = greeting.get(begin..)?;
        let id = rest.get(..=memchr::memchr(b'>', rest)?)?;
        let text = std::str::from_utf8(id)
            .ok()
            .filter(|text| text.len() <= LONGEST)?;
        let (left, right) = text.strip_prefix('<')?.strip_suffix('>')?.split_once('@')?;
        let literal = right.strip_prefix('[').and_then(|r| r.strip_suffix(']'));
        let is_domain = match literal {
            Some(inner) => {
                !inner.is_empty()
                    && inner
                        .bytes()
                        .all(|b| b.is_ascii_graphic() && !b"[]\\<>@".contains(&b))
            }
            None => is_dot_atom(right),
        };
        (is_dot_atom(left) && is_domain).then(|| Self(text.to_owned()))
    }

    /// The timestamp, angle brackets included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_dot_atom(text: &str) -> bool {
    let is_atext = |b: u8| b.is_ascii_graphic() && !b"()<>@,;:\\\".[]".contains(&b);
    text.split('.')
        .all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1939_7_a_timestamp_is_a_message_id() {
        let found = |greeting: &str| Timestamp::find(greeting.as_bytes()).map(|t| t.to_string());
        let example = "POP3 server ready <1896.697170952@dbc.mtview.ca.us>";
        assert_eq!(found(example).unwrap(), "<1896.697170952@dbc.mtview.ca.us>");
        assert!(found("ready. <7f1f.1.6b04af78.BkzA1TxqhQGHl3lVNrUgOQ==@vm>").is_some());
        let literal = Timestamp::find(b"<1.2@[127.0.0.1]> ready").unwrap();
        assert_eq!(literal.as_str(), "<1.2@[127.0.0.1]>");
    }

    #[test]
    fn s16_anything_else_is_none() {
        let long = format!("<{}@b>", "a".repeat(252));
        for greeting in [
            &b"<\x80\x00a@b>"[..],
            b"<a>",
            b"<@>",
            b"<a@>",
            b"<@b>",
            b"<a@b@c>",
            b"<a b@c>",
            b"<a..b@c>",
            b"<a@b",
            b"ready",
            b"<a@b\x7f>",
            b"<a@[]>",
            b"<a@[b c]>",
            b"<a@[b[c]>",
            b"<a@[b\\]>",
            b"<a@[b>",
            b"<a@b]>",
            long.as_bytes(),
        ] {
            assert_eq!(Timestamp::find(greeting), None, "{greeting:?}");
        }
        assert!(Timestamp::find(format!("<{}@b>", "a".repeat(251)).as_bytes()).is_some());
    }
}
