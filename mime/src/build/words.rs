//! Writing text in headers: as it is where that reads back equal, in encoded words otherwise (RFC 2047).

use super::fold::Field;
use crate::coding::base64;

/// An encoded word has at most this many characters (RFC 2047 §2).
const WORD: usize = 75;
/// The characters of `=?utf-8?Q?` and `?=`.
const FRAME: usize = 12;
/// A word longer than this, with the blanks before it, would make a line longer than 998.
const LONGEST: usize = 900;

/// Which characters a header may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HeaderCharset {
    /// ASCII; all else in encoded words.
    #[default]
    Ascii,
    /// UTF-8 as it is (RFC 6532), for transport with SMTPUTF8.
    Utf8,
}

/// Whether text reads back equal when it is written as it is.
fn is_plain(text: &str, charset: HeaderCharset) -> bool {
    let bytes = text.as_bytes();
    let odd = bytes
        .iter()
        .fold(false, |odd, b| odd | !matches!(b, b' '..=b'~'));
    if odd && (charset == HeaderCharset::Ascii || text.chars().any(char::is_control)) {
        return false;
    }
    let is_word = |at| bytes.get(at + 1) == Some(&b'?');
    let bare = !text.starts_with(' ') && !text.ends_with(' ');
    let fits = |(blanks, word): (&str, &str)| blanks.len() + word.len() <= LONGEST;
    let short = text.len() <= LONGEST || words(text).all(fits);
    bare && short && !memchr::memchr_iter(b'=', bytes).any(is_word)
}

/// The words of a text, each behind the blanks before it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let (blanks, after) = rest.split_at(blanks);
        let (word, after) = after.split_at(after.find(' ').unwrap_or(after.len()));
        rest = after;
        Some((blanks, word))
    })
}

/// Writes the value of an unstructured field (RFC 5322 §3.2.5).
pub(crate) fn unstructured(field: &mut Field<'_>, text: &str, charset: HeaderCharset) {
    if !is_plain(text, charset) {
        return encoded(field, text);
    }
    if text.len() < field.room() && !text.is_empty() {
        return field.piece(text);
    }
    // One stands behind the colon.
    let mut first = Some(" ");
    for (blanks, word) in words(text) {
        field.spaced(first.take().unwrap_or(blanks), word);
    }
}

/// Writes a display name (RFC 5322 §3.2.5): atoms, a quoted string, or encoded words.
pub(crate) fn phrase(field: &mut Field<'_>, text: &str, charset: HeaderCharset) {
    let two_spaces = text.as_bytes().windows(2).any(|pair| pair == b"  ");
    if two_spaces || !is_plain(text, charset) {
        return encoded(field, text);
    }
    let is_atom = |b: u8| b == b' ' || crate::grammar::word::is_atext(b);
    if !text.is_empty() && text.bytes().all(is_atom) {
        return field.words(text);
    }
    let quoted = quoted(text);
    if quoted.split(' ').all(|word| word.len() <= LONGEST) {
        field.words(&quoted);
    } else {
        encoded(field, text);
    }
}

/// A quoted string (RFC 5322 §3.2.4).
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Writes text as encoded words that fill their lines, no character split over two.
fn encoded(field: &mut Field<'_>, text: &str) {
    let q_length: usize = text.bytes().map(q_width).sum();
    // Mostly ASCII stays readable in "Q"; otherwise "B" is shorter.
    let q = q_length <= text.len() * 2;
    let width = |c: char| {
        c.encode_utf8(&mut [0; 4])
            .bytes()
            .map(q_width)
            .sum::<usize>()
    };
    let mut rest = text;
    while !rest.is_empty() {
        // A short remainder of a line is not worth a word.
        let room = match field.room().min(WORD + 1) {
            room if room < FRAME + 20 => WORD + 1,
            room => room,
        } - 1
            - FRAME;
        let mut used = 0;
        let mut length = 0;
        for c in rest.chars() {
            let more = if q {
                used + width(c)
            } else {
                (length + c.len_utf8()).div_ceil(3) * 4
            };
            if more > room {
                break;
            }
            used = more;
            length += c.len_utf8();
        }
        let (now, later) = rest.split_at(length);
        let word = if q {
            q_encode(now)
        } else {
            base64::encode_word(now.as_bytes())
        };
        field.piece(&format!("=?utf-8?{}?{word}?=", if q { 'Q' } else { 'B' }));
        rest = later;
    }
}

/// Whether a byte stands for itself in the "Q" encoding within a phrase (RFC 2047 §5 rule 3).
fn is_q_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

fn q_width(byte: u8) -> usize {
    if byte == b' ' || is_q_literal(byte) {
        1
    } else {
        3
    }
}

fn q_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('_'),
            _ if is_q_literal(byte) => out.push(char::from(byte)),
            _ => push_hex(&mut out, '=', byte),
        }
    }
    out
}

/// Appends `mark` and two hexadecimal digits.
pub(crate) fn push_hex(out: &mut String, mark: char, byte: u8) {
    out.push(mark);
    for digit in [byte >> 4, byte & 15] {
        out.extend(char::from_digit(u32::from(digit), 16).map(|d| d.to_ascii_uppercase()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        field("Subject", text)
    }

    fn field(name: &str, text: &str) -> String {
        let mut out = Vec::new();
        let mut field = Field::begin(&mut out, name);
        unstructured(&mut field, text, HeaderCharset::Ascii);
        field.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ascii_is_written_as_it_is() {
        assert_eq!(written("Saying Hello"), "Subject: Saying Hello\r\n");
        assert_eq!(written("a  b"), "Subject: a  b\r\n");
        assert_eq!(written(""), "Subject:\r\n");
    }

    #[test]
    fn rfc2047_2_words_have_75_characters_and_lines_76() {
        let text = "Grüße aus Köln ".repeat(20);
        let out = written(&text);
        assert!(out.split("\r\n").all(|l| l.len() <= 78));
        assert!(
            out.split_ascii_whitespace()
                .skip(1)
                .all(|w| w.len() <= 75 && w.ends_with("?="))
        );
        assert_eq!(
            crate::grammar::text::text(out.strip_prefix("Subject: ").unwrap().as_bytes()),
            text
        );
    }

    #[test]
    fn mostly_ascii_stays_readable() {
        assert_eq!(written("Café"), "Subject: =?utf-8?Q?Caf=C3=A9?=\r\n");
        assert_eq!(written("日本"), "Subject: =?utf-8?B?5pel5pys?=\r\n");
    }

    #[test]
    fn what_would_read_back_otherwise_is_encoded() {
        assert_eq!(written("=?x?"), "Subject: =?utf-8?B?PT94Pw==?=\r\n");
        assert_eq!(written(" a"), "Subject: =?utf-8?Q?_a?=\r\n");
        assert!(
            written(&"x".repeat(5000))
                .split("\r\n")
                .all(|l| l.len() <= 78)
        );
    }

    #[test]
    fn rfc5322_3_2_5_phrases() {
        let name = |text: &str| {
            let mut out = Vec::new();
            let mut field = Field::begin(&mut out, "To");
            phrase(&mut field, text, HeaderCharset::Ascii);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(name("Jo Doe"), "To: Jo Doe");
        assert_eq!(name("Doe, J. \"Jo\""), "To: \"Doe, J. \\\"Jo\\\"\"");
        assert_eq!(name("Jö Doe (x)"), "To: =?utf-8?Q?J=C3=B6_Doe_=28x=29?=");
        // Between atoms and in quotes, readers take two blanks for one.
        assert_eq!(name("J  D"), "To: =?utf-8?Q?J__D?=");
    }

    #[test]
    fn rfc2047_2_encoded_words_fill_lines_of_76_and_the_first_one_78() {
        let mostly_ascii = format!("\u{e9}{}", "a".repeat(300));
        let base64 = "\u{65e5}".repeat(200);
        // From 32 characters on, what is left of the first line is used.
        let (used, left) = ("N".repeat(45), "N".repeat(46));
        for (name, text, first, further) in [
            ("X", &mostly_ascii, 78, 76),
            ("Subject", &mostly_ascii, 78, 76),
            (&used, &mostly_ascii, 78, 76),
            (&left, &mostly_ascii, 47, 76),
            ("Subject", &base64, 77, 73),
        ] {
            let out = field(name, text);
            let lines = out.strip_suffix("\r\n").unwrap().split("\r\n");
            let mut lengths: Vec<_> = lines.map(str::len).collect();
            let last = lengths.pop().unwrap();
            assert_eq!((lengths.remove(0), last <= further), (first, true));
            assert!(lengths.iter().all(|length| *length == further), "{out}");
        }
    }

    #[test]
    fn rfc5322_2_2_3_words_that_do_not_fit_the_line_are_folded_one_by_one() {
        let (one, other) = ("a".repeat(30), "b".repeat(39));
        assert_eq!(
            written(&format!("{one} {other}")),
            format!("Subject: {one}\r\n {other}\r\n")
        );
        let other = "b".repeat(38);
        assert_eq!(
            written(&format!("{one} {other}")),
            format!("Subject: {one} {other}\r\n")
        );
    }

    #[test]
    fn ascii_of_any_length_stays_as_it_is_where_no_word_is_too_long() {
        let (long, longer) = ("a".repeat(400), "b".repeat(600));
        for text in [
            "many short words ".repeat(100).trim_end(),
            &format!("x  {longer} {long}"),
        ] {
            let unfolded = written(text).replace("\r\n ", " ");
            assert_eq!(unfolded, format!("Subject: {text}\r\n"));
        }
    }
}
