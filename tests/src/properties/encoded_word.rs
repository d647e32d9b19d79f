use super::choices::Choices;
use encoding_rs::GB18030;
use postrider_mime::Message;

/// The first line decides, the rest is a text.
///
/// * A text written in encoded words, cut between any two characters, in either encoding, in upper or lower case, in UTF-8 or
///   GB18030, is read back equal (RFC 2047); also where a word names a charset that nobody knows, for it is UTF-8, and where a question
///   mark stands in one as it is.
/// * The same octets as a header field as they are, are read as a text without CR, LF and NUL.
pub fn encoded_word(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut decisions = Choices::new(choices.line());
    let raw = choices.rest();
    let text: String = String::from_utf8_lossy(raw)
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    let mail = format!("Subject: {}\r\n\r\n", written(&text, &mut decisions));
    let read = Message::parse(mail.as_bytes()).subject().map(String::from);
    assert_eq!(read.as_deref(), Some(&*text), "{mail}");

    let mail = [b"Subject: ", raw, b"\r\n\r\n"].concat();
    if let Some(read) = Message::parse(&mail).subject() {
        assert!(!read.contains(['\r', '\n', '\0']), "{read:?}");
    }
}

/// Encoded words of at most 75 characters, each of whole characters, as RFC 2047 §5 demands.
fn written(text: &str, decisions: &mut Choices<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let wanted = decisions.number() % 12 + 1;
        let cut = rest
            .char_indices()
            .nth(wanted)
            .map_or(rest.len(), |(at, _)| at);
        let mut end = cut.min(15);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        words.push(match decisions.number() % 8 {
            0 => format!("=?utf-8?q?{}?=", q(piece)),
            1 => format!("=?UTF-8?Q?{}?=", q(piece)),
            2 => format!("=?utf-8?b?{}?=", b64(piece.as_bytes())),
            3 => format!("=?unknown-8bit?q?{}?=", q(piece)),
            4 => format!("=?Unknown-8bit?B?{}?=", b64(piece.as_bytes())),
            5 => format!("=?utf-8?Q?{}?=", q_with_marks(piece)),
            6 => format!("=?UTF-8*en?B?{}?=", b64(piece.as_bytes())),
            _ => match gb18030(piece) {
                Some(octets) => format!("=?GB18030?B?{}?=", b64(&octets)),
                None => format!("=?utf-8?B?{}?=", b64(piece.as_bytes())),
            },
        });
    }
    let separators = [" ", "\r\n ", "  ", "\r\n\t"];
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line += separators[decisions.number() % separators.len()];
        }
        line += &word;
    }
    line
}

/// A text in GB18030, which has all of Unicode but for some characters of private use.
fn gb18030(text: &str) -> Option<Vec<u8>> {
    let (octets, _, lacks_some) = GB18030.encode(text);
    let (same, _) = GB18030.decode_without_bom_handling(&octets);
    (!lacks_some && same == text).then(|| octets.to_vec())
}

fn q(text: &str) -> String {
    text.bytes().map(q_octet).collect()
}

/// With question marks as they are, but for those that a `=` follows: they would look like the end of the word.
fn q_with_marks(text: &str) -> String {
    text.bytes().rev().fold(String::new(), |after, octet| {
        let as_it_is = octet == b'?' && !after.starts_with('=');
        let octet = if as_it_is { "?".into() } else { q_octet(octet) };
        octet + &after
    })
}

fn q_octet(octet: u8) -> String {
    match octet {
        b' ' => "_".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(octet).to_string(),
        other => format!("={other:02X}"),
    }
}

fn b64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in octets.chunks(3) {
        let bits = group
            .iter()
            .fold(0_usize, |bits, octet| bits << 8 | usize::from(*octet));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[bits >> (18 - 6 * place) & 63];
            out.push(if place <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}
