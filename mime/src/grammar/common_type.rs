//! The content types that most parts have (RFC 2045 §5), read at once.
//!
//! ```text
//! common-type = SP type "/" subtype [";"]
//! ```
//!
//! It is what [`parameters`](super::parameters) would read; what is written in another way is left to it.

use super::cfws::is_wsp;

/// The types that most parts have, as most mail writes them: what they are is known without reading them. With what
/// follows: the parameters.
#[inline(always)]
pub(crate) fn common_type(value: &[u8]) -> Option<(&'static str, &'static str, &[u8])> {
    macro_rules! one_of {
        ($($main:literal $sub:literal)*) => {
            match () {
                $(() if value.starts_with(concat!(" ", $main, "/", $sub).as_bytes()) => ($main, $sub),)*
                () => return None,
            }
        };
    }
    let (main, sub) = one_of! {
        "text" "plain"
        "text" "html"
        "multipart" "alternative"
        "multipart" "mixed"
        "image" "png"
        "image" "jpeg"
        "application" "pdf"
        "application" "octet-stream"
    };
    let rest = value.get(main.len() + sub.len() + 2..)?;
    matches!(rest.first(), None | Some(b';')).then_some((main, sub, rest))
}

/// The boundary, where it is the first parameter and a quoted string of one line, as in most mail.
pub(super) fn common_boundary(parameters: &[u8]) -> Option<&[u8]> {
    let rest = parameters.strip_prefix(b";")?;
    let blanks = rest.iter().take_while(|b| is_wsp(**b)).count();
    let open = rest.get(blanks..)?.strip_prefix(b"boundary=\"")?;
    let boundary = open.get(..memchr::memchr(b'"', open)?)?;
    let plain = boundary.iter().all(|b| !matches!(b, b'\\' | b'\r' | b'\n'));
    (plain && !boundary.trim_ascii().is_empty()).then_some(boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2045_5_1_the_types_that_most_parts_have_are_read_at_once() {
        for (value, expected) in [
            (" text/plain", Some(("text", "plain", ""))),
            (
                " text/plain; charset=x",
                Some(("text", "plain", "; charset=x")),
            ),
            (
                " multipart/mixed;\r\n boundary=b",
                Some(("multipart", "mixed", ";\r\n boundary=b")),
            ),
            (
                " application/octet-stream;",
                Some(("application", "octet-stream", ";")),
            ),
            ("text/plain", None),
            ("  text/plain", None),
            (" text/plainx", None),
            (" text/plain ;", None),
            (" Text/plain", None),
            (" text/calendar", None),
            ("", None),
        ] {
            let expected =
                expected.map(|(main, sub, rest): (_, _, &str)| (main, sub, rest.as_bytes()));
            assert_eq!(common_type(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn rfc2046_5_1_1_a_boundary_in_quotes_that_comes_first_is_read_at_once() {
        for (parameters, expected) in [
            (";boundary=\"b\"", Some("b")),
            ("; boundary=\"b c \"; x=y", Some("b c ")),
            (";\r\n\tboundary=\"b\"", Some("b")),
            (" ; boundary=\"b\"", None),
            ("; boundary=b", None),
            ("; Boundary=\"b\"", None),
            ("; x=y; boundary=\"b\"", None),
            ("; boundary=\"b", None),
            ("; boundary=\"\"", None),
            ("; boundary=\"  \"", None),
            ("; boundary=\"a\\b\"", None),
            ("; boundary=\"a\r\n b\"", None),
            ("; boundary=\"a\nb\"", None),
        ] {
            assert_eq!(
                common_boundary(parameters.as_bytes()),
                expected.map(str::as_bytes),
                "{parameters:?}"
            );
        }
    }
}
