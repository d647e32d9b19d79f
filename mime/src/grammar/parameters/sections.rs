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
