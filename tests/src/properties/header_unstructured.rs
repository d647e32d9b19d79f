use super::choices::Choices;
use postrider_mime::{HeaderField, Message};

/// The first line decides where the field is folded, the rest is its value.
///
/// * A line break before any white space changes nothing (RFC 5322 §2.2.3): the text is that of the one line.
/// * Text in ASCII without encoded words is itself, without the white space at its ends.
/// * Neither CR, LF nor NUL comes out, and the field lies whole in the mail.
pub fn header_unstructured(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut decisions = Choices::new(choices.line());
    let raw = choices.rest();
    let line: Vec<u8> = raw
        .iter()
        .copied()
        .filter(|b| !b"\r\n".contains(b))
        .collect();
    let mut folded = Vec::new();
    for (at, octet) in line.iter().enumerate() {
        // A line of nothing but white space would end the header for some readers.
        let white = |b: &u8| b" \t".contains(b);
        let behind = line.get(at + 1..).unwrap_or_default();
        let fold = white(octet) && !line[..at].iter().all(white) && !behind.iter().all(white);
        if fold && !line[..at].ends_with(b" ") && decisions.number() % 2 == 1 {
            folded.extend_from_slice(b"\r\n");
        }
        folded.push(*octet);
    }
    let text = text_of(&line);
    assert_eq!(text_of(&folded), text, "{}", folded.escape_ascii());
    let plain = line.iter().all(|b| matches!(b, b' '..=b'~')) && !text.contains("=?");
    if plain && !line.windows(2).any(|w| w == b"=?") {
        assert_eq!(text.as_bytes(), line.trim_ascii());
    }
    text_of(raw);
}

fn text_of(value: &[u8]) -> String {
    let mail = [b"Comments: ", value, b"\r\n\r\nbody\r\n"].concat();
    let message = Message::parse(&mail);
    let text = message.header("comments").map(|field: HeaderField<'_>| {
        let whole = mail.get(field.span());
        assert!(whole.is_some_and(|whole| whole.ends_with(field.raw())));
        field.text().into_owned()
    });
    let text = text.expect("the first field of a mail");
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
    text
}
