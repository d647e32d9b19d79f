use super::choices::Choices;
use postrider_mime::Message;

/// The first line is a charset, the rest a body in it.
///
/// * The text is what a naive reading gives: UTF-8, US-ASCII and windows-1252 by the WHATWG Encoding Standard.
/// * A text that every charset of Unicode can hold comes back from each of them.
/// * Quotes, commas and semicolons around a label change nothing.
/// * In ISO-2022-JP an escape sequence that is written twice says no more than one.
/// * A charset that nobody knows is said to be so, and nothing is lost that is UTF-8.
pub fn charset(input: &[u8]) {
    let mut choices = Choices::new(input);
    let label = String::from_utf8_lossy(choices.line()).replace(['"', '\\', '\r'], "");
    let octets = choices.rest();
    let text = read(&label, octets);
    assert_eq!(read(&format!("',{label} ;"), octets), text, "{label}");
    let marked = octets.starts_with(b"\xEF\xBB\xBF")
        || octets.starts_with(b"\xFE\xFF")
        || octets.starts_with(b"\xFF\xFE");
    match label.to_ascii_lowercase().as_str() {
        _ if marked => {}
        "utf-8" => assert_eq!(text, String::from_utf8_lossy(octets)),
        "iso-8859-1" | "windows-1252" => {
            let naive = octets.iter().map(|b| match b {
                0x80..=0x9F => None,
                other => Some(char::from(*other)),
            });
            assert!(
                text.chars()
                    .zip(naive)
                    .all(|(c, n)| n.is_none_or(|n| n == c))
            );
            assert_eq!(text.chars().count(), octets.len());
        }
        "iso-2022-jp" => assert_eq!(read(&label, &doubled(octets)), text),
        _ => {}
    }
    let sample: String = String::from_utf8_lossy(octets).replace(['\u{FEFF}', '\u{FFFE}'], "");
    let units = |swap: bool| -> Vec<u8> {
        let pairs = sample.encode_utf16();
        pairs
            .flat_map(|u| {
                if swap {
                    u.to_le_bytes()
                } else {
                    u.to_be_bytes()
                }
            })
            .collect()
    };
    assert_eq!(read("utf-8", sample.as_bytes()), sample);
    assert_eq!(read("utf-16be", &units(false)), sample);
    assert_eq!(read("utf-16le", &units(true)), sample);
    assert_eq!(read("no-such-charset", sample.as_bytes()), sample);
}

/// The same octets with each escape sequence of ISO-2022-JP twice, where they are read as more than octets.
fn doubled(octets: &[u8]) -> Vec<u8> {
    const ESCAPES: [&[u8]; 5] = [b"\x1B(B", b"\x1B(J", b"\x1B(I", b"\x1B$@", b"\x1B$B"];
    if !read("iso-2022-jp", b"\x1B(B").is_empty() {
        return octets.to_vec();
    }
    let mut out = Vec::new();
    for (at, octet) in octets.iter().enumerate() {
        let escape = ESCAPES.iter().find(|e| octets[at..].starts_with(e));
        out.extend_from_slice(escape.copied().unwrap_or_default());
        out.push(*octet);
    }
    out
}

/// The text of a body, looked at twice: borrowed from the mail, and behind a transfer encoding.
fn read(label: &str, octets: &[u8]) -> String {
    let header = format!("Content-Type: text/plain; charset=\"{label}\"\r\n");
    let plain = [
        header.as_bytes(),
        b"Content-Transfer-Encoding: binary\r\n\r\n",
        octets,
    ]
    .concat();
    let encoded = super::naive::base64(octets, 76);
    let behind = [
        header.as_bytes(),
        b"Content-Transfer-Encoding: base64\r\n\r\n",
        &encoded,
    ]
    .concat();
    let (plain, behind) = (Message::parse(&plain), Message::parse(&behind));
    let (plain, behind) = (plain.root().text(), behind.root().text());
    assert_eq!(plain, behind, "{label}");
    plain.text.into_owned()
}
