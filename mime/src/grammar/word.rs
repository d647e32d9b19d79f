//! Atoms, quoted strings and domain literals (RFC 5322 §3.2.3, §3.2.4, §3.4.1).

use std::borrow::Cow;

use nom::Parser;
use nom::bytes::complete::{tag, take_while1};

use super::Parsed;

/// Whether a byte may stand in an atom: `atext`, and 8-bit bytes (RFC 6532 §3.2).
pub(crate) fn is_atext(byte: u8) -> bool {
    ATEXT.get(usize::from(byte)).copied().unwrap_or(false)
}

/// [`is_atext`] as a table, like [`SPECIAL`].
pub(super) const ATEXT: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"!#$%&'*+-/=?^_`{|}~";
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        table[byte] |= byte >= 0x80 || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// What separates words: `specials` and white space.
pub(crate) fn is_special(byte: u8) -> bool {
    SPECIAL.get(usize::from(byte)).copied().unwrap_or(false)
}

/// [`is_special`] as a table: addresses are made of little else than this question.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"()<>[]:;@,.\" \t\r\n";
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
};

/// ```text
/// atom = [CFWS] 1*atext [CFWS]
/// ```
///
/// We also accept control bytes and a backslash, because it is more use to read such an address than to lose it.
pub(crate) fn atom(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while1(|b| !is_special(b)).parse(input)
}

/// ```text
/// quoted-string = [CFWS] DQUOTE *([FWS] qcontent) [FWS] DQUOTE [CFWS]
/// qcontent      = qtext / quoted-pair
/// ```
///
/// We also accept an empty one, which erratum 3135 (held for the next edition) would not have: `""` occurs as a name.
///
/// Gives what stands between the quotes, quoted pairs still in it. A string that is never closed is no match.
pub(crate) fn quoted_string(input: &[u8]) -> Parsed<'_, &[u8]> {
    delimited(input, b"\"", b'"')
}

/// ```text
/// domain-literal = [CFWS] "[" *([FWS] dtext) [FWS] "]" [CFWS]
/// ```
///
/// Gives what stands between the brackets.
pub(crate) fn domain_literal(input: &[u8]) -> Parsed<'_, &[u8]> {
    delimited(input, b"[", b']')
}

fn delimited<'a>(input: &'a [u8], open: &'static [u8], close: u8) -> Parsed<'a, &'a [u8]> {
    let (inside, _) = tag(open).parse(input)?;
    let mut rest = inside;
    loop {
        match memchr::memchr2(close, b'\\', rest).map(|at| rest.split_at(at)) {
            Some((_, [b'\\', _, after @ ..])) => rest = after,
            Some((_, at @ [byte, after @ ..])) if *byte == close => {
                return Ok((
                    after,
                    inside.get(..inside.len() - at.len()).unwrap_or_default(),
                ));
            }
            _ => return super::no_match(input),
        }
    }
}

/// Takes the backslashes of quoted pairs and the line breaks of folding away.
pub(crate) fn unescape(content: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr3(b'\\', b'\r', b'\n', content).is_none() {
        return content.into();
    }
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = memchr::memchr2(b'\\', b'\n', rest) {
        let (before, from) = rest.split_at(at);
        match from {
            [b'\\', escaped, after @ ..] => {
                out.extend_from_slice(before);
                out.push(*escaped);
                rest = after;
            }
            [b'\n', after @ ..] => {
                out.extend_from_slice(before.strip_suffix(b"\r").unwrap_or(before));
                rest = after;
            }
            _ => break,
        }
    }
    out.extend_from_slice(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5322_3_2_4_a_quoted_string_ends_at_its_unescaped_quote() {
        assert_eq!(
            quoted_string(br#""a \"b\" c" d"#),
            Ok((&b" d"[..], &br#"a \"b\" c"#[..]))
        );
        assert_eq!(&*unescape(br#"a \"b\" c"#), br#"a "b" c"#);
        assert!(quoted_string(b"\"open").is_err());
        assert!(quoted_string(b"\"open\\").is_err());
    }

    #[test]
    fn folding_is_taken_away() {
        assert_eq!(&*unescape(b"a\r\n b\n c\\\\"), b"a b c\\");
    }

    #[test]
    fn rfc5322_3_4_1_a_domain_literal_ends_at_its_bracket() {
        assert_eq!(
            domain_literal(b"[IPv6:::1]>"),
            Ok((&b">"[..], &b"IPv6:::1"[..]))
        );
    }

    #[test]
    fn rfc5322_3_2_3_what_an_atom_is_made_of() {
        for byte in 0..=255_u8 {
            let listed = b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
            let atext = listed || byte.is_ascii_alphanumeric() || !byte.is_ascii();
            assert_eq!(is_atext(byte), atext, "{byte}");
            let special = b"()<>[]:;@,.\" \t\r\n".contains(&byte);
            assert_eq!(is_special(byte), special, "{byte}");
        }
    }

    #[test]
    fn rfc5322_3_2_1_a_quoted_pair_is_the_octet_behind_the_backslash() {
        for (written, read) in [
            (&b"a"[..], &b"a"[..]),
            (b"\\\\", b"\\"),
            (b"a\\\nb", b"a\nb"),
            (b"a\\", b"a\\"),
            (b"\r\n a", b" a"),
            (b"a\n b\\c", b"a bc"),
        ] {
            assert_eq!(&*unescape(written), read, "{written:?}");
        }
    }
}
