//! A value with parameters: Content-Type (RFC 2045 §5.1), Content-Disposition (RFC 2183 §2), and parameter values that
//! are long or not ASCII (RFC 2231).
//!
//! ```text
//! content   := type "/" subtype *(";" parameter)
//! parameter := attribute "=" value
//! value     := token / quoted-string
//!
//! attribute := attribute-char-run ["*" section] ["*"]           ; RFC 2231 §7
//! ```
//!
//! We also accept values of any characters up to the next `;`, quoted strings that are never closed (they end at the
//! line end), comments that are never closed (they are none), encoded words in values, sections in any order, a missing `;` (which is
//! told), and a boundary or charset in sections or encoded, which erratum 3269 (held for the next edition) forbids to write.

mod comments;
mod junk;
mod sections;
mod value;

use std::borrow::Cow;

use nom::Parser;
use nom::bytes::complete::{tag, take_while1};

use super::Parsed;
use super::cfws::is_wsp;
use super::common_type::{common_boundary, common_type};
use super::text::{unfold, without_breaks};
use super::word::unescape;
use crate::defect::DefectKind;
use comments::Comments;
use junk::Junk;
use sections::{extended, has_gap, join};
use value::{Value, value};

/// A value and its parameters, as they are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ContentValue<'a> {
    /// `type`, or a disposition.
    pub(crate) main: &'a [u8],
    /// `subtype`, if there is a slash.
    pub(crate) sub: Option<&'a [u8]>,
    /// Something stands behind it that is neither a parameter nor a comment.
    pub(crate) junk: bool,
    pub(crate) parameters: RawParameters<'a>,
}

/// The parameters of a value; they are read when they are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RawParameters<'a> {
    text: &'a [u8],
    /// How many of them are read.
    limit: usize,
}

/// One `attribute=value`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawParameter<'a> {
    pub(crate) name: &'a [u8],
    /// The section number of RFC 2231 §3.
    section: Option<u32>,
    /// Whether the value is percent-encoded (RFC 2231 §4).
    extended: bool,
    value: &'a [u8],
    quoted: bool,
}

impl<'a> ContentValue<'a> {
    /// Reads a field value, with at most `limit` parameters.
    #[inline(always)]
    pub(crate) fn parse(value: &'a [u8], limit: usize) -> Self {
        match common_type(value) {
            Some((main, sub, text)) => Self {
                main: main.as_bytes(),
                sub: Some(sub.as_bytes()),
                junk: false,
                parameters: RawParameters::new(text, limit),
            },
            None => Self::parse_any(value, limit),
        }
    }

    pub(crate) fn parse_any(value: &'a [u8], limit: usize) -> Self {
        let mut comments = Comments::default();
        let (rest, main) = token(comments.skip_cfws(value));
        let rest = comments.skip_cfws(rest);
        let (text, sub) = match rest.strip_prefix(b"/") {
            Some(after) => {
                let (rest, sub) = token(comments.skip_cfws(after));
                (rest, Some(sub))
            }
            None => (rest, None),
        };
        let text = comments.skip_cfws(text);
        let junk = text.first().is_some_and(|b| *b != b';' && is_tspecial(*b));
        // What somebody took for a semicolon.
        let text = match text {
            [b',' | b':', after @ ..] => after,
            _ => text,
        };
        Self {
            main,
            sub,
            junk,
            parameters: RawParameters::new(text, limit),
        }
    }

    pub(crate) fn main_is(&self, name: &str) -> bool {
        self.main.eq_ignore_ascii_case(name.as_bytes())
    }

    pub(crate) fn sub_is(&self, name: &str) -> bool {
        self.sub
            .is_some_and(|sub| sub.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether this is the type of a whole message (RFC 2046 §5.2.1, RFC 6532 §3.7, and the old `message/news`).
    pub(crate) fn is_message(&self) -> bool {
        self.main_is("message")
            && (self.sub_is("rfc822") || self.sub_is("global") || self.sub_is("news"))
    }
}

impl<'a> RawParameters<'a> {
    /// What follows a type, with at most `limit` parameters.
    pub(crate) fn new(text: &'a [u8], limit: usize) -> Self {
        Self { text, limit }
    }

    /// The parameters in order.
    pub(crate) fn iter(&self) -> ParameterReader<'a> {
        ParameterReader {
            rest: self.text,
            left: self.limit,
            comments: Comments::default(),
            junk: Junk::default(),
            bad: false,
            limited: false,
        }
    }

    /// The bytes of the boundary parameter, white space at its end included: some senders mean it.
    pub(crate) fn boundary(&self) -> Option<Cow<'a, [u8]>> {
        let plain = |p: &RawParameter<'_>| p.is("boundary") && p.section.is_none() && !p.extended;
        if let Some(boundary) = common_boundary(self.text).filter(|_| self.limit > 0) {
            return Some(boundary.into());
        }
        let boundary = match self.iter().find(plain) {
            Some(p) => p.bytes(),
            None => self.get("boundary")?.into_owned().into_bytes().into(),
        };
        (!boundary.trim_ascii().is_empty()).then_some(boundary)
    }

    /// The decoded value of a parameter: `name*`, unless it is empty, before the sections `name*0`, … before `name`.
    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        // As most content types are.
        if self.text.is_empty() {
            return None;
        }
        self.find(name)
    }

    #[inline(never)]
    fn find(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut of_name = self.iter().filter(|p| p.is(name));
        let first = of_name.next()?;
        let mut plain = first;
        let mut sections: Vec<RawParameter<'_>> = Vec::new();
        for parameter in std::iter::once(first).chain(of_name) {
            match (parameter.section, parameter.extended) {
                (None, true) => match extended(&[parameter]) {
                    text if text.is_empty() => {}
                    text => return Some(text),
                },
                (Some(_), _) => sections.push(parameter),
                (None, false) if plain.section.is_some() || plain.extended => plain = parameter,
                (None, false) => {}
            }
        }
        if sections.is_empty() {
            Some(plain.text())
        } else {
            Some(join(sections))
        }
    }

    /// What is wrong with the parameters: those flagged while reading, and names that occur in more than one way.
    pub(crate) fn all_defects(&self) -> Vec<DefectKind> {
        let mut reader = self.iter();
        let parameters: Vec<_> = reader.by_ref().collect();
        let mut found = Vec::new();
        found.extend(reader.bad.then_some(DefectKind::BadParameter));
        found.extend(reader.limited.then_some(DefectKind::ParameterLimit));
        let mut sorted: Vec<_> = parameters
            .iter()
            .map(|p| (p.name.to_ascii_lowercase(), p.section, p.extended, p))
            .collect();
        sorted.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
        for pair in sorted.windows(2) {
            let [
                (name, section, extended, one),
                (next_name, next_section, next_extended, two),
            ] = pair
            else {
                continue;
            };
            let kind = match () {
                () if name != next_name => continue,
                () if section == next_section
                    && (section.is_some() || extended == next_extended) =>
                {
                    DefectKind::DuplicateParameter
                }
                () if section.is_none() && one.text() != two.text() => {
                    DefectKind::ConflictingParameter
                }
                () => continue,
            };
            if !found.contains(&kind) {
                found.push(kind);
            }
        }
        if has_gap(&sorted.iter().map(|s| (&*s.0, s.1)).collect::<Vec<_>>()) {
            found.push(DefectKind::MissingSection);
        }
        found
    }
}

/// Reads one parameter after the other.
pub(crate) struct ParameterReader<'a> {
    rest: &'a [u8],
    /// How many parameters may still be read.
    left: usize,
    comments: Comments,
    /// For what is no parameter.
    junk: Junk,
    /// Something was no parameter, or broke off.
    bad: bool,
    /// There were more parameters than may be read.
    limited: bool,
}

impl<'a> Iterator for ParameterReader<'a> {
    type Item = RawParameter<'a>;

    fn next(&mut self) -> Option<RawParameter<'a>> {
        loop {
            let mut rest = self.comments.skip_cfws(self.rest);
            self.bad |= !matches!(rest, [] | [b';', ..]);
            while let Some(after) = rest.strip_prefix(b";") {
                rest = self.comments.skip_cfws(after);
            }
            self.rest = rest;
            if rest.is_empty() {
                return None;
            }
            if self.left == 0 {
                self.limited = true;
                self.rest = &[];
                return None;
            }
            match parameter(&mut self.comments, rest) {
                Ok((after, (parameter, regular))) => {
                    self.rest = after;
                    self.left -= 1;
                    self.bad |= !regular;
                    return Some(parameter);
                }
                Err(_) => {
                    self.bad = true;
                    self.rest = self.junk.skip(&mut self.comments, rest);
                }
            }
        }
    }
}

impl<'a> RawParameter<'a> {
    fn is(&self, name: &str) -> bool {
        let is_plain = || self.name.iter().all(|b| matches!(b, 1..=0x7F));
        self.name.eq_ignore_ascii_case(name.as_bytes())
            || !is_plain() && self.name_text().eq_ignore_ascii_case(name)
    }

    /// The name as text.
    pub(crate) fn name_text(&self) -> Cow<'a, str> {
        without_breaks(String::from_utf8_lossy(self.name))
    }

    /// The value without its quotes, unfolded.
    fn bytes(&self) -> Cow<'a, [u8]> {
        if self.quoted {
            unescape(self.value)
        } else {
            unfold(self.value)
        }
    }

    /// The value as text, encoded words decoded.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        if self.extended {
            return extended(&[*self]);
        }
        match self.bytes() {
            Cow::Borrowed(bytes) => super::text::text(bytes),
            Cow::Owned(bytes) => super::text::text(&bytes).into_owned().into(),
        }
    }
}

/// A token: up to white space or a character that is none of it.
fn token(input: &[u8]) -> (&[u8], &[u8]) {
    let length = input
        .iter()
        .take_while(|b| !is_wsp(**b) && !is_tspecial(**b))
        .count();
    let (token, rest) = input.split_at(length);
    (rest, token)
}

/// `tspecials` (RFC 2045 §5.1).
pub(crate) fn is_tspecial(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')'
            | b'<'
            | b'>'
            | b'@'
            | b','
            | b';'
            | b':'
            | b'\\'
            | b'"'
            | b'/'
            | b'['
            | b']'
            | b'?'
            | b'='
    )
}

fn ends_attribute(byte: u8) -> bool {
    is_wsp(byte) || matches!(byte, b'=' | b';' | b'(' | b'"')
}

/// `parameter`, and whether its value is regular.
fn parameter<'a>(comments: &mut Comments, input: &'a [u8]) -> Parsed<'a, (RawParameter<'a>, bool)> {
    let (rest, attribute) = take_while1(|b| !ends_attribute(b)).parse(input)?;
    let (rest, _) = tag(&b"="[..]).parse(comments.skip_cfws(rest))?;
    let rest = comments.skip_cfws(rest);
    let (name, section, extended) = attribute_parts(attribute);
    let (rest, value) = value(comments, name, rest);
    let Value {
        bytes: value,
        quoted,
        regular,
    } = value;
    Ok((
        rest,
        (
            RawParameter {
                name,
                section,
                extended,
                value,
                quoted,
            },
            regular,
        ),
    ))
}

/// Splits `name*section*` (RFC 2231 §7). What is no section number stays part of the name.
fn attribute_parts(attribute: &[u8]) -> (&[u8], Option<u32>, bool) {
    let (rest, extended) = match attribute.strip_suffix(b"*") {
        Some(rest) => (rest, true),
        None => (attribute, false),
    };
    let section = rest.iter().rposition(|b| *b == b'*').and_then(|star| {
        let digits = rest
            .get(star + 1..)
            .filter(|d| (1..=9).contains(&d.len()))?;
        let number = digits.iter().try_fold(0_u32, |n, d| {
            d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0'))
        })?;
        Some((rest.get(..star)?, number))
    });
    match section {
        Some((name, number)) => (name, Some(number), extended),
        None => (rest, None, extended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8], limit: usize) -> RawParameters<'_> {
        ContentValue::parse(value, limit).parameters
    }

    fn get(value: &str, name: &str) -> Option<String> {
        parse(value.as_bytes(), 100).get(name).map(Cow::into_owned)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn rfc2045_5_1_type_and_parameters() {
        let value = ContentValue::parse(
            b" text/plain; charset=us-ascii (Plain text); format=\"flowed\"",
            100,
        );
        assert!(value.main_is("TEXT") && value.sub_is("plain"));
        let value = value.parameters;
        assert_eq!(value.get("CHARSET").as_deref(), Some("us-ascii"));
        assert_eq!(value.get("format").as_deref(), Some("flowed"));
        assert!(value.all_defects().is_empty());
    }

    #[test]
    fn rfc2046_5_2_1_rfc6532_3_7_the_types_of_whole_messages() {
        let is_message = |value: &str| ContentValue::parse(value.as_bytes(), 9).is_message();
        for value in ["message/rfc822", "Message/Global", "message/news"] {
            assert!(is_message(value), "{value}");
        }
        for value in [
            "message/partial",
            "message",
            "text/rfc822",
            "message/rfc822x",
        ] {
            assert!(!is_message(value), "{value}");
        }
    }

    #[test]
    fn rfc2231_3_sections_are_joined_in_order() {
        let value =
            "message/external-body; access-type=URL; URL*1=\"cs.utk.edu/pub\"; URL*0=\"ftp://\"";
        assert_eq!(get(value, "url"), some("ftp://cs.utk.edu/pub"));
    }

    #[test]
    fn rfc2231_4_charset_and_language() {
        let value = "a/b; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A";
        assert_eq!(get(value, "title"), some("This is ***fun***"));
        let value = "a/b; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20;\
                     title*2=\"isn't it!\"";
        assert_eq!(
            get(value, "title"),
            some("This is even more ***fun*** isn't it!")
        );
    }

    #[test]
    fn a_charset_may_split_a_character_over_two_sections() {
        assert_eq!(get("a; n*0*=utf-8''%E2%82; n*1*=%AC", "n"), some("€"));
    }

    #[test]
    fn the_extended_form_counts_and_the_difference_is_told() {
        let value = parse(
            b"attachment; filename=\"safe.txt\"; filename*=utf-8''evil.exe",
            100,
        );
        assert_eq!(value.get("filename").as_deref(), Some("evil.exe"));
        assert_eq!(value.all_defects(), [DefectKind::ConflictingParameter]);
    }

    #[test]
    fn an_extended_form_that_is_empty_says_nothing() {
        for (value, expected) in [
            ("a; n*=; n=x", "x"),
            ("a; n=x; n*=utf-8''; n=y", "x"),
            ("a; n*=utf-8''; n*0=x; n*1=y", "xy"),
            ("a; n*=; n*=utf-8''y; n=x", "y"),
            ("a; n*=utf-8''", ""),
        ] {
            assert_eq!(get(value, "n"), some(expected), "{value}");
        }
    }

    #[test]
    fn the_first_of_two_equal_names_counts() {
        let value = parse(b"multipart/mixed; boundary=aaa; boundary=bbb", 100);
        assert_eq!(value.boundary().as_deref(), Some(&b"aaa"[..]));
        assert_eq!(value.all_defects(), [DefectKind::DuplicateParameter]);
    }

    #[test]
    fn broken_values_are_read_as_far_as_they_go() {
        assert_eq!(
            get("a/b; name=my file.txt; x=y", "name"),
            some("my file.txt")
        );
        assert_eq!(
            get("a/b; name=\"open; x=y\r\n ; z=1", "name"),
            some("open; x=y")
        );
        assert_eq!(get("a/b; name=\"open; x=y\r\n ; z=1", "z"), some("1"));
        assert_eq!(get("a/b; junk; \"q;\"; z=1", "z"), some("1"));
        assert_eq!(get("a/b; f*=utf-8''%ZZ%4", "f"), some("%ZZ%4"));
        assert_eq!(get("a/b; f*4294967296=a; f*0=ok", "f"), some("ok"));
        assert_eq!(
            get("a/b; name=\"=?utf-8?Q?=C3=A9?=.txt\"", "name"),
            some("é.txt")
        );
    }

    #[test]
    fn a_missing_section_is_told() {
        let value = parse(b"a/b; f*0=a; f*2=c", 100);
        assert_eq!(value.get("f").as_deref(), Some("ac"));
        assert_eq!(value.all_defects(), [DefectKind::MissingSection]);
    }

    #[test]
    fn parameters_have_a_limit() {
        let value = parse(b"a/b; c=1; d=2; e=3", 2);
        assert_eq!(value.iter().count(), 2);
        assert_eq!(value.all_defects(), [DefectKind::ParameterLimit]);
    }

    proptest::proptest! {
        #[test]
        fn the_common_boundary_is_read_as_any_is(
            value in ";[ \r\n]{0,3}(boundary|Boundary|b)=\"?[a-c \\\\\"\r\n]{0,6}\"?(;x=y)?(;boundary=z)?",
        ) {
            // What another parameter stands before is not read at once.
            let other = format!(";other=1{value}");
            let read = |text: &str| RawParameters::new(text.as_bytes(), 9).boundary().map(Cow::into_owned);
            proptest::prop_assert_eq!(read(&value), read(&other));
        }
    }

    #[test]
    fn a_boundary_is_taken_as_it_is() {
        let boundary = |value: &str| {
            let value = parse(value.as_bytes(), 9);
            value.boundary().map(Cow::into_owned)
        };
        assert_eq!(
            boundary("multipart/mixed; boundary=\"b \""),
            Some(b"b ".to_vec())
        );
        assert_eq!(
            boundary("multipart/mixed; boundary=a=/b"),
            Some(b"a=/b".to_vec())
        );
        assert_eq!(boundary("multipart/mixed; boundary=\"\""), None);
    }

    #[test]
    fn parameters_are_read_up_to_their_limit() {
        for (limit, limited) in [(0, true), (1, true), (2, true), (3, false)] {
            let value = parse(b"multipart/mixed; boundary=\"b\"; d=2; e=3", limit);
            assert_eq!(value.iter().count(), limit);
            assert_eq!(!value.all_defects().is_empty(), limited, "{limit}");
            assert_eq!(value.boundary().is_some(), limit > 0, "{limit}");
        }
    }
}
