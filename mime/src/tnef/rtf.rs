//! What an RTF body says: the HTML that it was made of (Microsoft, MS-OXRTFEX), or its text.
//!
//! ```text
//! group   = "{" *( group / control / text ) "}"
//! control = "\" 1*ALPHA [ ["-"] 1*DIGIT ] [SP] / "\'" 2HEXDIG / "\" any
//! ```
//!
//! A document that says `\fromhtml` holds pieces of HTML in `{\*\htmltag …}`; of what stands outside, `\htmlrtf` … `\htmlrtf0`
//! is for readers of RTF only. One pass; output is bounded by the input.
//!
//! Not supported: charsets of single fonts (`\fcharset`), fields, pictures and objects, whose text is dropped.

use std::mem;

use crate::charset;
use crate::coding::quoted_printable::hex_pair;

/// What an RTF body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Html(String),
    Text(String),
}

/// Reads an RTF document.
pub(super) fn body(rtf: &[u8]) -> Body {
    let mut reader = Reader::default();
    let mut rest = rtf;
    while let Some((byte, after)) = rest.split_first() {
        rest = match byte {
            b'{' => reader.open(after),
            b'}' => reader.close(after),
            b'\\' => reader.control(after),
            // Line ends are for the eyes of who reads the source.
            b'\r' | b'\n' => after,
            other => {
                reader.byte(*other);
                after
            }
        };
    }
    reader.flush();
    match reader.is_html {
        true => Body::Html(reader.out),
        false => Body::Text(reader.out),
    }
}

/// What holds up to the end of a group.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// It is no text.
    dropped: bool,
    /// It is a piece of HTML.
    html_tag: bool,
    /// It is for readers of RTF only.
    rtf_only: bool,
    /// How many characters stand for one of Unicode where that is not known (`\uc`).
    fallback: usize,
}

#[derive(Debug)]
struct Reader {
    group: Group,
    outer: Vec<Group>,
    is_html: bool,
    /// `\*` was just read: a word that is not known drops the group.
    optional: bool,
    code_page: u32,
    /// Characters that stand for the one of Unicode before them.
    skipped: usize,
    high_surrogate: Option<u16>,
    /// Bytes in the code page.
    bytes: Vec<u8>,
    out: String,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            group: Group {
                dropped: false,
                html_tag: false,
                rtf_only: false,
                fallback: 1,
            },
            outer: Vec::new(),
            is_html: false,
            optional: false,
            code_page: 1252,
            skipped: 0,
            high_surrogate: None,
            bytes: Vec::new(),
            out: String::new(),
        }
    }
}

impl Reader {
    fn open<'t>(&mut self, after: &'t [u8]) -> &'t [u8] {
        self.skipped = 0;
        self.outer.push(self.group);
        after
    }

    fn close<'t>(&mut self, after: &'t [u8]) -> &'t [u8] {
        self.skipped = 0;
        self.optional = false;
        if let Some(group) = self.outer.pop() {
            self.group = group;
        }
        after
    }

    /// Whether text is to be read at all.
    fn is_heard(&self) -> bool {
        !self.group.dropped && (self.group.html_tag || !self.group.rtf_only)
    }

    fn byte(&mut self, byte: u8) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if self.is_heard() {
            self.bytes.push(byte);
        }
    }

    fn text(&mut self, text: &str) {
        if self.is_heard() {
            self.flush();
            self.out.push_str(text);
        }
    }

    /// Decodes the bytes that came together.
    fn flush(&mut self) {
        let bytes = mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            let label = format!("cp{}", self.code_page);
            let text = charset::decode(Some(label.as_bytes()), &bytes);
            self.out.push_str(&text.text);
            self.bytes = bytes;
            self.bytes.clear();
        }
    }

    /// Reads what follows a backslash.
    fn control<'t>(&mut self, after: &'t [u8]) -> &'t [u8] {
        let Some((first, rest)) = after.split_first() else {
            return after;
        };
        match first {
            b'a'..=b'z' | b'A'..=b'Z' => return self.control_word(after),
            b'\'' => {
                let [high, low, rest @ ..] = rest else {
                    return &[];
                };
                if let Some(byte) = hex_pair(*high, *low) {
                    self.byte(byte);
                }
                return rest;
            }
            b'*' => self.optional = true,
            b'~' => self.text("\u{a0}"),
            b'_' => self.text("\u{2011}"),
            b'\r' | b'\n' => self.text("\r\n"),
            b'\\' | b'{' | b'}' => self.byte(*first),
            _ => {}
        }
        rest
    }

    fn control_word<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        const LONGEST: usize = 32;
        let length = text.iter().take(LONGEST);
        let length = length.take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = text.split_at(length);
        let (number, rest) = number(rest);
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        if word == b"bin" {
            let length = number.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            return rest.get(length..).unwrap_or_default();
        }
        self.word(word, number);
        rest
    }

    fn word(&mut self, word: &[u8], number: Option<i64>) {
        let optional = mem::take(&mut self.optional);
        match word {
            b"fromhtml" => self.is_html = true,
            b"ansicpg" => {
                self.flush();
                self.code_page = number.and_then(|n| u32::try_from(n).ok()).unwrap_or(1252);
            }
            b"htmlrtf" => self.group.rtf_only = number != Some(0),
            b"htmltag" if optional && self.is_html => self.group.html_tag = true,
            b"uc" => {
                self.group.fallback = number.and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
            }
            b"u" => self.unicode(number.unwrap_or(0)),
            b"fonttbl" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"object"
            | b"header" | b"footer" | b"headerl" | b"headerr" | b"footerl" | b"footerr"
            | b"footnote" => {
                self.group.dropped = true;
            }
            b"par" | b"line" | b"sect" | b"page" | b"row" => self.text("\r\n"),
            b"tab" | b"cell" => self.text("\t"),
            _ if optional => self.group.dropped = true,
            _ => {
                if let Some(character) = character(word) {
                    self.text(character);
                }
            }
        }
    }

    /// Takes a UTF-16 unit, which is written as a signed number.
    fn unicode(&mut self, number: i64) {
        self.skipped = self.group.fallback;
        if !self.is_heard() {
            return;
        }
        self.flush();
        let unit = number as u16;
        match (self.high_surrogate.take(), unit) {
            (_, 0xD800..0xDC00) => self.high_surrogate = Some(unit),
            (Some(high), _) => self.out.push_str(&String::from_utf16_lossy(&[high, unit])),
            (None, _) => self.out.push_str(&String::from_utf16_lossy(&[unit])),
        }
    }
}

/// The number behind a control word.
fn number(text: &[u8]) -> (Option<i64>, &[u8]) {
    const LONGEST: usize = 10;
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let length = digits.iter().take(LONGEST);
    let length = length.take_while(|b| b.is_ascii_digit()).count();
    if length == 0 {
        return (None, text);
    }
    let (digits, rest) = digits.split_at(length);
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    (Some(if negative { -number } else { number }), rest)
}

/// The character that a control word stands for.
fn character(word: &[u8]) -> Option<&'static str> {
    Some(match word {
        b"emdash" => "\u{2014}",
        b"endash" => "\u{2013}",
        b"bullet" => "\u{2022}",
        b"lquote" => "\u{2018}",
        b"rquote" => "\u{2019}",
        b"ldblquote" => "\u{201c}",
        b"rdblquote" => "\u{201d}",
        b"emspace" => "\u{2003}",
        b"enspace" => "\u{2002}",
        b"qmspace" => "\u{2005}",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rtf: &str) -> String {
        match body(rtf.as_bytes()) {
            Body::Text(text) => text,
            Body::Html(html) => panic!("HTML: {html}"),
        }
    }

    fn html(rtf: &str) -> String {
        match body(rtf.as_bytes()) {
            Body::Html(html) => html,
            Body::Text(text) => panic!("text: {text}"),
        }
    }

    #[test]
    fn text_is_what_is_no_control_and_in_no_table() {
        let rtf = "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fswiss Arial;}}{\\colortbl;\\red0;}{\\*\\generator Riched20;}\r\n\
                   \\pard\\f0 Hello\\tab w\\'f6rld\\par\r\n\\{2\\} \\ldblquote x\\rdblquote\\line z{\\b bold}\\par}";
        assert_eq!(
            text(rtf),
            "Hello\tw\u{f6}rld\r\n{2} \u{201c}x\u{201d}\r\nzbold\r\n"
        );
    }

    #[test]
    fn a_character_of_unicode_takes_the_place_of_what_follows_it() {
        assert_eq!(
            text("{\\rtf1 \\u8364 ?1\\uc2\\u228 \\'3f\\'3f2\\uc0\\u-10179\\u-8704}"),
            "\u{20ac}1\u{e4}2\u{1f600}"
        );
        assert_eq!(text("{\\rtf1{\\uc0 \\u65 }\\u66 ?}"), "AB");
        assert_eq!(text("{\\rtf1\\u-10179 ?x}"), "x");
    }

    #[cfg(feature = "charsets")]
    #[test]
    fn octets_are_read_by_the_code_page() {
        for (page, octets, read) in [
            (1252, r"\'e4", "\u{e4}"),
            (874, r"\'a1", "\u{e01}"),
            (932, r"\'82\'a0", "\u{3042}"),
            (936, r"\'c4\'e3", "\u{4f60}"),
            (949, r"\'b0\'a1", "\u{ac00}"),
            (950, r"\'a7\'41", "\u{4f60}"),
            (866, r"\'80", "\u{410}"),
            (10000, r"\'8a", "\u{e4}"),
            (20866, r"\'c1", "\u{430}"),
            (28592, r"\'b1", "\u{105}"),
            (65001, r"\'c3\'a4", "\u{e4}"),
        ] {
            let rtf = format!(r"{{\rtf1\ansi\ansicpg{page} {octets}}}");
            assert_eq!(text(&rtf), read, "{page}");
        }
    }

    // Its letter is one of windows-1251.
    #[cfg(feature = "charsets")]
    #[test]
    fn ms_oxrtfex_3_an_html_document_comes_back() {
        let rtf = "{\\rtf1\\ANSI\\ansicpg1251\\fromhtml1 \\deff0 {\\fonttbl {\\f0\\fmodern Courier New;}}\r\n\
            {\\*\\htmltag18 <HTML>}{\\*\\htmltag34 <HEAD>}{\\*\\htmltag1 \\par }{\\*\\htmltag41 </HEAD>}\r\n\
            {\\*\\htmltag50 <BODY style=\"x\\{y\\}\">}\\htmlrtf {\\htmlrtf0 {\\*\\htmltag64 <P>}\\htmlrtf {\\htmlrtf0 \
            {\\*\\htmltag84 &lt;}\\htmlrtf <\\htmlrtf0 \\'f6\\tab{\\*\\mhtmltag84 hidden}\\htmlrtf\\par}\\htmlrtf0\r\n\
            {\\*\\htmltag58 </BODY>}{\\*\\htmltag27 </HTML>}}";
        assert_eq!(
            html(rtf),
            "<HTML><HEAD>\r\n</HEAD><BODY style=\"x{y}\"><P>&lt;\u{446}\t</BODY></HTML>"
        );
    }

    #[test]
    fn whatever_is_wrong_something_is_read() {
        for rtf in [
            "",
            "}",
            "}}}}x",
            "{\\",
            "\\'",
            "\\'4",
            "{\\bin99999999999 x",
            "{\\u",
            "\\uc99999999999 x",
            "{\\rtf1 \\*",
        ] {
            let _ = body(rtf.as_bytes());
        }
        assert_eq!(text("}x{y"), "xy");
        assert_eq!(text("{\\rtf1 a\\bin3 }}}b}"), "ab");
        let deep = "{".repeat(100_000) + "x";
        assert_eq!(text(&deep), "x");
    }

    #[test]
    fn control_symbols_and_words_stand_for_characters() {
        for (control, characters) in [
            ("\\~", "\u{a0}"),
            ("\\_", "\u{2011}"),
            ("\\-", ""),
            ("\\\\", "\\"),
            ("\\\n", "\r\n"),
            ("\\sect ", "\r\n"),
            ("\\cell ", "\t"),
            ("\\emdash ", "\u{2014}"),
            ("\\endash ", "\u{2013}"),
            ("\\bullet ", "\u{2022}"),
            ("\\lquote ", "\u{2018}"),
            ("\\rquote ", "\u{2019}"),
            ("\\ldblquote ", "\u{201c}"),
            ("\\rdblquote ", "\u{201d}"),
            ("\\emspace ", "\u{2003}"),
            ("\\enspace ", "\u{2002}"),
            ("\\qmspace ", "\u{2005}"),
        ] {
            let rtf = format!("{{\\rtf1 a{control}b}}");
            assert_eq!(text(&rtf), format!("a{characters}b"), "{control}");
        }
    }

    #[test]
    fn ms_oxrtfex_3_there_are_pieces_of_html_in_a_document_that_was_html_only() {
        assert_eq!(text("{\\rtf1{\\*\\htmltag64 <p>}x}"), "x");
        assert_eq!(html("{\\rtf1\\fromhtml1{\\*\\htmltag64 <p>}x}"), "<p>x");
    }
}
