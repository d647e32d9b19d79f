//! Messages as multi-line responses (RFC 1939 §3).

use bytes::BytesMut;
use memchr::memmem;

/// The octets that LIST and RETR announce: what RETR sends, without byte-stuffing and the final dot.
pub(super) fn size(content: &[u8]) -> usize {
    content.len() + closing(content).len()
}

/// Writes content byte-stuffed, and the final dot. Lines are what ends in CRLF: a dot behind an LF that stands alone
/// begins no line.
pub(super) fn write(content: &[u8], out: &mut BytesMut) {
    out.reserve(content.len() + 16);
    let mut rest = content;
    loop {
        if rest.first() == Some(&b'.') {
            out.extend_from_slice(b".");
        }
        let end = memmem::find(rest, b"\r\n").map_or(rest.len(), |at| at + 2);
        let (line, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        out.extend_from_slice(line);
        if tail.is_empty() {
            break;
        }
        rest = tail;
    }
    out.extend_from_slice(closing(content));
    out.extend_from_slice(b".\r\n");
}

/// The header, the empty line, and the first so many lines of the body (RFC 1939 §7, TOP).
pub(super) fn top(content: &[u8], lines: u64) -> &[u8] {
    let header = match memmem::find(content, b"\r\n\r\n") {
        _ if content.starts_with(b"\r\n") => 2,
        Some(at) => at + 4,
        None => return content,
    };
    let body = content.get(header..).unwrap_or_default();
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    let end = match lines.checked_sub(1) {
        None => 0,
        Some(before_last) => memmem::find_iter(body, b"\r\n")
            .nth(before_last)
            .map_or(body.len(), |at| at + 2),
    };
    content.get(..header + end).unwrap_or(content)
}

/// What is missing at the end of content for the final dot to stand on a line of its own.
fn closing(content: &[u8]) -> &'static [u8] {
    if content.is_empty() || content.ends_with(b"\r\n") {
        b""
    } else {
        b"\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(content: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        write(content, &mut out);
        out.to_vec()
    }

    #[test]
    fn rfc1939_3_byte_stuffing() {
        assert_eq!(written(b""), b".\r\n");
        assert_eq!(written(b".\r\n..a\r\nb"), b"..\r\n...a\r\nb\r\n.\r\n");
        assert_eq!(written(b"A\n.\nB\r\n"), b"A\n.\nB\r\n.\r\n");
        assert_eq!(size(b"ab"), 4);
        assert_eq!(size(b"ab\r\n"), 4);
        assert_eq!(size(b""), 0);
    }

    #[test]
    fn rfc1939_7_top_sends_the_header_the_empty_line_and_so_many_lines() {
        let mail = b"A: b\r\nC: d\r\n\r\n1\r\n2\r\n3";
        assert_eq!(top(mail, 0), b"A: b\r\nC: d\r\n\r\n");
        assert_eq!(top(mail, 2), b"A: b\r\nC: d\r\n\r\n1\r\n2\r\n");
        assert_eq!(top(mail, 3), mail);
        assert_eq!(top(mail, u64::MAX), mail);
        assert_eq!(top(b"\r\nx\r\n", 0), b"\r\n");
        assert_eq!(top(b"no body\r\n", 9), b"no body\r\n");
    }

    proptest! {
        #[test]
        fn unstuffing_gives_the_content_back(content in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a')], 0..50)) {
            let wire = written(&content);
            let ends: Vec<usize> = [b"\r\n", wire.as_slice()].concat().windows(5)
                .enumerate().filter(|(_, w)| w == b"\r\n.\r\n").map(|(at, _)| at + 3).collect();
            prop_assert_eq!(&ends, &[wire.len()]);
            let mut plain = Vec::new();
            let mut rest = &wire[..wire.len() - 3];
            while !rest.is_empty() {
                let end = memmem::find(rest, b"\r\n").map_or(rest.len(), |at| at + 2);
                plain.extend_from_slice(rest[..end].strip_prefix(b".").unwrap_or(&rest[..end]));
                rest = &rest[end..];
            }
            prop_assert_eq!(plain.len(), size(&content));
            prop_assert!(plain.starts_with(&content));
        }
    }
}
