//! The two header fields of an inbound mail that lists show.

/// Octets of the header that are looked at, and letters that are kept.
const LOOK_AT: usize = 64 * 1024;
const KEEP: usize = 200;

/// A header field in one line, as it was written; empty if there is none.
pub(super) fn field(raw: &[u8], name: &str) -> String {
    let mut lines = raw
        .get(..LOOK_AT)
        .unwrap_or(raw)
        .split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty());
    let Some(first) = lines.find_map(|line| body_of(line, name)) else {
        return String::new();
    };
    let mut text = first.to_vec();
    for folded in lines.take_while(|line| matches!(line.first(), Some(b' ' | b'\t'))) {
        text.push(b' ');
        text.extend_from_slice(folded.trim_ascii());
    }
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(text.trim_ascii())
        .chars()
        .take(KEEP)
        .map(printable)
        .collect()
}

fn body_of<'l>(line: &'l [u8], name: &str) -> Option<&'l [u8]> {
    let (head, body) = line.split_at_checked(name.len())?;
    if !head.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    body.trim_ascii_start().strip_prefix(b":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_field_is_one_line_and_the_body_is_not_looked_at() {
        let raw =
            b"Subjects: no\r\nFROM : ada\r\nSubject: one\r\n\ttwo\r\nTo: x\r\n\r\nReply-To: y\r\n";
        assert_eq!(field(raw, "Subject"), "one two");
        assert_eq!(field(raw, "From"), "ada");
        assert_eq!(field(raw, "Reply-To"), "");
        assert_eq!(field(b"", "From"), "");
    }
}
