//! yEnc (version 1.3), as `Content-Transfer-Encoding: x-yenc`.
//!
//! ```text
//! file = "=ybegin" SP keywords LF ["=ypart" SP keywords LF] *line "=yend" SP keywords LF
//! ```
//!
//! Every byte is its value plus 42; after `=`, its value plus 42 plus 64. The sizes that the keywords tell are compared
//! with what was read, and never allocated.

use crate::defect::DefectKind;

/// Appends the content of yEnc text to `out`.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    let mut lines = YEnc::default();
    lines.lines(text, out);
    lines.finish()
}

/// YEnc text that is read line by line.
#[derive(Debug, Default)]
pub(super) struct YEnc {
    begun: bool,
    /// How many bytes the content has so far.
    size: usize,
    /// The end was met: whether its size is right.
    ended: Option<bool>,
}

impl YEnc {
    /// Takes whole lines.
    pub(super) fn lines(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for line in text.split(|b| *b == b'\n') {
            self.line(line.strip_suffix(b"\r").unwrap_or(line), out);
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if !self.begun || self.ended.is_some() {
            self.begun |= line.starts_with(b"=ybegin ");
        } else if let Some(keywords) = line.strip_prefix(b"=yend ") {
            self.ended = Some(size(keywords).is_none_or(|size| size == self.size));
        } else if !line.starts_with(b"=ypart ") {
            let before = out.len();
            decode_line(line, out);
            self.size += out.len() - before;
        }
    }

    /// What was wrong.
    pub(super) fn finish(self) -> Option<DefectKind> {
        (self.ended != Some(true)).then_some(DefectKind::BadEncodedData)
    }
}

fn decode_line(line: &[u8], out: &mut Vec<u8>) {
    // A dot at the start of a line may have been doubled by the transport.
    let line = if line.starts_with(b"..") {
        line.get(1..).unwrap_or_default()
    } else {
        line
    };
    let mut escaped = false;
    for byte in line {
        match byte {
            b'=' if !escaped => escaped = true,
            _ => {
                out.push(byte.wrapping_sub(if escaped { 42 + 64 } else { 42 }));
                escaped = false;
            }
        }
    }
}

fn size(keywords: &[u8]) -> Option<usize> {
    let word = keywords
        .split(|b| *b == b' ')
        .find_map(|word| word.strip_prefix(b"size="))?;
    std::str::from_utf8(word).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> (Vec<u8>, Option<DefectKind>) {
        let mut out = Vec::new();
        let defect = decode(text, &mut out);
        (out, defect)
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = b"=ybegin line=64 size=256 name=x\r\n".to_vec();
        for chunk in bytes.chunks(64) {
            for byte in chunk {
                match byte.wrapping_add(42) {
                    critical @ (0 | b'\n' | b'\r' | b'=' | b'.') => {
                        text.extend([b'=', critical.wrapping_add(64)])
                    }
                    other => text.push(other),
                }
            }
            text.extend(b"\r\n");
        }
        text.extend(b"=yend size=256\r\n");
        assert_eq!(read(&text), (bytes, None));
    }

    #[test]
    fn what_is_damaged_is_told() {
        let bad = Some(DefectKind::BadEncodedData);
        assert_eq!(
            read(b"=ybegin line=128 size=99999999999 name=../x\r\n"),
            (vec![], bad)
        );
        assert_eq!(
            read(b"=ybegin size=1\nk\n=yend size=2\n"),
            (b"A".to_vec(), bad)
        );
        assert_eq!(read(b"text"), (vec![], bad));
    }

    #[test]
    fn what_a_line_is_follows_from_where_it_stands() {
        for (text, content, whole) in [
            (
                &b"junk\n=ybegin size=1\nk\n=yend size=1\nk\n"[..],
                &b"A"[..],
                true,
            ),
            (
                b"=ybegin part=1\n=ypart begin=1\nk\n=yend size=1",
                b"A",
                true,
            ),
            (b"=ybegin x\nk\n=yend name=x", b"A", true),
            (b"=ybegin x\nk\n=yend crc=1 size=1 x=2", b"A", true),
            (b"=ybegin x\nk\n=yend size=x", b"A", true),
            (b"=ybegin x\nk\nl\n=yend size=2", b"AB", true),
            (b"=ybegin x\nk\nl\n=yend size=1", b"AB", false),
            (b"=ybegin x\n..k\n.k\n=yend size=4", b"\x04A\x04A", true),
            (b"=ybegin x\n=kk=\n=yend size=2", b"\x01A", true),
            (b"=ybegin x\n==k\n=yend size=2", b"\xD3A", true),
        ] {
            let (read, defect) = read(text);
            assert_eq!(
                (read.as_slice(), defect.is_none()),
                (content, whole),
                "{}",
                text.escape_ascii()
            );
        }
    }
}
