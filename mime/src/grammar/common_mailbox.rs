//! The forms that nearly all mailboxes have (RFC 5322 §3.4), read at once.
//!
//! ```text
//! common-mailbox = [common-name " "] "<" common-spec ">" / common-spec
//! common-name    = 1*(atext / ".") *(" " 1*(atext / ".")) / DQUOTE *plain DQUOTE
//! common-spec    = dot-atom-text "@" dot-atom-text
//! ```
//!
//! Each is told by its length, with no parser in between: a field may have thousands of them.

use std::borrow::Cow;
use std::ops::Range;

use super::cfws::skip_fws;
use super::word::{ATEXT, is_atext};
use crate::address::LooseMailbox;
use crate::charset;

/// The forms that nearly all mailboxes have: words or a quoted string and an address in brackets, or an address alone, up
/// to a comma or the end. What is not of these forms is left to the reader, which would read these the same.
///
/// Gives what follows the mailbox, too. `ascii` is the input once more, if it is ASCII: looked at as a whole, because that
/// is faster than piece by piece.
pub(super) fn common_mailbox<'a>(
    input: &'a [u8],
    ascii: Option<&'a str>,
) -> Option<(&'a [u8], LooseMailbox<'a>)> {
    let Places {
        name,
        address,
        length,
    } = places(input)?;
    let rest = skip_fws(input.get(length..)?).0;
    let rest = match rest.split_first() {
        None => rest,
        Some((b',', after)) => after,
        Some(_) => return None,
    };
    let text = |place: Range<usize>, read: fn(&'a [u8]) -> Cow<'a, str>| match ascii {
        Some(ascii) => ascii.get(place).map(Cow::Borrowed),
        None => input.get(place).map(read),
    };
    let name = match name {
        Some(Name { place, plain: true }) => text(place, super::text::text),
        Some(Name { place, .. }) => input.get(place).map(super::text::text),
        None => None,
    };
    let mailbox = LooseMailbox {
        name: name.filter(|n| !n.is_empty()),
        address: text(address, |bytes| charset::guess(bytes).text),
        name_from_comment: false,
        regular: true,
    };
    Some((rest, mailbox))
}

/// Where the name and the address of a mailbox at the front stand, and how long it is.
struct Places {
    name: Option<Name>,
    address: Range<usize>,
    length: usize,
}

struct Name {
    place: Range<usize>,
    /// Whether it is text as it stands there.
    plain: bool,
}

#[inline]
fn places(input: &[u8]) -> Option<Places> {
    let (name, open) = match input {
        [b'<', ..] => (None, 0),
        [b'"', inside @ ..] => {
            let (length, plain) = quoted(inside)?;
            inside.get(length..)?.strip_prefix(b"\" ")?;
            let place = 1..length + 1;
            (Some(Name { place, plain }), length + 3)
        }
        _ => {
            let bare = addr_spec(input);
            if bare > 0 {
                return Some(Places {
                    name: None,
                    address: 0..bare,
                    length: bare,
                });
            }
            let length = words(input)?;
            let plain = input.get(..length).is_some_and(super::text::is_plain);
            let place = 0..length;
            (Some(Name { place, plain }), length + 1)
        }
    };
    let address = input.get(open..)?.strip_prefix(b"<")?;
    let length = addr_spec(address);
    let start = open + 1;
    (length > 0 && address.get(length) == Some(&b'>')).then_some(Places {
        name,
        address: start..start + length,
        length: start + length + 1,
    })
}

/// The length of what stands in quotes, on one line and without a backslash, and whether it is text as it stands there.
fn quoted(inside: &[u8]) -> Option<(usize, bool)> {
    let length = count(inside, &PLAIN);
    if inside.get(length) == Some(&b'"') {
        let text = inside.get(..length)?;
        return Some((length, text.trim_ascii().len() == length));
    }
    let end = |b: &u8| matches!(b, b'"' | b'\\' | b'\r' | b'\n');
    Some((inside.iter().position(end)?, false))
}

/// How many bytes at the front are in a table.
#[inline]
fn count(input: &[u8], table: &[bool; 256]) -> usize {
    let other = |b: &u8| !table.get(usize::from(*b)).copied().unwrap_or(false);
    input.iter().position(other).unwrap_or(input.len())
}

/// What needs no second look within quotes: ASCII of which no encoded word can be made.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        table[byte as usize] = !matches!(byte, b'=' | b'"' | b'\\');
        byte += 1;
    }
    table
};

/// The length of an `addr-spec` of dot-atoms, without white space or comments. One that looks like an encoded word is not
/// common.
fn addr_spec(input: &[u8]) -> usize {
    let local = dot_atom(input);
    let domain = match input.get(local..) {
        Some([b'@', domain @ ..]) if local > 0 && !input.starts_with(b"=?") => dot_atom(domain),
        _ => 0,
    };
    if domain == 0 { 0 } else { local + 1 + domain }
}

/// The length of a `dot-atom-text` that ends where no more of it can follow; 0 if none does.
fn dot_atom(input: &[u8]) -> usize {
    let mut length = 0;
    loop {
        let atom = count(input.get(length..).unwrap_or_default(), &ATEXT);
        length += atom;
        match input.get(length) {
            _ if atom == 0 => return 0,
            Some(b'.') => length += 1,
            _ => return length,
        }
    }
}

/// The length of words with single spaces between them, before a space and a bracket.
fn words(input: &[u8]) -> Option<usize> {
    let mut after_space = true;
    for (at, byte) in input.iter().enumerate() {
        match byte {
            b' ' if !after_space => after_space = true,
            b'<' if after_space && at > 0 => return Some(at - 1),
            _ if is_atext(*byte) || *byte == b'.' => after_space = false,
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name, the address, and what follows, where the form is common.
    fn read(input: &str) -> Option<(Option<String>, String, &str)> {
        let ascii = input.is_ascii().then_some(input);
        let (rest, mailbox) = common_mailbox(input.as_bytes(), ascii)?;
        assert!(mailbox.regular && !mailbox.name_from_comment);
        let rest = &input[input.len() - rest.len()..];
        let name = mailbox.name.map(Cow::into_owned);
        Some((name, mailbox.address?.into_owned(), rest))
    }

    #[test]
    fn rfc5322_3_4_the_common_forms_are_read_at_once() {
        for (input, name, address, rest) in [
            ("a@b", None, "a@b", ""),
            ("a.b.c@d.e, f@g", None, "a.b.c@d.e", " f@g"),
            ("<a@b>", None, "a@b", ""),
            ("<a@b> ,c", None, "a@b", "c"),
            ("Ann <a@b>", Some("Ann"), "a@b", ""),
            ("Ann B. Lee <a@b>\t,", Some("Ann B. Lee"), "a@b", ""),
            ("\"Lee, Ann\" <a@b>", Some("Lee, Ann"), "a@b", ""),
            ("\"\" <a@b>", None, "a@b", ""),
            ("J\u{fc}rgen <j@b>", Some("J\u{fc}rgen"), "j@b", ""),
        ] {
            let expected = (name.map(str::to_owned), address.to_owned(), rest);
            assert_eq!(read(input), Some(expected), "{input}");
        }
    }

    #[test]
    fn what_is_not_of_the_common_forms_is_left_to_the_reader() {
        for input in [
            "",
            "a",
            "a@",
            "@b",
            "a.@b",
            ".a@b",
            "a..b@c",
            "a@b.",
            "a@.b",
            "a@b c",
            "a@b;",
            "=?a@b",
            "<a@b",
            "<a b@c>",
            "<>",
            "<a@b>c",
            "Ann<a@b>",
            "Ann  <a@b>",
            "Ann  Lee <a@b>",
            " <a@b>",
            " Ann <a@b>",
            "Ann (x) <a@b>",
            "\"Ann\"<a@b>",
            "\"Ann\"  <a@b>",
            "\"Ann <a@b>",
            "\"A\\\"n\" <a@b>",
        ] {
            assert_eq!(read(input), None, "{input}");
        }
    }

    #[test]
    fn a_quoted_name_is_text_as_it_stands_unless_it_needs_a_second_look() {
        for (inside, expected) in [
            ("Ann\" <", Some((3, true))),
            ("\"", Some((0, true))),
            ("A, B! ~\"", Some((7, true))),
            (" Ann\"", Some((4, false))),
            ("Ann \"", Some((4, false))),
            ("=?x?=\"", Some((5, false))),
            ("J\u{fc}\"", Some((3, false))),
            ("A\tB\"", Some((3, false))),
            ("Ann", None),
            ("", None),
        ] {
            assert_eq!(quoted(inside.as_bytes()), expected, "{inside:?}");
        }
        assert_eq!(read("\" Ann \" <a@b>").unwrap().0.as_deref(), Some("Ann"));
        assert_eq!(
            read("\"=?utf-8?Q?=41?=\" <a@b>").unwrap().0.as_deref(),
            Some("A")
        );
        assert_eq!(
            read("=?utf-8?Q?=41?= <a@b>").unwrap().0.as_deref(),
            Some("A")
        );
    }
}
