use super::choices::Choices;
use super::naive;
use postrider_mime::Message;

/// The first line decides: `a` base64, `b` quoted-printable, `c` uuencode, `d` yEnc. The rest is content, and a body.
///
/// * Content that a naive twin encoded, in lines of any length, is read back equal and without a defect.
/// * A body that anybody wrote is read as a naive twin reads it (base64, quoted-printable, uuencode).
/// * The length that is told, and what is appended to other octets, are those of the content.
pub fn transfer_decode(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut decisions = Choices::new(choices.line());
    let kind = decisions.number() % 4;
    let octets = choices.rest();
    let width = decisions.number() % 100 + 1;
    let name = ["base64", "quoted-printable", "x-uuencode", "x-yenc"][kind];
    let encoded = match kind {
        0 => naive::base64(octets, width),
        1 => naive::quoted_printable(octets, width),
        2 => naive::uuencode(octets, width % 45 + 1),
        _ => naive::y_enc(octets, width),
    };
    let (content, defective) = content(name, &encoded);
    assert_eq!(content, octets, "{name}: {}", encoded.escape_ascii());
    assert!(!defective, "{name}: {}", encoded.escape_ascii());
    let (read, _) = self::content(name, octets);
    match kind {
        0 => assert_eq!(read, naive::from_base64(octets)),
        1 => assert_eq!(read, naive::from_quoted_printable(octets)),
        2 => assert_eq!(read, naive::from_uuencode(octets)),
        _ => assert!(read.len() <= octets.len()),
    }
}

/// The content of a body, and whether something was wrong with it.
fn content(encoding: &str, body: &[u8]) -> (Vec<u8>, bool) {
    let header = format!("Content-Transfer-Encoding: {encoding}\r\n\r\n");
    let mail = [header.as_bytes(), body].concat();
    let message = Message::parse(&mail);
    let part = message.root();
    let decoded = part.content();
    assert_eq!(part.decoded_len(), decoded.bytes.len());
    let mut appended = b"before".to_vec();
    assert_eq!(part.decode_into(&mut appended), decoded.defect);
    assert_eq!(appended.strip_prefix(b"before"), Some(&*decoded.bytes));
    (decoded.bytes.into_owned(), decoded.defect.is_some())
}
