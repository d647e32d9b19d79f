//! Uuencode, as `Content-Transfer-Encoding: x-uuencode` (POSIX.1, `uuencode`).
//!
//! ```text
//! file  = "begin" SP mode SP name LF *line zero-line "end"
//! line  = length 1*group       ; length and groups are bytes of 6 bits, plus 32
//! ```
//!
//! We also accept `` ` `` for a space, lines cut at the end, and a missing `end`. Text outside `begin` … `end` is dropped.
//!
//! A space is six zero bits, and transport takes spaces away at the end of a line: what a line lacks is filled in with zeroes, but
//! few bytes of text are no very large file.

use crate::defect::DefectKind;

/// Appends the content of uuencoded text to `out`.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    let mut lines = Uuencoded::default();
    lines.lines(text, out);
    lines.finish()
}

/// So many zeroes may be filled in for each byte of text that was read.
const ZEROES: usize = 8;

/// So many may be filled in whatever was read: in a file of ordinary size, all that are lacking.
const FREE: usize = 1 << 20;

/// Uuencoded text that is read line by line.
#[derive(Debug)]
pub(super) struct Uuencoded {
    place: Place,
    bad: bool,
    /// How many zeroes may still be filled in.
    zeroes: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Within,
    Behind,
}

impl Default for Uuencoded {
    fn default() -> Self {
        Self {
            place: Place::default(),
            bad: false,
            zeroes: FREE,
        }
    }
}

impl Uuencoded {
    /// Takes whole lines.
    pub(super) fn lines(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for line in text.split(|b| *b == b'\n') {
            self.line(line.strip_suffix(b"\r").unwrap_or(line), out);
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let more = line.len().saturating_mul(ZEROES);
        self.zeroes = self.zeroes.saturating_add(more);
        match (&self.place, line.split_first()) {
            (Place::Before, _) if line.starts_with(b"begin ") => self.place = Place::Within,
            (Place::Within, _) if line == b"end" => self.place = Place::Behind,
            (Place::Within, Some((length, groups))) => match sextet(*length) {
                Some(length) => {
                    let length = usize::from(length);
                    self.bad |= !decode_line(groups, length, &mut self.zeroes, out);
                }
                None => self.bad = true,
            },
            _ => {}
        }
    }

    /// What was wrong.
    pub(super) fn finish(self) -> Option<DefectKind> {
        let whole = self.place == Place::Behind && !self.bad;
        (!whole).then_some(DefectKind::BadEncodedData)
    }
}

/// Appends `length` bytes of a line. False when the line holds fewer; what it lacks is zeroes, as many as are left.
fn decode_line(groups: &[u8], length: usize, zeroes: &mut usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut good = true;
    for group in groups.chunks(4) {
        let mut bits = 0_u32;
        for i in 0..4 {
            let value = group.get(i).map_or(Some(0), |b| sextet(*b));
            good &= value.is_some();
            bits = bits << 6 | u32::from(value.unwrap_or(0));
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(&bytes);
    }
    let lacking = length.saturating_sub(out.len() - start);
    let filled = lacking.min(*zeroes);
    *zeroes -= filled;
    out.resize(out.len() + filled, 0);
    out.truncate(start + length);
    good && lacking == 0
}

fn sextet(byte: u8) -> Option<u8> {
    (b' '..=b'`').contains(&byte).then(|| (byte - b' ') & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<u8>, Option<DefectKind>) {
        let mut out = Vec::new();
        let defect = decode(text.as_bytes(), &mut out);
        (out, defect)
    }

    const BAD: Option<DefectKind> = Some(DefectKind::BadEncodedData);

    #[test]
    fn known_answers() {
        assert_eq!(
            read("junk\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n"),
            (b"Cat".to_vec(), None)
        );
        assert_eq!(read("begin 644 x\n!80``\n \nend\n"), (b"a".to_vec(), None));
    }

    #[test]
    fn what_is_damaged_is_told() {
        assert_eq!(read("begin 644 x\n#0V%T\n"), (b"Cat".to_vec(), BAD));
        assert_eq!(read("begin 644 x\n$0V%T\nend"), (b"Cat\0".to_vec(), BAD));
        assert_eq!(read("no begin"), (vec![], BAD));
    }

    #[test]
    fn white_space_that_got_lost_at_the_end_of_a_line_is_zeroes() {
        for (line, content) in [
            ("M", [0; 45].to_vec()),
            ("M0V%T", [&b"Cat"[..], &[0; 42]].concat()),
            ("$0V%T", b"Cat\0".to_vec()),
            ("#0V%", b"Ca@".to_vec()),
        ] {
            let text = format!("begin 644 x\n{line}\n#0V%T\n`\nend\n");
            assert_eq!(read(&text).0, [&content[..], b"Cat"].concat(), "{line:?}");
        }
    }

    #[test]
    fn many_lines_of_zeroes_at_the_front_move_nothing() {
        for lines in [2, 3, 14, 20_000] {
            let text = format!("begin 644 x\n{}#0V%T\n`\nend\n", "M\n".repeat(lines));
            let mut expected = vec![0_u8; 45 * lines];
            expected.extend(b"Cat");
            assert!(read(&text) == (expected, BAD), "{lines}");
        }
    }

    #[test]
    fn few_bytes_of_text_are_no_large_file() {
        let (begin, lines) = ("begin 644 x", 100_000);
        let text = format!("{begin}\n{}end\n", "_\n".repeat(lines));
        let (content, defect) = read(&text);
        let most = FREE + ZEROES * (begin.len() + lines);
        assert_eq!((defect, content.len()), (BAD, most));
    }

    #[test]
    fn lines_of_every_length_are_read() {
        let six = |bits: u32| char::from(b' ' + (bits & 63) as u8);
        for length in 1..=45_u8 {
            let bytes: Vec<u8> = (0..length).map(|at| at.wrapping_mul(37) ^ 0xA5).collect();
            let mut line = String::from(six(u32::from(length)));
            for group in bytes.chunks(3) {
                let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
                let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
                line.extend([18, 12, 6, 0].map(|shift| six(bits >> shift)));
            }
            let text = format!("begin 644 x\n{line}\n{line}\n`\nend\nbehind\n");
            assert_eq!(read(&text), (bytes.repeat(2), None), "{length}");
        }
    }

    #[test]
    fn each_line_that_is_damaged_is_told_and_the_others_are_read() {
        for (line, content) in [
            ("#0V%~", &b"Ca@"[..]),
            ("$0V%T", b"Cat\0"),
            ("\u{7f}0V%T", b""),
        ] {
            let text = format!("begin 644 x\n{line}\n#0V%T\n`\nend\n");
            assert_eq!(read(&text), ([content, b"Cat"].concat(), BAD), "{line:?}");
        }
        assert_eq!(
            read("begin 644 x\n\n#0V%T\n\nend\n"),
            (b"Cat".to_vec(), None)
        );
    }

    #[test]
    fn six_bits_are_a_byte_from_space_to_grave_accent() {
        let values: Vec<_> = (0..=u8::MAX).filter_map(sextet).collect();
        assert_eq!(values, (0..64).chain([0]).collect::<Vec<u8>>());
        assert_eq!(
            (sextet(b' '), sextet(b'_'), sextet(b'`')),
            (Some(0), Some(63), Some(0))
        );
    }
}
