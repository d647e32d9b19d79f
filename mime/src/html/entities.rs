//! Character references (HTML §13.5): numbers, and the names that mail uses.

use crate::charset::WINDOWS_1252;

/// No name here is longer.
const LONGEST: usize = 10;

/// Sorted by name.
const NAMES: &[(&str, char)] = &[
    ("AElig", 'Æ'),
    ("Aacute", 'Á'),
    ("Acirc", 'Â'),
    ("Agrave", 'À'),
    ("Aring", 'Å'),
    ("Atilde", 'Ã'),
    ("Auml", 'Ä'),
    ("Ccedil", 'Ç'),
    ("Eacute", 'É'),
    ("Ecirc", 'Ê'),
    ("Egrave", 'È'),
    ("Euml", 'Ë'),
    ("Iacute", 'Í'),
    ("Icirc", 'Î'),
    ("Igrave", 'Ì'),
    ("Iuml", 'Ï'),
    ("Ntilde", 'Ñ'),
    ("OElig", 'Œ'),
    ("Oacute", 'Ó'),
    ("Ocirc", 'Ô'),
    ("Ograve", 'Ò'),
    ("Oslash", 'Ø'),
    ("Otilde", 'Õ'),
    ("Ouml", 'Ö'),
    ("Uacute", 'Ú'),
    ("Ucirc", 'Û'),
    ("Ugrave", 'Ù'),
    ("Uuml", 'Ü'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("acute", '´'),
    ("aelig", 'æ'),
    ("agrave", 'à'),
    ("amp", '&'),
    ("apos", '\''),
    ("aring", 'å'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("bdquo", '„'),
    ("bull", '•'),
    ("ccedil", 'ç'),
    ("cent", '¢'),
    ("copy", '©'),
    ("deg", '°'),
    ("divide", '÷'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("egrave", 'è'),
    ("euml", 'ë'),
    ("euro", '€'),
    ("frac12", '½'),
    ("frac14", '¼'),
    ("frac34", '¾'),
    ("gt", '>'),
    ("hellip", '…'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iexcl", '¡'),
    ("igrave", 'ì'),
    ("iquest", '¿'),
    ("iuml", 'ï'),
    ("laquo", '«'),
    ("larr", '←'),
    ("ldquo", '“'),
    ("lsaquo", '‹'),
    ("lsquo", '‘'),
    ("lt", '<'),
    ("mdash", '—'),
    ("micro", 'µ'),
    ("middot", '·'),
    ("minus", '−'),
    ("nbsp", '\u{A0}'),
    ("ndash", '–'),
    ("ntilde", 'ñ'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("oelig", 'œ'),
    ("ograve", 'ò'),
    ("oslash", 'ø'),
    ("otilde", 'õ'),
    ("ouml", 'ö'),
    ("para", '¶'),
    ("plusmn", '±'),
    ("pound", '£'),
    ("quot", '"'),
    ("raquo", '»'),
    ("rarr", '→'),
    ("rdquo", '”'),
    ("reg", '®'),
    ("rsaquo", '›'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("sect", '§'),
    ("shy", '\u{AD}'),
    ("szlig", 'ß'),
    ("times", '×'),
    ("trade", '™'),
    ("uacute", 'ú'),
    ("ucirc", 'û'),
    ("ugrave", 'ù'),
    ("uuml", 'ü'),
    ("yen", '¥'),
    ("zwnj", '\u{200B}'),
];

/// Reads a reference at the front of `text`, which begins with `&`: its character, and how many bytes it takes.
/// What is no reference takes the `&` alone.
pub(super) fn decode(text: &str) -> (Option<char>, usize) {
    let body = text.get(1..).unwrap_or_default();
    if let Some(number) = body.strip_prefix('#') {
        return numeric(number).map_or((None, 1), |(c, length)| (Some(c), length + 2));
    }
    let length = body
        .bytes()
        .take(LONGEST)
        .take_while(u8::is_ascii_alphanumeric)
        .count();
    let name = body.get(..length).unwrap_or_default();
    let ended = body.as_bytes().get(length) == Some(&b';');
    let found = NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok();
    match found.and_then(|at| NAMES.get(at)) {
        Some((_, c)) => (Some(*c), 1 + length + usize::from(ended)),
        None => (None, 1),
    }
}

/// `123;` or `x7B;`. A number that is no character becomes U+FFFD.
fn numeric(text: &str) -> Option<(char, usize)> {
    let (digits, radix, prefix) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 1),
        None => (text, 10, 0),
    };
    let length = digits
        .bytes()
        .take_while(|b| char::from(*b).is_digit(radix))
        .count();
    let number = digits.get(..length).filter(|d| !d.is_empty())?;
    let code = u32::from_str_radix(number, radix)
        .ok()
        .filter(|code| *code != 0);
    let c = code
        .and_then(of_number)
        .unwrap_or(char::REPLACEMENT_CHARACTER);
    let ended = digits.as_bytes().get(length) == Some(&b';');
    Some((c, prefix + length + usize::from(ended)))
}

/// The character of a number. Who writes that of a C1 control means windows-1252 (HTML §13.2.5.80).
fn of_number(code: u32) -> Option<char> {
    match code {
        0x80..=0x9F => WINDOWS_1252.get(code as usize - 0x80).copied(),
        _ => char::from_u32(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_none_is_longer_than_the_longest() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.iter().all(|(name, _)| name.len() <= LONGEST));
    }

    #[test]
    fn references_are_read_with_and_without_their_semicolon() {
        assert_eq!(decode("&eacute;x"), (Some('é'), 8));
        assert_eq!(decode("&amp x"), (Some('&'), 4));
        assert_eq!(decode("&#x41;"), (Some('A'), 6));
        assert_eq!(decode("&#99999999999;"), (Some('\u{FFFD}'), 14));
        assert_eq!(decode("&none;"), (None, 1));
        assert_eq!(decode("&"), (None, 1));
    }

    #[test]
    fn numbers_of_c1_controls_are_characters_of_windows_1252() {
        for (reference, character) in [
            ("&#128;", '€'),
            ("&#146;", '’'),
            ("&#x96;", '–'),
            ("&#159;", 'Ÿ'),
            ("&#129;", '\u{81}'),
            ("&#127;", '\u{7F}'),
            ("&#160;", '\u{A0}'),
        ] {
            assert_eq!(decode(reference).0, Some(character), "{reference}");
        }
    }
}
