//! Naive twins: the same rules as the crates', written the short and slow way, to be compared with.

/// Takes a line from the front, its LF included; `None` if there is no whole line.
pub fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|octet| *octet == b'\n')? + 1;
    let (line, after) = rest.split_at(end);
    *rest = after;
    Some(line)
}

/// A line without its CRLF or LF.
pub fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Takes a multi-line body from the front (RFC 1939 §3): `ending` ends its lines, a lone dot the body.
pub fn dotted(rest: &mut &[u8], ending: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = rest.windows(ending.len()).position(|w| w == ending)?;
        let line = &rest[..length];
        *rest = &rest[length + ending.len()..];
        if line == b"." {
            return Some(body);
        }
        body.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        body.extend_from_slice(ending);
    }
}

/// Takes the lines of a listing from the front, each without its ending and its stuffed dot.
pub fn listing(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    loop {
        let line = trimmed(line(rest)?);
        if line == b"." {
            return Some(lines);
        }
        lines.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        lines.push(b'\n');
    }
}

/// A message with every CR, LF and CRLF turned into CRLF, and one at its end unless it is empty.
pub fn normalised(message: &[u8]) -> Vec<u8> {
    let text = message.to_vec();
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\r' => {
                out.extend_from_slice(b"\r\n");
                at += usize::from(text.get(at + 1) == Some(&b'\n'));
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
        at += 1;
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// How often `needle` stands in `text`, overlaps included.
pub fn occurrences(text: &[u8], needle: &[u8]) -> usize {
    text.windows(needle.len()).filter(|w| *w == needle).count()
}
