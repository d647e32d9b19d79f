//! White space and comments (RFC 5322 §3.2.2).
//!
//! ```text
//! FWS      = ([*WSP CRLF] 1*WSP) / obs-FWS
//! ctext    = %d33-39 / %d42-91 / %d93-126 / obs-ctext
//! ccontent = ctext / quoted-pair / comment
//! comment  = "(" *([FWS] ccontent) [FWS] ")"
//! CFWS     = (1*([FWS] comment) [FWS]) / FWS
//! obs-FWS  = 1*([CRLF] WSP)               ; §4.2 as erratum 1908 has it: a fold may come first, and before another
//! ```
//!
//! We also accept a comment that is never closed: it lasts to the end of the value. Nesting is counted, not recursed.

/// Whether a byte is white space once folding is taken away.
pub(crate) fn is_wsp(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Skips folding white space.
#[inline]
pub(crate) fn skip_fws(input: &[u8]) -> (&[u8], ()) {
    let blanks = input.iter().take_while(|b| is_wsp(**b)).count();
    (input.get(blanks..).unwrap_or_default(), ())
}

/// What follows a comment, and what stands in it.
type Comment<'a> = (&'a [u8], &'a [u8]);

/// The rest of a comment behind its `(`. One that is not closed, or not before a byte that ends it, is an error.
pub(super) fn comment_behind(
    inside: &[u8],
    ends: impl Fn(u8) -> bool,
) -> Result<Comment<'_>, Comment<'_>> {
    let special = |b: &u8| matches!(b, b'(' | b')' | b'\\') || ends(*b);
    let mut depth = 1_usize;
    let mut at = 0;
    let split = |at: usize, behind: usize| {
        let text = inside.get(..at).unwrap_or(inside);
        (inside.get(behind..).unwrap_or_default(), text)
    };
    loop {
        let rest = inside.get(at..).unwrap_or_default();
        at += rest.iter().position(special).unwrap_or(rest.len());
        match inside.get(at..) {
            Some([b'\\', _, ..]) => at += 2,
            Some([b'(', ..]) => {
                depth += 1;
                at += 1;
            }
            Some([b')', ..]) if depth == 1 => return Ok(split(at, at + 1)),
            Some([b')', ..]) => {
                depth -= 1;
                at += 1;
            }
            Some([b'\\']) => return Err(split(inside.len(), inside.len())),
            _ => return Err(split(at, at)),
        }
    }
}

/// Skips white space and comments.
#[inline(always)]
pub(crate) fn skip_cfws(input: &[u8]) -> (&[u8], ()) {
    skip_cfws_keeping(input, |_| {})
}

/// Skips white space and comments, and hands each comment to `keep`.
#[inline(always)]
pub(crate) fn skip_cfws_keeping<'a>(
    input: &'a [u8],
    mut keep: impl FnMut(&'a [u8]),
) -> (&'a [u8], ()) {
    let to_the_end = |inside| {
        let (after, text) = comment_behind(inside, |_| false).unwrap_or_else(|open| open);
        keep(text);
        Some(after)
    };
    (skip_cfws_by(input, to_the_end), ())
}

/// Skips white space and comments. `behind` gives what follows a comment, from behind its `(`, or nothing where there is none.
#[inline(always)]
pub(super) fn skip_cfws_by<'a>(
    input: &'a [u8],
    behind: impl FnMut(&'a [u8]) -> Option<&'a [u8]>,
) -> &'a [u8] {
    // Nothing, or one space, is what there is nearly always.
    let rest = input.strip_prefix(b" ").unwrap_or(input);
    match rest.first() {
        Some(b' ' | b'\t' | b'\r' | b'\n' | b'(') => skip_more_cfws_by(rest, behind),
        _ => rest,
    }
}

#[inline(never)]
fn skip_more_cfws_by<'a>(
    input: &'a [u8],
    mut behind: impl FnMut(&'a [u8]) -> Option<&'a [u8]>,
) -> &'a [u8] {
    let mut rest = skip_fws(input).0;
    while let [b'(', inside @ ..] = rest {
        let Some(after) = behind(inside) else {
            break;
        };
        rest = skip_fws(after).0;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Parsed;
    use nom::Parser;
    use nom::bytes::complete::tag;

    /// `comment`: gives what stands between the outer parentheses.
    fn comment(input: &[u8]) -> Parsed<'_, &[u8]> {
        let (inside, _) = tag(&b"("[..]).parse(input)?;
        Ok(comment_behind(inside, |_| false).unwrap_or_else(|open| open))
    }

    #[test]
    fn rfc5322_3_2_2_comments_nest() {
        assert_eq!(comment(b"(a (b) c) d"), Ok((&b" d"[..], &b"a (b) c"[..])));
        assert_eq!(comment(br"(a \) b)"), Ok((&b""[..], &br"a \) b"[..])));
        assert_eq!(skip_cfws(b" \r\n (a) (b)\tc").0, b"c");
    }

    #[test]
    fn an_open_comment_lasts_to_the_end() {
        let deep = [b'('; 100_000];
        assert_eq!(comment(&deep), Ok((&b""[..], &deep[1..])));
        assert_eq!(comment(b"(a\\"), Ok((&b""[..], &b"a\\"[..])));
    }

    #[test]
    fn an_open_comment_may_end_before() {
        let read = |inside| comment_behind(inside, |b| b == b',');
        assert_eq!(read(b"a (b) c) d"), Ok((&b" d"[..], &b"a (b) c"[..])));
        assert_eq!(read(b"a (b, c) d)"), Err((&b", c) d)"[..], &b"a (b"[..])));
        assert_eq!(read(b"a \\, \\) b"), Err((&b""[..], &b"a \\, \\) b"[..])));
        assert_eq!(read(b"a\\"), Err((&b""[..], &b"a\\"[..])));
    }

    #[test]
    fn rfc5322_4_2_erratum_1908_folds_may_come_first_and_in_a_row() {
        assert_eq!(skip_cfws(b"\r\n \r\n\t\r\n (a\r\n \r\n b)\r\n x").0, b"x");
    }
}
