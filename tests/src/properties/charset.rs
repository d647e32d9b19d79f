use super::choices::Choices;
use super::naive;
use encoding_rs::{Encoding, ISO_2022_JP, WINDOWS_1252};
use postrider_mime::{DefectKind, Message};
use std::sync::Once;

/// The first line is a charset, the rest a body in it.
///
/// * The text is what a naive reading gives: of UTF-8, UTF-16 and US-ASCII the one here, of every other charset of the WHATWG Encoding
///   Standard what encoding_rs makes of it by itself, in ISO-2022-JP without escape sequences that say nothing.
/// * A long text in a charset of single octets is read as a short one; in a code page of DOS every octet is a character.
/// * A text that every charset of Unicode can hold comes back from each of them.
/// * Quotes, commas and semicolons around a label change nothing.
/// * In ISO-2022-JP an escape sequence that is written twice says no more than one.
/// * A charset that nobody knows is said to be so, and nothing is lost that is UTF-8.
pub fn charset(input: &[u8]) {
    static LOOKED_AT: Once = Once::new();
    LOOKED_AT.call_once(charsets_of_the_feature_are_known);
    let mut choices = Choices::new(input);
    let label = String::from_utf8_lossy(choices.line()).replace(['"', '\\', '\r'], "");
    let octets = choices.rest();
    let text = read(&label, octets);
    assert_eq!(read(&format!("',{label} ;"), octets), text, "{label}");
    if let Some(expected) = naive_text(&label, octets) {
        assert_eq!(text, expected, "{label}");
    }
    let (guessed, defect) = told("x-nobody", octets);
    assert_eq!(defect, Some(DefectKind::UnknownCharset));
    assert_eq!(Some(guessed), naive_text("", octets));
    if Encoding::for_bom(octets).is_none() {
        is_read_by_octets(&label, octets, &text);
        let doubled = doubled(octets);
        assert_eq!(read("iso-2022-jp", &doubled), read("iso-2022-jp", octets));
    }
    comes_back(&String::from_utf8_lossy(octets).replace(['\u{FEFF}', '\u{FFFE}'], ""));
}

/// What is fuzzed has to be what ships: these are read with the feature `charsets` of postrider-mime only.
fn charsets_of_the_feature_are_known() {
    for (label, octets, text) in [
        ("iso-2022-jp", &b"\x1B$B$3\x1B(B"[..], "こ"),
        ("windows-1251", b"\xCF\xF0\xE8", "При"),
        ("cp437", b"\x87\xE1", "çß"),
    ] {
        assert_eq!(read(label, octets), text, "{label} without `charsets`");
    }
}

/// The text as anybody would read it; `None` where only mail calls a charset so. A byte order mark says more than the label.
fn naive_text(label: &str, octets: &[u8]) -> Option<String> {
    let (label, octets) = match Encoding::for_bom(octets) {
        Some((encoding, mark)) => (encoding.name(), &octets[mark..]),
        None => (label, octets),
    };
    let label = label.to_ascii_lowercase();
    Some(match &*label {
        "utf-8" => String::from_utf8_lossy(octets).into_owned(),
        "utf-16" | "utf-16le" => utf_16(octets, u16::from_le_bytes),
        "utf-16be" => utf_16(octets, u16::from_be_bytes),
        "" | "us-ascii" | "ascii" | "ansi_x3.4-1968" => match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => by_the_standard(WINDOWS_1252, octets),
        },
        _ => by_the_standard(standard(&label)?, octets),
    })
}

/// What the WHATWG Encoding Standard calls so.
fn standard(label: &str) -> Option<&'static Encoding> {
    let plain = label.bytes().all(|octet| octet.is_ascii_graphic());
    Encoding::for_label_no_replacement(label.as_bytes()).filter(|_| plain)
}

fn by_the_standard(encoding: &'static Encoding, octets: &[u8]) -> String {
    let octets = match encoding == ISO_2022_JP {
        true => without_idle_escapes(octets),
        false => octets.to_vec(),
    };
    let (text, _) = encoding.decode_without_bom_handling(&octets);
    text.into_owned()
}

fn utf_16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let pairs = octets.chunks_exact(2);
    let left_over = pairs.remainder().len();
    let units: Vec<u16> = pairs.map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units) + &"\u{FFFD}".repeat(left_over)
}

/// So many octets are read in another way than fewer.
const MANY: usize = 4096;

fn is_read_by_octets(label: &str, octets: &[u8], text: &str) {
    if standard(label).is_some_and(Encoding::is_single_byte) && !octets.is_empty() {
        let times = MANY.div_ceil(octets.len());
        let long = read(label, &octets.repeat(times));
        assert!(long == text.repeat(times), "{label}, {times} times");
    }
    let page = read("cp437", octets);
    assert_eq!(page.chars().count(), octets.len());
    for (character, octet) in page.chars().zip(octets) {
        assert_eq!(character.is_ascii(), octet.is_ascii(), "{page:?}");
        assert!(!octet.is_ascii() || character == char::from(*octet));
    }
}

const ESCAPES: [&[u8]; 5] = [b"\x1B(B", b"\x1B(J", b"\x1B(I", b"\x1B$@", b"\x1B$B"];

/// The escape sequence of ISO-2022-JP that stands there.
fn escape_at(octets: &[u8], at: usize) -> Option<&'static [u8]> {
    let rest = octets.get(at..)?;
    ESCAPES.into_iter().find(|escape| rest.starts_with(escape))
}

/// The same octets without the escape sequences that another one directly follows.
fn without_idle_escapes(octets: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        if escape_at(octets, at).is_some() && escape_at(octets, at + 3).is_some() {
            at += 3;
        } else {
            out.push(octets[at]);
            at += 1;
        }
    }
    out
}

/// The same octets with each escape sequence of ISO-2022-JP twice.
fn doubled(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, octet) in octets.iter().enumerate() {
        out.extend_from_slice(escape_at(octets, at).unwrap_or_default());
        out.push(*octet);
    }
    out
}

/// A text without byte order marks, in each charset of Unicode that we read ourselves, and where nobody knows the charset.
fn comes_back(sample: &str) {
    let units = |octets: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = sample.encode_utf16();
        units.flat_map(octets).collect()
    };
    let utf_7 = utf_7(&units(u16::to_be_bytes));
    for (label, octets) in [
        ("utf-8", sample.as_bytes()),
        ("utf-16be", &units(u16::to_be_bytes)),
        ("utf-16le", &units(u16::to_le_bytes)),
        ("utf-7", &utf_7),
        ("no-such-charset", sample.as_bytes()),
    ] {
        // Characters of one charset may look like a byte order mark of another.
        if Encoding::for_bom(octets).is_none() {
            assert_eq!(read(label, octets), sample, "{label}");
        }
    }
}

/// UTF-7 of units of UTF-16, all of them in base64 without padding (RFC 2152).
fn utf_7(units: &[u8]) -> Vec<u8> {
    if units.is_empty() {
        return Vec::new();
    }
    let mut text = b"+".to_vec();
    text.extend(
        naive::base64(units, 76)
            .iter()
            .filter(|c| !b"=\r\n".contains(c)),
    );
    text.push(b'-');
    text
}

/// The text of a body.
fn read(label: &str, octets: &[u8]) -> String {
    told(label, octets).0
}

/// The text of a body and what was wrong with it, looked at twice: borrowed from the mail, and behind a transfer encoding.
fn told(label: &str, octets: &[u8]) -> (String, Option<DefectKind>) {
    let header = format!("Content-Type: text/plain; charset=\"{label}\"\r\n");
    let plain = [
        header.as_bytes(),
        b"Content-Transfer-Encoding: binary\r\n\r\n",
        octets,
    ]
    .concat();
    let encoded = naive::base64(octets, 76);
    let behind = [
        header.as_bytes(),
        b"Content-Transfer-Encoding: base64\r\n\r\n",
        &encoded,
    ]
    .concat();
    let (plain, behind) = (Message::parse(&plain), Message::parse(&behind));
    let (plain, behind) = (plain.root().text(), behind.root().text());
    assert_eq!(plain, behind, "{label}");
    (plain.text.into_owned(), plain.defect)
}

#[cfg(test)]
mod tests {
    #[test]
    fn iso_2022_jp_windows_1251_and_a_code_page_of_dos_are_known_in_what_is_fuzzed() {
        super::charsets_of_the_feature_are_known();
    }
}
