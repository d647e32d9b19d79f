//! The forms that nearly all mailboxes have (RFC 5322 §3.4), read at once.
//!
//! ```text
//! common-mailbox = [common-name " "] "<" common-spec ">" / common-spec
//! common-name    = 1*(atext / ".") *(" " 1*(atext / ".")) / DQUOTE *plain DQUOTE
//! common-spec    = dot-atom-text "@" dot-atom-text
//! ```

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::{map, recognize};
use nom::sequence::{delimited, separated_pair, terminated};

use super::Parsed;
use super::cfws::skip_fws;
use super::word::{dot_atom, is_atext};
use crate::address::LooseMailbox;
use crate::charset;

/// The forms that nearly all mailboxes have: words or a quoted string and an address in brackets, or an address alone, up
/// to a comma or the end. What is not of these forms is left to the reader, which would read these the same.
pub(super) fn common_mailbox(input: &[u8]) -> Parsed<'_, LooseMailbox<'_>> {
    let (rest, (name, address)) = alt((
        map(addr_spec, |address| (None, address)),
        separated_pair(
            map(common_name, Some),
            tag(&b" <"[..]),
            terminated(addr_spec, tag(&b">"[..])),
        ),
        map(
            delimited(tag(&b"<"[..]), addr_spec, tag(&b">"[..])),
            |address| (None, address),
        ),
    ))
    .parse(input)?;
    let rest = skip_fws(rest).0;
    let rest = match rest.split_first() {
        None => rest,
        Some((b',', after)) => after,
        Some(_) => return super::no_match(input),
    };
    let mailbox = LooseMailbox {
        name: name.map(super::text::text).filter(|n| !n.is_empty()),
        address: Some(charset::guess(address).text),
        name_from_comment: false,
        regular: true,
    };
    Ok((rest, mailbox))
}

/// `addr-spec` of dot-atoms, without white space or comments. One that looks like an encoded word is not common.
fn addr_spec(input: &[u8]) -> Parsed<'_, &[u8]> {
    if input.starts_with(b"=?") {
        return super::no_match(input);
    }
    recognize((dot_atom, tag(&b"@"[..]), dot_atom)).parse(input)
}

/// Words with single spaces between them, or a quoted string of one line without escapes.
fn common_name(input: &[u8]) -> Parsed<'_, &[u8]> {
    if input.starts_with(b"\"") {
        let plain = take_while(|b| !matches!(b, b'"' | b'\\' | b'\r' | b'\n'));
        return delimited(tag(&b"\""[..]), plain, tag(&b"\""[..])).parse(input);
    }
    let mut length = 0;
    loop {
        let word = input
            .iter()
            .skip(length)
            .take_while(|b| is_atext(**b) || **b == b'.')
            .count();
        length += word;
        match input.get(length..) {
            _ if word == 0 => return super::no_match(input),
            Some([b' ', next, ..]) if *next != b'<' => length += 1,
            _ => {
                let (name, rest) = input.split_at(length);
                return Ok((rest, name));
            }
        }
    }
}
