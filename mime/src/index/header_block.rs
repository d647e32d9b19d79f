//! Header fields (RFC 5322 §2.2) and where a header ends.
//!
//! ```text
//! field  = field-name ":" unstructured CRLF
//! header = *field CRLF
//! ```
//!
//! We also accept LF for CRLF, white space before the colon (`obs-optional`, §4.5), and lines that are no field, which
//! are skipped with a defect.

use memchr::memchr;

use super::FieldRecord;
use crate::field_name::FrontName;

/// Where a field that begins at the start of `bytes` ends: (end of its value, start of the next line).
///
/// `searched` bytes at the front are known to hold no end. `None` means that the end has not arrived yet.
#[inline]
pub(crate) fn field_end(bytes: &[u8], searched: usize, at_end: bool) -> Option<(usize, usize)> {
    let mut from = searched;
    while let Some(lf) = memchr(b'\n', bytes.get(from..)?) {
        let next = from + lf + 1;
        match bytes.get(next) {
            Some(b' ' | b'\t') => {
                from = next + folded_length(bytes.get(next..).unwrap_or_default())
            }
            None if !at_end => return None,
            _ => return Some((before_line_end(bytes, next), next)),
        }
    }
    at_end.then_some((bytes.len(), bytes.len()))
}

/// How many bytes at the front surely belong to a folded field, in steps of some: no search for the end of each line, because
/// there may be many of them.
#[inline(never)]
fn folded_length(bytes: &[u8]) -> usize {
    const STEP: usize = 32;
    let mut length = 0;
    while let (Some(step), Some(next)) = (
        bytes.get(length..).and_then(<[u8]>::first_chunk::<STEP>),
        bytes
            .get(length + 1..)
            .and_then(<[u8]>::first_chunk::<STEP>),
    ) {
        let ends = step.iter().zip(next).fold(false, |ends, (byte, next)| {
            ends | (*byte == b'\n') & (*next != b' ') & (*next != b'\t')
        });
        if ends {
            break;
        }
        length += STEP;
    }
    length
}

/// The end of the line before `next`, without its LF or CRLF.
#[inline]
pub(crate) fn before_line_end(bytes: &[u8], next: usize) -> usize {
    match bytes.get(..next) {
        Some([.., b'\r', b'\n']) => next - 2,
        Some([.., b'\n']) => next - 1,
        _ => next,
    }
}

/// The length of an empty line at the front of `bytes`, if there is one.
pub(crate) fn empty_line(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// Reads a field of `length` bytes, at the front of `text` and at `offset` of the whole, as name and value. `None` for a line
/// that is no field.
pub(crate) fn field(text: &[u8], length: usize, offset: usize) -> Option<FieldRecord> {
    named_field(text, FrontName::of(text), length, offset)
}

/// The same where the name was looked at before.
#[inline]
pub(crate) fn named_field(
    text: &[u8],
    name: FrontName,
    length: usize,
    offset: usize,
) -> Option<FieldRecord> {
    let name_length = name.whole_length(text);
    let colon = match text.get(name_length) {
        Some(b':') => name_length,
        _ => colon_after_blanks(text, name_length)?,
    };
    if name_length == 0 || colon >= length {
        return None;
    }
    Some(FieldRecord {
        start: offset as u32,
        value: (offset + colon + 1) as u32,
        end: (offset + length) as u32,
        name_length: u16::try_from(name_length).ok()?,
        id: name.id,
    })
}

/// Where the colon stands behind white space that follows the name.
fn colon_after_blanks(text: &[u8], name_length: usize) -> Option<usize> {
    let blanks = text.get(name_length..)?.iter();
    let blanks = blanks.take_while(|b| matches!(b, b' ' | b'\t')).count();
    let colon = name_length + blanks;
    (text.get(colon) == Some(&b':')).then_some(colon)
}

/// Whether a line separates messages in an mbox file: it begins with `From ` and is no field.
pub(crate) fn is_mbox_line(line: &[u8]) -> bool {
    let line = line.strip_prefix(b">").unwrap_or(line);
    line.starts_with(b"From ")
}

/// Whether a line that is no field looks like text, and not like a damaged field: it has no colon, and continues nothing.
pub(crate) fn is_text_at_sight(line: &[u8]) -> bool {
    !matches!(line.first(), Some(b' ' | b'\t')) && memchr(b':', line).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5322_2_2_3_a_folded_field_ends_before_a_line_without_white_space() {
        assert_eq!(
            field_end(b"A: b\r\n c\r\n\td\r\nE: f", 0, false),
            Some((12, 14))
        );
        assert_eq!(field_end(b"A: b\n c\n", 0, false), None);
        assert_eq!(field_end(b"A: b\n c\n", 0, true), Some((7, 8)));
        assert_eq!(field_end(b"A: b", 0, true), Some((4, 4)));
    }

    #[test]
    fn rfc5322_2_2_3_a_long_folded_field_is_passed_over_in_steps_up_to_its_last_one() {
        let field = |length: usize, at: usize, end: &str| {
            let mut text = "x".repeat(length);
            text.replace_range(at..at + end.len(), end);
            folded_length(text.as_bytes())
        };
        assert_eq!(
            folded_length(&[b'x'; 32]),
            0,
            "the byte behind a step tells whether it folds"
        );
        assert_eq!(folded_length(&[b'x'; 33]), 32);
        assert_eq!(folded_length(&[b'x'; 100]), 96);
        for fold in ["\n ", "\n\t", "\r\n ", "x "] {
            assert_eq!(field(100, 31, fold), 96, "{fold:?}");
        }
        assert_eq!(field(100, 40, "\nx"), 32);
        assert_eq!(field(100, 63, "\nx"), 32);
        assert_eq!(field(100, 64, "\nx"), 64);
        assert_eq!(field(100, 5, "\n\n"), 0);
    }

    #[test]
    fn rfc5322_2_2_a_line_is_a_field_if_its_colon_stands_within_it() {
        for (text, length, is_field) in [
            (&b"A:"[..], 2, true),
            (b"A: b", 4, true),
            (b"A\n: b", 1, false),
            (b"A :", 3, true),
            (b"A :", 2, false),
            (b":", 1, false),
            (b"A;", 2, false),
        ] {
            let record = field(text, length, 7);
            assert_eq!(record.is_some(), is_field, "{text:?}");
            if let Some(record) = record {
                let colon = text.iter().position(|b| *b == b':').unwrap() as u32;
                let places = (record.start, record.name_length, record.value, record.end);
                assert_eq!(places, (7, 1, 8 + colon, 7 + length as u32));
            }
        }
    }

    #[test]
    fn an_empty_line_and_the_line_of_an_mbox_file_are_known_by_their_bytes() {
        let lengths =
            ["\n", "\r\n", "\r", " \n", "", "\n\n"].map(|text| empty_line(text.as_bytes()));
        assert_eq!(lengths, [Some(1), Some(2), None, None, None, Some(1)]);
        let lines = ["From x", ">From x", "From: x", "from x", ">>From x"];
        let mbox = lines.map(|line| is_mbox_line(line.as_bytes()));
        assert_eq!(mbox, [true, true, false, false, false]);
        let lines = [
            "Hello you",
            "Sub ject: x",
            " folded",
            "\tfolded",
            "one\n more",
        ];
        let text = lines.map(|line| is_text_at_sight(line.as_bytes()));
        assert_eq!(text, [true, false, false, false, true]);
        let ends = [0, 2, 4, 5].map(|next| before_line_end(b"a\n\r\nb", next));
        assert_eq!(ends, [0, 1, 2, 5]);
    }

    proptest::proptest! {
        #[test]
        fn a_field_ends_at_the_first_line_end_that_is_no_fold(
            text in "([a-z ]{0,40}|\n[ \t]|\r\n ){0,20}(\n[a-z]{0,99})?",
        ) {
            let bytes = text.as_bytes();
            let end = (0..bytes.len())
                .find(|at| bytes[*at] == b'\n' && !matches!(bytes.get(at + 1), Some(b' ' | b'\t')));
            let next = end.map_or(bytes.len(), |end| end + 1);
            proptest::prop_assert_eq!(field_end(bytes, 0, true), Some((before_line_end(bytes, next), next)));
        }
    }

    #[test]
    fn rfc5322_4_5_white_space_may_stand_before_the_colon() {
        let field = |line: &[u8], offset| field(line, line.len(), offset);
        let record = field(b"Subject \t: x", 10).unwrap();
        assert_eq!(
            (record.start, record.name_length, record.value, record.end),
            (10, 7, 20, 22)
        );
        assert!(field(b"This is: no field", 0).is_none());
        assert!(field(b": no name", 0).is_none());
        assert!(field(b"no colon", 0).is_none());
    }
}
