//! Paths of MAIL and RCPT (RFC 5321 §4.1.2), with UTF-8 where RFC 6531 §3.3 allows it.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while, take_while1};
use nom::character::complete::{char, satisfy};
use nom::combinator::{opt, recognize, verify};
use nom::multi::{many0_count, separated_list1};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A reverse-path without its brackets; the empty one is the text "".
///
/// ```text
/// Reverse-path = Path / "<>"
/// ```
pub(super) fn reverse_path(input: &str) -> IResult<&str, &str> {
    alt((delimited(char('<'), tag(""), char('>')), path)).parse(input)
}

/// A forward-path without its brackets. `<Postmaster>` needs no domain (RFC 5321 §4.5.1).
///
/// ```text
/// Forward-path = Path            ; and in RCPT also "<Postmaster>"
/// ```
pub(super) fn forward_path(input: &str) -> IResult<&str, &str> {
    alt((
        delimited(char('<'), tag_no_case("postmaster"), char('>')),
        path,
    ))
    .parse(input)
}

/// A mailbox in brackets. A source route is read and forgotten, as RFC 5321 appendix C has it.
///
/// ```text
/// Path   = "<" [ A-d-l ":" ] Mailbox ">"
/// A-d-l  = At-domain *( "," At-domain )
/// ```
fn path(input: &str) -> IResult<&str, &str> {
    let at_domain = preceded(char('@'), domain);
    let route = terminated(separated_list1(char(','), at_domain), char(':'));
    delimited((char('<'), opt(route)), mailbox, char('>')).parse(input)
}

/// ```text
/// Mailbox    = Local-part "@" ( Domain / address-literal )
/// Local-part = Dot-string / Quoted-string
/// ```
pub(super) fn mailbox(input: &str) -> IResult<&str, &str> {
    let local_part = alt((dot_string, quoted_string));
    recognize((local_part, char('@'), alt((domain, address_literal)))).parse(input)
}

/// ```text
/// Dot-string = Atom *("."  Atom)
/// ```
fn dot_string(input: &str) -> IResult<&str, &str> {
    recognize(separated_list1(char('.'), take_while1(is_atext))).parse(input)
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_utf8_non_ascii(c)
}

fn is_utf8_non_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_control()
}

/// ```text
/// Quoted-string  = DQUOTE *QcontentSMTP DQUOTE
/// QcontentSMTP   = qtextSMTP / quoted-pairSMTP
/// ```
fn quoted_string(input: &str) -> IResult<&str, &str> {
    let visible = |c: char| matches!(c, ' '..='~') || is_utf8_non_ascii(c);
    let qtext = satisfy(move |c| visible(c) && c != '"' && c != '\\');
    let quoted_pair = preceded(char('\\'), satisfy(|c| matches!(c, ' '..='~')));
    recognize((char('"'), many0_count(alt((qtext, quoted_pair))), char('"'))).parse(input)
}

/// ```text
/// Domain      = sub-domain *("." sub-domain)
/// sub-domain  = Let-dig [Ldh-str]                ; or a U-label (RFC 6531)
/// ```
pub(super) fn domain(input: &str) -> IResult<&str, &str> {
    let in_label = |c: char| c.is_ascii_alphanumeric() || c == '-' || is_utf8_non_ascii(c);
    let label = verify(take_while1(in_label), |label: &str| {
        !label.starts_with('-') && !label.ends_with('-')
    });
    recognize(separated_list1(char('.'), label)).parse(input)
}

/// ```text
/// address-literal = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"
/// ```
/// Not supported: General-address-literal, of which no kind was ever registered.
pub(super) fn address_literal(input: &str) -> IResult<&str, &str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':');
    let is_address = |text: &str| match text.get(..5) {
        Some(kind) if kind.eq_ignore_ascii_case("IPv6:") => text
            .get(5..)
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        _ => text.parse::<Ipv4Addr>().is_ok(),
    };
    recognize((char('['), verify(take_while(inside), is_address), char(']'))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nom::combinator::all_consuming;

    fn forward(text: &str) -> Option<&str> {
        Some(all_consuming(forward_path).parse(text).ok()?.1)
    }

    #[test]
    fn rfc5321_paths() {
        for (path, mailbox) in [
            ("<ada@example.org>", "ada@example.org"),
            ("<\"a b\"@pf.test>", "\"a b\"@pf.test"),
            ("<\"a\\\"b\"@pf.test>", "\"a\\\"b\"@pf.test"),
            ("<a@[192.0.2.1]>", "a@[192.0.2.1]"),
            ("<a@[IPv6:::1]>", "a@[IPv6:::1]"),
            ("<@a,@b.c:joe@example.org>", "joe@example.org"),
            ("<o'neil+x=y@example.org>", "o'neil+x=y@example.org"),
            ("<grün@bücher.example>", "grün@bücher.example"),
            ("<POSTMASTER>", "POSTMASTER"),
        ] {
            assert_eq!(forward(path), Some(mailbox), "{path}");
        }
        assert_eq!(all_consuming(reverse_path).parse("<>").unwrap().1, "");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in [
            "<>",
            "ada@example.org",
            "<ada>",
            "<ada@>",
            "<@example.org>",
            "<a@b> ",
            "<a b@c>",
            "<a..b@c>",
            "<.a@c>",
            "<a@-b.c>",
            "<a@b-.c>",
            "<a@b..c>",
            "<a@b.>",
            "<a@[1.2.3]>",
            "<a@[IPv6:1]>",
            "<a@b\u{7f}>",
            "<\"a\u{1}\"@b>",
            "<a@b>>",
        ] {
            assert_eq!(forward(path), None, "{path}");
        }
    }
}
