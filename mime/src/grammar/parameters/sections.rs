//! A parameter in sections, with a charset and percent-encoding (RFC 2231 §3, §4).
//!
//! ```text
//! extended := [charset] "'" [language] "'" *(ext-octet / attribute-char)
//! ```
//!
//! Charset and language stand in the first section only: erratum 477 mends the name of that rule. The example of §4.1 is
//! printed without its semicolons (erratum 590).

use super::RawParameter;
use crate::charset;
use crate::coding::quoted_printable::hex_pair;
use crate::grammar::text::text;
use std::borrow::Cow;

/// Whether sorted (name, section) pairs leave a section out.
pub(super) fn has_gap(sorted: &[(&[u8], Option<u32>)]) -> bool {
    let mut previous: Option<(&[u8], u32)> = None;
    for (name, section) in sorted {
        let Some(section) = *section else { continue };
        let expected = match previous {
            Some((before, last)) if before == *name => [last, last.saturating_add(1)],
            _ => [0, 0],
        };
        if !expected.contains(&section) {
            return true;
        }
        previous = Some((name, section));
    }
    false
}

/// Joins sections (RFC 2231 §3): by number, the first of a number counts.
pub(super) fn join(mut sections: Vec<RawParameter<'_>>) -> Cow<'static, str> {
    sections.sort_by_key(|p| p.section);
    sections.dedup_by_key(|p| p.section);
    if sections.iter().any(|p| p.extended) {
        return Cow::Owned(extended(&sections).into_owned());
    }
    let whole: Vec<u8> = sections
        .iter()
        .flat_map(|p| p.bytes().into_owned())
        .collect();
    Cow::Owned(text(&whole).into_owned())
}

/// Decodes sections of which some are percent-encoded; the first one names the charset (RFC 2231 §4).
pub(super) fn extended<'a>(sections: &[RawParameter<'_>]) -> Cow<'a, str> {
    let mut whole = Vec::new();
    let mut charset: Option<Vec<u8>> = None;
    for (i, section) in sections.iter().enumerate() {
        let value = section.bytes();
        let mut value: &[u8] = &value;
        if !section.extended {
            whole.extend_from_slice(value);
            continue;
        }
        if i == 0 {
            if let Some((label, text)) = charset_and_text(value) {
                charset = Some(label.to_vec());
                value = text;
            }
        }
        percent_decode(value, &mut whole);
    }
    let decoded = charset::decode_piece(charset.as_deref(), &whole).text;
    Cow::Owned(decoded.replace(['\r', '\n', '\0'], " "))
}

/// Splits `charset'language'text`.
fn charset_and_text(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = value.split_at(memchr::memchr(b'\'', value)?);
    let rest = rest.get(1..)?;
    let second = memchr::memchr(b'\'', rest)?;
    Some((first, rest.get(second + 1..)?))
}

/// Decodes `%XX`; a bad one stays as it is.
fn percent_decode(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let octet = match after {
            [high, low, ..] if *first == b'%' => hex_pair(*high, *low),
            _ => None,
        };
        out.push(octet.unwrap_or(*first));
        rest = if octet.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
}

#[cfg(test)]
mod tests {
    use crate::defect::DefectKind;
    use crate::grammar::parameters::{ContentValue, RawParameters};

    fn parse(value: &str) -> RawParameters<'_> {
        ContentValue::parse(value.as_bytes(), 100).parameters
    }

    fn get(value: &str, name: &str) -> Option<String> {
        parse(value).get(name).map(|value| value.into_owned())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn rfc2231_4_1_a_value_has_a_charset_in_its_first_section_only() {
        for (value, expected) in [
            ("a; n*=iso-8859-1''%E9", "é"),
            ("a; n*='x'%C3%A9", "é"),
            ("a; n*=%41", "A"),
            ("a; n*=a'b", "a'b"),
            ("a; n*0*=utf-8''a'b; n*1*='c'd", "a'b'c'd"),
            ("a; n*0=%41; n*1*=%41", "%41A"),
            ("a; n*0*=utf-8''%0D%0A%00", "   "),
            ("a; n*=utf-8''%4", "%4"),
            ("a; n*=utf-8''%41%4a", "AJ"),
        ] {
            assert_eq!(get(value, "n"), some(expected), "{value}");
        }
    }

    #[test]
    fn rfc2231_3_sections_are_numbered_from_0_without_a_gap() {
        let missing = &[DefectKind::MissingSection][..];
        for (value, defects) in [
            ("a; n*0=x; n*1=y", &[][..]),
            ("a; n*1=y; n*0=x", &[]),
            ("a; n*0=x; m*0=y; n*1=z", &[]),
            ("a; n*0=x; m*1=y", missing),
            ("a; n*1=y", missing),
            ("a; n*0=x; n*1=y; n*3=z", missing),
            ("a; n*0=x; n*0=y", &[DefectKind::DuplicateParameter]),
            ("a; n*0=x; n*0*=y", &[DefectKind::DuplicateParameter]),
            ("a; n=x; n*=x", &[]),
            ("a; n=x; n*=y", &[DefectKind::ConflictingParameter]),
            ("a; n=x; N=x", &[DefectKind::DuplicateParameter]),
            ("a; n=\"x", &[DefectKind::BadParameter]),
            ("a; n", &[DefectKind::BadParameter]),
            ("a; n=x;; ;", &[]),
        ] {
            assert_eq!(parse(value).all_defects(), defects, "{value}");
        }
    }

    #[test]
    fn rfc2231_3_of_two_sections_with_one_number_the_first_counts() {
        assert_eq!(get("a; n*0=x; n*0=y; n*1=z", "n"), some("xz"));
        assert_eq!(get("a; n=whole; n*0=x", "n"), some("x"));
        assert_eq!(get("a; n=one; n=two", "n"), some("one"));
    }

    #[test]
    fn rfc2231_7_a_section_number_has_up_to_nine_digits() {
        assert_eq!(get("a; n*123456789=x", "n"), some("x"));
        assert_eq!(get("a; n*1234567890=x", "n"), None);
        assert_eq!(get("a; n*1234567890=x", "n*1234567890"), some("x"));
        assert_eq!(get("a; n*1x=y", "n*1x"), some("y"));
        assert_eq!(get("a; n**=x", "n*"), some("x"));
        assert_eq!(get("a; n*10=c; n*9=b; n*08=a", "n"), some("abc"));
    }
}
