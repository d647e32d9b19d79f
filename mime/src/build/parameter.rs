//! Writing parameters: as tokens, quoted strings, or in sections with a charset (RFC 2045 §5.1, RFC 2231).

use std::borrow::Cow;

use super::fold::Field;
use super::words::{push_hex, quoted};
use crate::grammar::parameters::{ContentValue, is_tspecial};
use crate::value_error::ValueError;

/// A value longer than this is split into sections.
const LONG: usize = 60;
/// The characters of one section.
const SECTION: usize = 54;

/// Writes `; name=value`.
pub(crate) fn parameter(field: &mut Field<'_>, name: &str, value: &str) {
    field.glue(";");
    let ascii = value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let plain = ascii
        && !value.contains("=?")
        && value.trim_ascii().len() == value.len()
        && !value.is_empty();
    match value {
        _ if !plain || value.len() > LONG => sections(field, name, value),
        _ if value.bytes().all(is_token) => field.piece(&format!("{name}={value}")),
        _ => field.piece(&format!("{name}={}", quoted(value))),
    }
}

/// Whether a byte may stand in a token (RFC 2045 §5.1).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !is_tspecial(byte)
}

/// Whether a byte stands for itself in an extended value (RFC 2231 §7, `attribute-char`).
fn is_attribute_char(byte: u8) -> bool {
    is_token(byte) && !b"*'%".contains(&byte)
}

/// `name*=utf-8''…`, or `name*0*=…; name*1*=…` where it is long. No character is split over two sections.
fn sections(field: &mut Field<'_>, name: &str, value: &str) {
    let mut pieces = vec![String::from("utf-8''")];
    for c in value.chars() {
        let mut encoded = String::new();
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            if is_attribute_char(byte) {
                encoded.push(char::from(byte));
            } else {
                push_hex(&mut encoded, '%', byte);
            }
        }
        match pieces.last_mut() {
            Some(piece) if piece.len() + encoded.len() <= SECTION => piece.push_str(&encoded),
            _ => pieces.push(encoded),
        }
    }
    if let [piece] = pieces.as_slice() {
        return field.piece(&format!("{name}*={piece}"));
    }
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            field.glue(";");
        }
        field.piece(&format!("{name}*{number}*={piece}"));
    }
}

/// `type/subtype` in lower case, and parameters.
pub(crate) type CheckedType<'a> = (String, Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Reads the type of an attachment; there must be nothing wrong with it. A multipart is none.
pub(crate) fn checked_content_type<'a>(text: &str) -> Result<CheckedType<'a>, ValueError> {
    if text.bytes().any(|b| b.is_ascii_control()) {
        return Err(ValueError::Control);
    }
    let value = ContentValue::parse(text.as_bytes(), 20);
    let token = |t: &[u8]| !t.is_empty() && t.len() <= 127 && t.iter().all(|b| is_token(*b));
    let sub = value.sub.unwrap_or_default();
    if !token(value.main)
        || !token(sub)
        || value.junk
        || value.main_is("multipart")
        || !value.parameters.all_defects().is_empty()
    {
        return Err(ValueError::ContentType);
    }
    let lower = |t: &[u8]| String::from_utf8_lossy(t).to_ascii_lowercase();
    let parameters = value.parameters.iter().map(|p| {
        let name = lower(p.name);
        if token(p.name) && name.len() <= 40 {
            Ok((name.into(), p.text().into_owned().into()))
        } else {
            Err(ValueError::ContentType)
        }
    });
    Ok((
        format!("{}/{}", lower(value.main), lower(sub)),
        parameters.collect::<Result<_, _>>()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        let mut field = Field::begin(&mut out, "X");
        field.piece("a");
        parameter(&mut field, "filename", value);
        field.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_simplest_form_is_chosen() {
        assert_eq!(written("a.txt"), "X: a; filename=a.txt\r\n");
        assert_eq!(
            written("my \"a\".txt"),
            "X: a; filename=\"my \\\"a\\\".txt\"\r\n"
        );
        assert_eq!(written("é.txt"), "X: a; filename*=utf-8''%C3%A9.txt\r\n");
    }

    #[test]
    fn every_value_reads_back_equal_in_lines_of_78() {
        for value in [
            "",
            " a ",
            "=?utf-8?Q?x?=",
            "a'b%c*d",
            &"é".repeat(300),
            &"long name ".repeat(30),
            "\\",
        ] {
            let out = written(value);
            assert!(out.split("\r\n").all(|l| l.len() <= 78), "{out}");
            let raw = out
                .strip_prefix("X:")
                .and_then(|o| o.strip_suffix("\r\n"))
                .unwrap();
            assert_eq!(
                ContentValue::parse(raw.as_bytes(), 1000)
                    .parameters
                    .get("filename")
                    .as_deref(),
                Some(value)
            );
        }
    }

    #[test]
    fn rfc2231_4_what_readers_of_plain_values_change_is_encoded() {
        for (value, encoded) in [
            ("", ""),
            (" a ", "%20a%20"),
            ("=?x?", "%3D%3Fx%3F"),
            ("a\tb", "a%09b"),
            ("\u{e9}'*%", "%C3%A9%27%2A%25"),
        ] {
            let expected = format!("X: a; filename*=utf-8''{encoded}\r\n");
            assert_eq!(written(value), expected);
        }
    }

    #[test]
    fn rfc2231_3_a_value_of_more_than_60_is_in_numbered_sections_of_54() {
        let x = |length| "x".repeat(length);
        assert_eq!(written(&x(60)), format!("X: a; filename={}\r\n", x(60)));
        assert_eq!(
            written(&x(61)),
            format!(
                "X: a; filename*0*=utf-8''{};\r\n filename*1*={}\r\n",
                x(47),
                x(14)
            )
        );
    }

    #[test]
    fn rfc2045_5_1_a_type_is_two_tokens_and_parameters_without_a_flaw() {
        let x = |length| "x".repeat(length);
        let parameters = vec![("charset".into(), "utf-8".into())];
        assert_eq!(
            checked_content_type("TEXT/Plain; Charset=utf-8"),
            Ok(("text/plain".to_owned(), parameters))
        );
        for longest in [
            format!("{}/{}", x(127), x(127)),
            format!("a/b; {}=1", x(40)),
        ] {
            assert!(checked_content_type(&longest).is_ok(), "{longest}");
        }
        for text in [
            "",
            "text",
            "/plain",
            "text/",
            "text/plain, a=1",
            "text/plain; a=1; a=2",
            "multipart/mixed",
            &format!("{}/plain", x(128)),
            &format!("text/{}", x(128)),
            &format!("a/b; {}=1", x(41)),
        ] {
            let refused = checked_content_type(text);
            assert_eq!(refused, Err(ValueError::ContentType), "{text}");
        }
    }
}
