use postrider_mime::Message;

/// The input is the value of a Content-Type field.
///
/// * It has a type and a subtype in lower case, `text/plain` where there is none.
/// * Each name of a parameter finds a value.
/// * Whatever its parameters say, in the form of a quoted string (RFC 2045 §5.1) it is read back equal.
/// * The first parameter of a name counts, and names are compared without case.
pub fn content_type(input: &[u8]) {
    let mail = [b"Content-Type: ", input, b"\r\n\r\n"].concat();
    let message = Message::parse(&mail);
    let read = message.root().content_type();
    let (main, sub) = (read.main().to_owned(), read.sub().to_owned());
    assert!(!main.is_empty() && !sub.is_empty());
    assert_eq!(read.essence(), read.essence().to_ascii_lowercase());
    assert!(read.is(&main.to_ascii_uppercase(), &sub));
    for name in read.parameters().names() {
        let value = read.parameter(&name);
        assert!(value.is_some(), "{name:?}");
        assert_eq!(value, read.parameter(&name.to_ascii_uppercase()), "{name}");
        let Some(value) = value.filter(|v| is_written_as_it_is(v) && is_token(&name)) else {
            continue;
        };
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let mail = format!("Content-Type: x/y; {name}=\"{quoted}\"\r\n\r\n");
        let again = Message::parse(mail.as_bytes()).into_owned();
        let again = again
            .root()
            .content_type()
            .parameter(&name)
            .map(String::from);
        assert_eq!(again.as_deref(), Some(&*value), "{mail}");
    }
}

/// Text that a quoted string holds without a second meaning: no encoded words, no white space that folding could change.
fn is_written_as_it_is(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, b' '..=b'~'))
        && !value.contains("=?")
        && !value.contains("  ")
        && value.trim() == value
}

/// Without the marks of RFC 2231, which give the value another meaning.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
