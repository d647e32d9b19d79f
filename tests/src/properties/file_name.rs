/// A name that can be saved under on any system, and shows what it is (RFC 2183 §2.3): no separator, drive or stream, no control, no
/// device, nothing that turns text, hides a file or could be an option, and not too long.
pub(super) fn is_safe_file_name(name: &str) {
    assert!((1..=255).contains(&name.len()), "{name:?}");
    assert!(!name.starts_with(['.', '-']), "{name:?}");
    assert!(!name.ends_with('.') && name.trim() == name, "{name:?}");
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c) || turns_text(c);
    assert!(!name.contains(forbidden), "{name:?}");
    let stem = name.split('.').next().unwrap_or_default();
    assert!(
        !is_device(&stem.trim_end().to_ascii_lowercase()),
        "{name:?}"
    );
}

/// What has the property Bidi_Control (UAX #9 §2).
fn turns_text(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// What Windows keeps for devices.
fn is_device(stem: &str) -> bool {
    let numbered = ["com", "lpt"].iter().any(|kind| {
        let number = stem.strip_prefix(*kind);
        number.is_some_and(|n| n.chars().count() == 1 && n.contains(is_number))
    });
    numbered || ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&stem)
}

fn is_number(c: char) -> bool {
    c.is_ascii_digit() || "¹²³".contains(c)
}
