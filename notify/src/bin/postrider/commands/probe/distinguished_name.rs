//! Who a certificate is for and who issued it, as RFC 4514 writes names: `CN=mail.example.org,O=Example`.

use super::der::{Der, dotted, tag};

/// The name, the most specific part first (RFC 4514 §2.1).
pub(super) fn read(name: Der<'_>) -> String {
    let sets = name.filter(|(kind, _)| *kind == tag::SET);
    let parts: Vec<String> = sets.map(|(_, set)| relative(Der::new(set))).collect();
    let parts: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
    parts.join(",")
}

/// RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
fn relative(set: Der<'_>) -> String {
    let parts: Vec<String> = set
        .filter_map(|(_, pair)| attribute(Der::new(pair)))
        .collect();
    parts.join("+")
}

fn attribute(mut pair: Der<'_>) -> Option<String> {
    let oid = pair.value(tag::OID)?;
    let (kind, value) = pair.next()?;
    let value = match text(kind, value) {
        Some(text) => escape(&text),
        // RFC 4514 §2.4: what is no text is shown in hex.
        None => {
            let hex = value.iter().map(|octet| format!("{octet:02x}"));
            format!("#{}", hex.collect::<String>())
        }
    };
    Some(format!("{}={value}", keyword(oid)))
}

/// A DirectoryString or IA5String (RFC 5280 §4.1.2.4).
fn text(kind: u8, value: &[u8]) -> Option<String> {
    match kind {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => {
            String::from_utf8(value.to_vec()).ok()
        }
        // Issuers write ISO-8859-1 into it, whatever T.61 says.
        tag::TELETEX_STRING => Some(value.iter().copied().map(char::from).collect()),
        tag::BMP_STRING => {
            let units = value.chunks_exact(2);
            let units = units.map(|pair| pair.iter().fold(0, |unit, o| unit << 8 | u16::from(*o)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

/// RFC 4514 §3, and emailAddress and serialNumber, which are common in certificates.
fn keyword(oid: &[u8]) -> String {
    let keyword = match oid {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x05] => "serialNumber",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x09] => "STREET",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "emailAddress",
        _ => return dotted(oid),
    };
    keyword.to_owned()
}

/// RFC 4514 §2.4: what would be read as part of the name's own syntax has a backslash.
fn escape(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::new();
    for (i, c) in text.chars().enumerate() {
        let at_an_end = (c == ' ' && (i == 0 || i == last)) || (c == '#' && i == 0);
        if at_an_end || matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name ::= SEQUENCE OF SET OF SEQUENCE { type, value }, its parts as hex after the type 2.5.4.x.
    fn name(parts: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let value = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let part = |&(attribute, kind, text): &(u8, u8, &[u8])| {
            let pair = [value(tag::OID, &[0x55, 0x04, attribute]), value(kind, text)].concat();
            value(tag::SET, &value(tag::SEQUENCE, &pair))
        };
        parts.iter().flat_map(part).collect()
    }

    #[test]
    fn rfc4514_2_1_the_last_part_comes_first() {
        let name = name(&[
            (0x06, tag::PRINTABLE_STRING, b"DE"),
            (0x0a, tag::UTF8_STRING, "Käse GmbH".as_bytes()),
            (0x03, tag::TELETEX_STRING, b"M\xfcnchen"),
            (0x03, tag::BMP_STRING, &[0x26, 0x3a]),
            (0x63, tag::BMP_STRING, &[0xd8, 0x00]),
        ]);
        let read = read(Der::new(&name));
        assert_eq!(read, "2.5.4.99=#d800,CN=☺,CN=München,O=Käse GmbH,C=DE");
    }

    #[test]
    fn rfc4514_2_4_what_looks_like_syntax_is_escaped() {
        let name = name(&[
            (0x03, tag::UTF8_STRING, b"#a,CN=b+c "),
            (0x0a, tag::UTF8_STRING, b""),
        ]);
        assert_eq!(read(Der::new(&name)), r"O=,CN=\#a\,CN=b\+c\ ");
    }
}
