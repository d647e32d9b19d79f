//! The value of a parameter (RFC 2045 §5.1).
//!
//! ```text
//! value := token / quoted-string
//! ```
//!
//! What is no token and stands without quotes all the same lasts to the next `;`, with white space and parentheses, but not over a
//! fold: what stands behind that may be the next field, indented by accident. Only a file name goes on over folds, as its words and
//! encoded words are written so. Where a `;` is missing, the value lasts to white space that another `attribute=` follows; in a file
//! name, which may say that itself, only to a fold. What stands in parentheses is a comment where the value ends behind it. A
//! parenthesis that is never closed belongs to a file name, and to a word that it stands in; behind white space it ends the value.

use super::comments::Comments;
use super::ends_attribute;
use crate::grammar::cfws::{is_wsp, skip_fws};
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
pub(super) fn value<'a>(
    comments: &mut Comments,
    name: &[u8],
    input: &'a [u8],
) -> (&'a [u8], Value<'a>) {
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
    unquoted(comments, is_file_name(name), input)
}

fn is_file_name(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"filename") || name.eq_ignore_ascii_case(b"name")
}

fn unquoted<'a>(
    comments: &mut Comments,
    is_file_name: bool,
    input: &'a [u8],
) -> (&'a [u8], Value<'a>) {
    let mut rest = input;
    // What is left behind the last byte that belongs to the value.
    let mut behind = input;
    let mut regular = true;
    // Something stands behind that belongs to the value only if more of it follows.
    let mut odd = false;
    loop {
        match rest {
            [] | [b';', ..] => break,
            [b'(', inside @ ..] => match comments.behind(inside) {
                Some(after) if is_file_name || !is_folded(rest, after) => {
                    odd = true;
                    rest = after;
                }
                None if is_file_name || rest.len() == behind.len() => {
                    regular = false;
                    rest = inside;
                    behind = inside;
                }
                _ => break,
            },
            [byte, ..] if is_wsp(*byte) => {
                let after = skip_fws(rest).0;
                let folded = is_folded(rest, after);
                let ends = match (folded, is_file_name) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => begins_parameter(after),
                };
                if ends {
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

/// Whether a line ends before what is left `after` something.
fn is_folded(input: &[u8], after: &[u8]) -> bool {
    let before = input.get(..input.len() - after.len()).unwrap_or_default();
    memchr::memchr2(b'\r', b'\n', before).is_some()
}

/// Whether `attribute=` stands here.
fn begins_parameter(input: &[u8]) -> bool {
    let length = input.iter().take_while(|b| !ends_attribute(**b)).count();
    let rest = input.get(length..).unwrap_or_default();
    length > 0 && skip_fws(rest).0.first() == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use crate::Message;
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
    fn a_file_name_without_quotes_goes_on_over_a_fold() {
        for (written, read) in [
            ("=?utf-8?B?44GC?=\r\n =?utf-8?B?LnR4dA==?=", "あ.txt"),
            ("long\r\n  name.pdf", "long  name.pdf"),
            (
                "long\n\tname\n of a file.pdf \r\n ",
                "long\tname of a file.pdf",
            ),
            ("a\r\n =b", "a =b"),
            ("a\r\n b; c", "a b"),
            ("a (b\n c) d", "a (b c) d"),
        ] {
            for name in ["name", "filename", "FileName"] {
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
    fn any_other_value_without_quotes_ends_at_a_fold() {
        for (written, read, regular) in [
            ("abc\r\n Content-Transfer-Encoding: 7bit", "abc", false),
            ("windows-1251\r\n X-Mailer: foo\r\n", "windows-1251", false),
            ("a b \n\tc", "a b", false),
            ("a\n =b", "a", false),
            ("a (b)\n c", "a", false),
            ("a (b\n c) d", "a", false),
            ("a(b) c (d\n e) f", "a(b) c", false),
            ("\r\n abc", "abc", true),
            ("abc \r\n ", "abc", true),
            ("abc\n (comment)", "abc", true),
            ("abc (com\n ment)", "abc", true),
        ] {
            for name in ["boundary", "charset", "other", "other*1", "names"] {
                for after in ["", ";x=y", "\r\n ; x=y"] {
                    let value = format!("a/b; {name}={written}{after}");
                    let of_name = name.trim_end_matches("*1").to_owned();
                    let mut expected = vec![(of_name, read.to_owned())];
                    expected.extend((!after.is_empty()).then(|| ("x".into(), "y".into())));
                    assert_eq!(all(&value), expected, "{value}");
                    let told = parse(&value).all_defects();
                    let told = told.contains(&DefectKind::BadParameter);
                    assert_eq!(told, !regular, "{value}");
                }
            }
        }
    }

    #[test]
    fn a_field_that_is_indented_by_accident_hides_no_part() {
        let text = "Content-Type: multipart/mixed; boundary=abc\r\n Content-Transfer-Encoding: 7bit\r\n\r\n\
            --abc\r\n\r\none\r\n--abc--\r\n";
        let message = Message::parse(text.as_bytes());
        let bodies: Vec<_> = message.parts().skip(1).map(|p| p.raw_body()).collect();
        assert_eq!(bodies, [b"one"]);
        let told = message.root().content_type().defects();
        assert_eq!(told, [DefectKind::BadParameter]);
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
            ("report (1.pdf", "report (1.pdf", false),
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
            "(", "()", "a (", "\n ", "\n a", " a", " a=", "\n =", "(a)\n b ", "\n a\n ", "(\n) a=",
        ] {
            for name in ["other", "name"] {
                let value = format!("a/b; {name}={}", piece.repeat(300_000));
                assert!(parse(&value).iter().count() > 0);
            }
        }
    }
}
