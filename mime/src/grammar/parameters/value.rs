//! The value of a parameter (RFC 2045 §5.1).
//!
//! ```text
//! value := token / quoted-string
//! ```
//!
//! What is no token and stands without quotes all the same lasts to the next `;`, with white space, folds and parentheses: that is
//! how file names and encoded words are written. Where a `;` is missing, it lasts to white space that another `attribute=` follows;
//! in a file name, which may say that itself, only to a fold. What stands in parentheses is a comment where the value ends behind it.

use super::ends_attribute;
use crate::grammar::cfws::{comment, is_wsp, skip_fws};
use crate::grammar::word::quoted_string;

/// A value as it is written.
pub(super) struct Value<'a> {
    /// Without the quotes, but with quoted pairs and folds.
    pub(super) bytes: &'a [u8],
    pub(super) quoted: bool,
    /// It is closed, and lies on one line.
    pub(super) regular: bool,
}

/// Reads the value of the parameter of a name.
pub(super) fn value<'a>(name: &[u8], input: &'a [u8]) -> (&'a [u8], Value<'a>) {
    if let Ok((rest, bytes)) = quoted_string(input) {
        return (
            rest,
            Value {
                bytes,
                quoted: true,
                regular: true,
            },
        );
    }
    if let Some(open) = input.strip_prefix(b"\"") {
        let end = memchr::memchr2(b'\r', b'\n', open).unwrap_or(open.len());
        let (bytes, rest) = open.split_at(end);
        let bytes = bytes.trim_ascii_end();
        return (
            rest,
            Value {
                bytes,
                quoted: true,
                regular: false,
            },
        );
    }
    unquoted(is_file_name(name), input)
}

fn is_file_name(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"filename") || name.eq_ignore_ascii_case(b"name")
}

fn unquoted(is_file_name: bool, input: &[u8]) -> (&[u8], Value<'_>) {
    let mut rest = input;
    // What is left behind the last byte that belongs to the value.
    let mut behind = input;
    let mut regular = true;
    // Something stands behind that belongs to the value only if more of it follows.
    let mut odd = false;
    loop {
        match rest {
            [] | [b';', ..] => break,
            [b'(', ..] => {
                odd = true;
                rest = comment(rest).map_or(&[], |(after, _)| after);
            }
            [byte, ..] if is_wsp(*byte) => {
                let after = skip_fws(rest).0;
                let blanks = rest.get(..rest.len() - after.len()).unwrap_or_default();
                let folded = blanks.contains(&b'\n') || blanks.contains(&b'\r');
                if (folded || !is_file_name) && begins_parameter(after) {
                    break;
                }
                odd |= folded;
                rest = after;
            }
            [_, after @ ..] => {
                regular &= !odd;
                rest = after;
                behind = after;
            }
        }
    }
    let bytes = input.get(..input.len() - behind.len()).unwrap_or_default();
    (
        rest,
        Value {
            bytes,
            quoted: false,
            regular,
        },
    )
}

/// Whether `attribute=` stands here.
fn begins_parameter(input: &[u8]) -> bool {
    let length = input.iter().take_while(|b| !ends_attribute(**b)).count();
    let rest = input.get(length..).unwrap_or_default();
    length > 0 && skip_fws(rest).0.first() == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use crate::defect::DefectKind;
    use crate::grammar::parameters::{ContentValue, RawParameters};

    fn parse(value: &str) -> RawParameters<'_> {
        ContentValue::parse(value.as_bytes(), 100).parameters
    }

    fn all(value: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        parse(value)
            .iter()
            .map(|p| (text(p.name), p.text().into_owned()))
            .collect()
    }

    #[test]
    fn a_value_without_quotes_goes_on_over_a_fold() {
        for (written, read) in [
            ("=?utf-8?B?44GC?=\r\n =?utf-8?B?LnR4dA==?=", "あ.txt"),
            ("long\r\n  name.pdf", "long  name.pdf"),
            (
                "long\n\tname\n of a file.pdf \r\n ",
                "long\tname of a file.pdf",
            ),
            ("a\r\n =b", "a =b"),
            ("a\r\n b; c", "a b"),
        ] {
            for name in ["name", "filename", "FileName", "other"] {
                let value = format!("a/b; {name}={written}; x=y");
                assert_eq!(
                    all(&value)[0],
                    (name.to_owned(), read.to_owned()),
                    "{value}"
                );
            }
        }
        let value = "a/b; name*0=long\n file; name*1*=%41\n %42";
        assert_eq!(parse(value).get("name").as_deref(), Some("long fileA B"));
        assert_eq!(parse(value).all_defects(), [DefectKind::BadParameter]);
    }

    #[test]
    fn parentheses_are_a_comment_where_the_value_ends_behind_them() {
        for (written, read, regular) in [
            ("report (1).pdf", "report (1).pdf", false),
            ("report(1).pdf (new)", "report(1).pdf", false),
            ("report (a) (b).pdf", "report (a) (b).pdf", false),
            ("a(b)c", "a(b)c", false),
            ("report (1)", "report", true),
            ("report(1) (2)", "report", true),
            ("report (1) ", "report", true),
            ("(1) report", "report", true),
            ("report (1.pdf", "report", true),
        ] {
            let open = !written.contains(')');
            let written = format!("a/b; name={written}{}", if open { "" } else { "; x=y" });
            assert_eq!(all(&written)[0].1, read, "{written}");
            assert_eq!(
                parse(&written).all_defects().is_empty(),
                regular,
                "{written}"
            );
        }
        let boundary = parse("multipart/mixed; boundary=a(b)c").boundary();
        assert_eq!(boundary.as_deref(), Some(&b"a(b)c"[..]));
        let charset = parse("text/plain; charset=koi8-r (Russian)\n format=flowed").get("charset");
        assert_eq!(charset.as_deref(), Some("koi8-r"));
    }

    #[test]
    fn where_a_semicolon_is_missing_the_next_attribute_ends_a_value() {
        for (written, read) in [
            (
                "charset=koi8-r format=flowed",
                &[("charset", "koi8-r"), ("format", "flowed")][..],
            ),
            (
                "boundary=abc\n type = text/html",
                &[("boundary", "abc"), ("type", "text/html")],
            ),
            (
                "type=text/html boundary=\"b\"",
                &[("type", "text/html"), ("boundary", "b")],
            ),
            ("boundary=\"b\" type=x", &[("boundary", "b"), ("type", "x")]),
            ("name=a b=c.pdf", &[("name", "a b=c.pdf")]),
            (
                "name=a b.pdf\r\n size=3",
                &[("name", "a b.pdf"), ("size", "3")],
            ),
        ] {
            let value = format!("a/b; {written}");
            let expected: Vec<_> = read
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            assert_eq!(all(&value), expected, "{value}");
            let told = parse(&value).all_defects() == [DefectKind::BadParameter];
            assert_eq!(told, read.len() > 1, "{value}");
        }
        assert_eq!(
            all("multipart/mixed; boundary=a b"),
            [("boundary".to_owned(), "a b".to_owned())]
        );
    }

    #[test]
    fn values_without_quotes_take_linear_time() {
        for piece in [
            "(", "()", "a (", "\n ", "\n a", " a", " a=", "\n =", "(a)\n b ", "\n a\n ",
        ] {
            let value = format!("a/b; n={}", piece.repeat(300_000));
            assert!(parse(&value).iter().count() > 0);
        }
    }
}
