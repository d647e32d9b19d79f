//! File names that are safe to save under (RFC 2183 §2.3).

use crate::content::ContentType;

/// Names have at most this many bytes; common file systems allow 255.
const MAX: usize = 200;

/// Names that Windows keeps for devices, whatever extension they have.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Makes a name safe: no directory, drive or stream, no control, no character that some file system reserves, no dot or space at
/// the ends, no device, nothing that a program could take for an option. A name of which nothing is left is made up from the type
/// and `number`. What a shell reserves stays: it occurs in names, and names in a command have to be quoted anyway.
pub(crate) fn safe(name: Option<&str>, content_type: &ContentType<'_>, number: u32) -> String {
    let name = name.unwrap_or_default();
    let base = name
        .rsplit(['/', '\\'])
        .find(|piece| !piece.trim_matches(is_trimmed).is_empty())
        .unwrap_or_default();
    let clean: String = base
        .chars()
        .map(|c| if is_reserved(c) { '_' } else { c })
        .collect();
    let clean = shorten(clean.trim_matches(is_trimmed));
    let clean = clean.trim_matches(is_trimmed);
    if clean.is_empty() || clean.chars().all(|c| c == '_') {
        return format!("part-{number}.{}", extension(content_type));
    }
    if is_device(clean) || clean.starts_with('-') {
        format!("_{clean}")
    } else {
        clean.to_owned()
    }
}

fn is_trimmed(c: char) -> bool {
    c.is_whitespace() || c == '.'
}

/// Controls, what some file system reserves, and characters that hide or turn text or look like a slash.
fn is_reserved(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' | '\u{FFFD}'
        )
        || matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
        || matches!(
            c,
            '\u{2044}' | '\u{2215}' | '\u{29F8}' | '\u{FF0F}' | '\u{FF3C}' | '\u{FF1A}'
        )
}

fn is_device(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_lowercase();
    let is_number = |n: &str| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit());
    let numbered = |kind| {
        stem.strip_prefix(kind)
            .is_some_and(|n: &str| is_number(n) || matches!(n, "¹" | "²" | "³"))
    };
    DEVICES.contains(&&*stem) || numbered("com") || numbered("lpt")
}

/// Cuts a long name, keeping its extension.
fn shorten(name: &str) -> String {
    if name.len() <= MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let mut end = MAX - extension.len();
    while !stem.is_char_boundary(end.min(stem.len())) {
        end -= 1;
    }
    stem.get(..end.min(stem.len()))
        .unwrap_or_default()
        .to_owned()
        + &extension
}

fn extension(content_type: &ContentType<'_>) -> &'static str {
    match (content_type.main(), content_type.sub()) {
        ("text", "plain") => "txt",
        ("text", "html") => "html",
        ("text", "calendar") => "ics",
        ("message", _) => "eml",
        ("image", "jpeg") => "jpg",
        ("image", "png") => "png",
        ("image", "gif") => "gif",
        ("application", "pdf") => "pdf",
        ("application", "zip") => "zip",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> String {
        safe(Some(name), &ContentType::plain("application", "pdf"), 7)
    }

    #[test]
    fn rfc2183_2_3_no_directory_is_left() {
        assert_eq!(name("../../etc/passwd"), "passwd");
        assert_eq!(name("C:\\temp\\a.txt"), "a.txt");
        assert_eq!(name("C:evil.exe"), "C_evil.exe");
        assert_eq!(name("a/.."), "a");
        assert_eq!(name("..／..／x"), "_.._x");
    }

    #[test]
    fn nothing_hidden_or_reserved_is_left() {
        assert_eq!(name("a\tb\u{7}.txt"), "a_b_.txt");
        assert_eq!(name("a\r\nSet-Cookie:x"), "a__Set-Cookie_x");
        assert_eq!(name("ann\u{202E}fdp.exe"), "ann_fdp.exe");
        assert_eq!(name("report.pdf. . "), "report.pdf");
        assert_eq!(name("nul.txt"), "_nul.txt");
        assert_eq!(name("COM1"), "_COM1");
        assert_eq!(name("com³.tar.gz"), "_com³.tar.gz");
        assert_eq!(name("LPT¹"), "_LPT¹");
        assert_eq!(name("COM¹²"), "COM¹²");
        assert_eq!(name("-rf"), "_-rf");
        assert_eq!(name("../-rf"), "_-rf");
        assert_eq!(name("common.txt"), "common.txt");
    }

    #[test]
    fn no_character_that_turns_text_is_left() {
        // All that have the property Bidi_Control (UAX #9 §2).
        let marks = ['\u{061C}', '\u{200E}', '\u{200F}'];
        let turning = marks
            .into_iter()
            .chain('\u{202A}'..='\u{202E}')
            .chain('\u{2066}'..='\u{2069}');
        for c in turning {
            assert_eq!(name(&format!("ann{c}fdp.exe")), "ann_fdp.exe", "{c:?}");
            assert_eq!(name(&format!("{c}.pdf")), "_.pdf", "{c:?}");
        }
    }

    #[test]
    fn no_name_is_made_up() {
        for text in ["", ".", "..", " / ", "???"] {
            assert_eq!(name(text), "part-7.pdf", "{text:?}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let long = name(&format!("{}.pdf", "é".repeat(500)));
        assert!(long.len() <= MAX && long.ends_with("é.pdf"));
        assert!(name(&"x".repeat(5000)).len() <= MAX);
    }
}
