//! Unstructured text (RFC 5322 §2.2.1, §3.2.5) with encoded words (RFC 2047).
//!
//! ```text
//! unstructured = (*([FWS] VCHAR) *WSP) / obs-unstruct
//! obs-unstruct = *( (*CR 1*(obs-utext / FWS)) / 1*LF ) *CR     ; §4.1 as erratum 1905 has it: CRLF only where it folds
//! ```
//!
//! Line breaks of folding are taken away, encoded words are decoded, white space between two of them is dropped, and
//! the bytes of adjacent words of one charset are joined before they become characters, so that a character split over
//! two words survives (against RFC 2047 §5, which forbids the split). Words whose charset is unknown (`unknown-8bit`, RFC 1428)
//! are read as UTF-8 if they are that and hold no control characters; otherwise they stay as they are.
//! What could break a line or end a string when it is used again (CR, LF, NUL) never comes out: it becomes a space.

use std::borrow::Cow;

use memchr::{memchr2, memchr3, memmem};

use super::cfws::{is_wsp, skip_fws};
use super::encoded_word::{EncodedWord, encoded_word};
use crate::charset;

/// Reads the raw value of a field as text. White space at its ends does not count, unless it is encoded.
pub(crate) fn text(value: &[u8]) -> Cow<'_, str> {
    let value = value.trim_ascii();
    if is_plain(value) {
        return charset::guess(value).text;
    }
    let unfolded = unfold(value);
    if memchr::memchr(b'=', &unfolded).is_none() || memmem::find(&unfolded, b"=?").is_none() {
        return match unfolded {
            Cow::Borrowed(bytes) => without_breaks(charset::guess(bytes).text),
            Cow::Owned(bytes) => {
                Cow::Owned(without_breaks(charset::guess(&bytes).text).into_owned())
            }
        };
    }
    let mut out = Decoder::default();
    let mark = memmem::Finder::new(b"=?");
    let mut rest: &[u8] = &unfolded;
    let mut from = 0;
    while let Some(at) = next_mark(&mark, rest.get(from..).unwrap_or_default()) {
        let start = from + at;
        let (before, word) = rest.split_at(start);
        match encoded_word(word) {
            Ok((after, word)) if out.can_read(word.charset) => {
                out.plain(before, true);
                out.word(&word);
                rest = after;
                from = 0;
            }
            Ok((after, word)) => {
                let (after, text) = of_no_charset(after, &word);
                match text {
                    Some(text) => {
                        out.plain(before, true);
                        out.decoded(&text);
                        rest = after;
                        from = 0;
                    }
                    None => from = rest.len() - after.len(),
                }
            }
            _ => from = start + 2,
        }
    }
    out.plain(rest, false);
    out.finish()
}

/// Reads the words of one unknown charset that follow one another, the first of which was read. Their text is what they hold if
/// that is UTF-8, and only text; otherwise none.
fn of_no_charset<'a>(after: &'a [u8], first: &EncodedWord<'_>) -> (&'a [u8], Option<String>) {
    let mut bytes = Vec::new();
    first.decode(&mut bytes);
    let mut rest = after;
    while let Ok((after, word)) = encoded_word(skip_fws(rest).0) {
        if !word.charset.eq_ignore_ascii_case(first.charset) {
            break;
        }
        word.decode(&mut bytes);
        rest = after;
    }
    let text = String::from_utf8(bytes).ok();
    (rest, text.filter(|text| !text.contains(char::is_control)))
}

/// Whether nothing in a value needs a second look: one line of ASCII in which no encoded word can stand.
pub(super) fn is_plain(value: &[u8]) -> bool {
    value.iter().fold(true, |plain, b| {
        plain & matches!(b, b' '..=b'~') & (*b != b'=')
    })
}

/// Where the next `=?` stands: behind some white space, mostly, when a word was read before.
fn next_mark(mark: &memmem::Finder<'_>, rest: &[u8]) -> Option<usize> {
    let blanks = rest.iter().take_while(|b| is_wsp(**b)).count();
    match rest.get(blanks..) {
        Some([b'=', b'?', ..]) => Some(blanks),
        after => mark.find(after?).map(|at| blanks + at),
    }
}

/// Takes the line breaks of folding away; the white space after them stays.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'\n', b'\r', value).is_none() {
        return value.into();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\n', rest) {
        let (line, from) = rest.split_at(at);
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        rest = from.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.into()
}

/// Makes what could break a line or end a string a space.
pub(crate) fn without_breaks(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr3(b'\r', b'\n', 0, text.as_bytes()).is_none() {
        return text;
    }
    text.replace(['\r', '\n', '\0'], " ").into()
}

/// Collects plain text and runs of encoded words.
#[derive(Default)]
struct Decoder<'a> {
    text: String,
    /// The charset of the run of words that is being collected; empty outside a run.
    charset: &'a [u8],
    /// The bytes of that run.
    run: Vec<u8>,
    after_word: bool,
}

impl<'a> Decoder<'a> {
    /// Takes plain text; between two encoded words white space does not count (RFC 2047 §6.2).
    fn plain(&mut self, bytes: &[u8], word_follows: bool) {
        if bytes.iter().all(|b| is_wsp(*b))
            && (bytes.is_empty() || (self.after_word && word_follows))
        {
            return;
        }
        self.end_run();
        self.text.push_str(&charset::guess(bytes).text);
        self.after_word = false;
    }

    /// Whether words of this charset can be decoded; that of the run that is being collected can.
    fn can_read(&self, charset: &[u8]) -> bool {
        self.charset == charset || charset::is_known(charset)
    }

    fn word(&mut self, word: &EncodedWord<'a>) {
        if self.charset != word.charset && !self.charset.eq_ignore_ascii_case(word.charset) {
            self.end_run();
            self.charset = word.charset;
        }
        word.decode(&mut self.run);
        self.after_word = true;
    }

    /// Takes words that were read already.
    fn decoded(&mut self, text: &str) {
        self.end_run();
        self.text.push_str(text);
        self.after_word = true;
    }

    fn end_run(&mut self) {
        if !self.run.is_empty() {
            self.text
                .push_str(&charset::decode_piece(Some(self.charset), &self.run).text);
            self.run.clear();
        }
        self.charset = b"";
    }

    fn finish(mut self) -> Cow<'static, str> {
        self.end_run();
        Cow::Owned(without_breaks(Cow::Owned(self.text)).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> String {
        text(value.as_bytes()).into_owned()
    }

    #[test]
    fn rfc2047_8_white_space_between_encoded_words_is_dropped() {
        assert_eq!(read("(=?ISO-8859-1?Q?a?=)"), "(a)");
        assert_eq!(read("=?ISO-8859-1?Q?a?= b"), "a b");
        assert_eq!(read("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?="), "ab");
        assert_eq!(read("=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?="), "ab");
        assert_eq!(read("=?ISO-8859-1?Q?a_b?="), "a b");
        assert_eq!(
            read("=?ISO-8859-1?Q?a?= =?x-none?Q?=FFb?="),
            "a =?x-none?Q?=FFb?="
        );
    }

    #[test]
    fn a_character_split_over_two_words_survives() {
        assert_eq!(read("=?utf-8?B?4oI=?= =?utf-8?B?rA==?="), "€");
        assert_eq!(read("=?UTF-8?Q?=E2=82?= =?utf-8?Q?=AC?="), "€");
    }

    #[cfg(feature = "charsets")]
    #[test]
    fn rfc2047_3_words_of_iso_2022_jp_begin_and_end_in_ascii() {
        let word = "=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=";
        assert_eq!(read(&format!("{word}\r\n {word}")), "日本語日本語");
        assert_eq!(
            read(&format!("{word} =?iso-2022-jp?Q?a?= {word}")),
            "日本語a日本語"
        );
        // Split where neither is whole.
        assert_eq!(
            read("=?ISO-2022-JP?B?GyRCRnxL?= =?ISO-2022-JP?B?XDhsGyhC?="),
            "日本語"
        );
    }

    #[cfg(feature = "charsets")]
    #[test]
    fn words_are_in_charsets_by_any_name() {
        assert_eq!(read("=?cp932?B?k/qWe4zqh0A=?="), "日本語①");
        assert_eq!(read("=?cp850?Q?=82?= =?\"utf-8\"?Q?=C3=A9?="), "éé");
    }

    #[test]
    fn rfc1428_words_of_an_unknown_charset_are_read_as_utf_8_or_stay() {
        for (value, expected) in [
            ("=?unknown-8bit?Q?=C3=A9?=", "é"),
            ("=?x-none?Q?a_b?=", "a b"),
            ("=?x-none?Q?=E2=82?= =?X-None?B?rA==?=", "€"),
            ("=?x-none?Q?a?= =?utf-8?Q?b?= =?x-none?Q?c?= d", "abc d"),
            ("=?x-none?Q?a?= =?x-other?Q?b?=", "ab"),
            ("=?unknown-8bit?Q?=E9?=", "=?unknown-8bit?Q?=E9?="),
            // What ISO-2022-KR looks like: UTF-8, but no text.
            ("=?iso-2022-kr?B?GyQpQw4=?=", "=?iso-2022-kr?B?GyQpQw4=?="),
            ("=?x-none?Q?a=0D=0Ab?=", "=?x-none?Q?a=0D=0Ab?="),
            (
                "=?x-none?Q?=E2?= =?utf-8?Q?b?= =?x-none?Q?=E9?= =?x-none?Q?c?= =?utf-8?Q?d?=",
                "=?x-none?Q?=E2?= b =?x-none?Q?=E9?= =?x-none?Q?c?= d",
            ),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn rfc2047_u_feff_at_the_start_of_an_encoded_word_is_a_character() {
        assert_eq!(read("=?utf-8?B?77u/YQ==?="), "\u{FEFF}a");
        assert_eq!(
            read("a =?utf-8?Q?=EF=BB=BF?= =?utf-8?Q?=EF=BB=BFb?="),
            "a \u{FEFF}\u{FEFF}b"
        );
        assert_eq!(read("=?iso-8859-1?Q?=EF=BB=BF?="), "ï»¿");
        assert_eq!(read("=?utf-16?Q?=FE=FF=00a?="), "a");
    }

    #[test]
    fn rfc5322_2_2_3_folding_keeps_its_white_space() {
        assert_eq!(
            read(" This\r\n is a test\r\n\t.\r\n \r\n x"),
            "This is a test\t.  x"
        );
    }

    #[test]
    fn encoded_words_need_no_space_around_them() {
        assert_eq!(read("a=?utf-8?Q?=C3=A9?=b"), "aéb");
        assert_eq!(read("=?utf-8?Q?hello world?="), "hello world");
        assert_eq!(read("=?=?utf-8?Q?x?="), "=?x");
    }

    #[test]
    fn a_question_mark_within_a_word_hides_no_word_behind_it() {
        for (value, expected) in [
            ("=?utf-8?Q?Really??=", "Really?"),
            ("=?utf-8?Q?What??= =?utf-8?Q?_Is?_it??=", "What? Is? it?"),
            ("=?utf-8?Q?a? =?utf-8?Q?b?=", "=?utf-8?Q?a? b"),
            ("=?utf-8?Q?a?b=?utf-8?B?Yw==?=", "=?utf-8?Q?a?bc"),
            ("=?utf-8?Q?a? b", "=?utf-8?Q?a? b"),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn words_that_stay_open_take_linear_time() {
        for piece in ["=?", "=?a?q?x", "=?a?q?x? ", "=?a?b?x? "] {
            let value = piece.repeat(300_000);
            assert!(read(&value) == value.trim(), "{piece}");
        }
        let marks = "=?a?q?".to_owned() + &"?x".repeat(1_000_000);
        assert!(read(&marks) == marks);
        let words = "=?a?q?x? y?= ".repeat(100_000);
        assert!(read(&words) == "x? y".repeat(100_000));
    }

    #[test]
    fn no_line_break_comes_out() {
        assert_eq!(read("=?utf-8?Q?a=0D=0ABcc:_x=00?="), "a  Bcc: x ");
        assert_eq!(read("a\rb"), "a b");
    }

    #[test]
    fn raw_8_bit_bytes_are_text() {
        assert_eq!(read("é"), "é");
        assert_eq!(text(b"caf\xE9"), "café");
    }

    #[test]
    fn rfc2047_6_2_text_between_two_encoded_words_stays_with_its_white_space() {
        for (value, expected) in [
            ("=?utf-8?Q?a?= and =?utf-8?Q?b?=", "a and b"),
            ("=?utf-8?Q?a?=  and  =?utf-8?Q?b?=", "a  and  b"),
            ("=?utf-8?Q?a?=,=?utf-8?Q?b?=", "a,b"),
            ("=?utf-8?Q?a?= =?utf-8?Q?b?= c =?utf-8?Q?d?=", "ab c d"),
            ("a =?utf-8?Q?b?=", "a b"),
            ("a =? b =?x c =?utf-8?Q?d?= e", "a =? b =?x c d e"),
            (
                "=?x-none?Q?a?= =?x-none?Q?=FF?=",
                "=?x-none?Q?a?= =?x-none?Q?=FF?=",
            ),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn rfc2047_each_encoded_word_is_in_its_own_charset() {
        assert_eq!(
            read("=?iso-8859-1?Q?=E9?= =?utf-8?Q?=C3=A9?= =?ISO-8859-1?Q?=E9?="),
            "ééé"
        );
    }

    #[test]
    fn what_is_plain_is_ascii_on_one_line_in_which_no_encoded_word_can_stand() {
        for plain in ["", "a", "ab", "a b", "~ ?_\"x"] {
            assert!(is_plain(plain.as_bytes()), "{plain:?}");
        }
        for other in [
            "=", "a=", "=a", "a=b", "\t", "a\n", "\ra", "\u{7f}", "é", "aé", "éa",
        ] {
            assert!(!is_plain(other.as_bytes()), "{other:?}");
        }
    }
}
