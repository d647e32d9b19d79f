use super::naive;
use postrider_smtp::transparency::Transparency;

/// The input is a message; its first octet says into what chunks it is cut.
///
/// * What goes over the wire has `CRLF . CRLF` exactly once, at its end, and no CR or LF alone (RFC 5321 §4.5.2).
/// * The server, taking the dots away again, has the message with its line ends made CRLF.
/// * How the message is cut never matters.
pub fn smtp_body(input: &[u8]) {
    let (&cut, message) = input.split_first().unwrap_or((&0, &[]));
    let wire = encoded(message, message.len().max(1));
    assert_eq!(
        wire,
        encoded(message, usize::from(cut % 16) + 1),
        "the chunks matter"
    );
    let seen = [b"\r\n", &wire[..]].concat();
    assert_eq!(naive::occurrences(&seen, b"\r\n.\r\n"), 1);
    assert!(seen.ends_with(b"\r\n.\r\n"));
    let pairs = naive::occurrences(&wire, b"\r\n");
    assert_eq!(naive::occurrences(&wire, b"\r"), pairs, "a CR alone");
    assert_eq!(naive::occurrences(&wire, b"\n"), pairs, "an LF alone");
    let mut rest = &wire[..];
    let arrived = naive::dotted(&mut rest, b"\r\n");
    assert_eq!(arrived.as_deref(), Some(&naive::normalised(message)[..]));
    assert!(rest.is_empty());
}

fn encoded(message: &[u8], size: usize) -> Vec<u8> {
    let mut encoder = Transparency::new();
    let mut wire = Vec::new();
    for chunk in message.chunks(size) {
        encoder
            .encode(chunk)
            .for_each(|slice| wire.extend_from_slice(slice));
    }
    wire.extend_from_slice(encoder.end());
    wire
}
