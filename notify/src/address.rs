//! Addresses as a record or a configuration holds them: exactly one, or none.
//!
//! This says whether a text is one plain address that a mail can be sent to. It takes fewer than RFC 5322 §3.4.1 has:
//! no comments, no folding, and no quoted local part, because in a field of a record those are mistakes or attacks.

/// True for one address: `ada@example.org`, `büro@bücher.example`.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    // RFC 5321 §4.5.3.1: 64 octets for the local part, 255 for the domain.
    let lengths = (1..=64).contains(&local.len()) && (1..=255).contains(&domain.len());
    lengths && is_dot_atom(local) && is_domain(domain)
}

/// True for a domain that may stand behind the `@`: labels of letters, digits and hyphens.
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: char| is_letter(c) || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 255 && text.split('.').all(label)
}

/// `Name <address>` or an address: the name, which may be empty, and the address.
pub fn with_name(text: &str) -> Option<(&str, &str)> {
    let (name, address) = match text.trim().strip_suffix('>') {
        Some(text) => text.rsplit_once('<')?,
        None => ("", text.trim()),
    };
    let name = name.trim();
    let quoted = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let name = quoted.unwrap_or(name);
    let plain = !name.contains(['<', '>', '"']) && !name.chars().any(char::is_control);
    (plain && is_address(address)).then_some((name, address))
}

fn is_dot_atom(text: &str) -> bool {
    let atom = |c: char| is_letter(c) || "!#$%&'*+-/=?^_`{|}~".contains(c);
    text.split('.')
        .all(|word| !word.is_empty() && word.chars().all(atom))
}

/// A letter or digit, also beyond ASCII (RFC 6531 §3.3), but no space, sign or control character there.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_one_address() {
        for good in [
            "ada@example.org",
            "a.b+c@x",
            "büro@bücher.example",
            "o'neil@example.org",
            "a@xn--bcher-kva.example",
        ] {
            assert!(is_address(good), "{good}");
        }
        let bad = [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a@b@c",
            "a b@example.org",
            "ada@example.org, eve@example.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org;",
            "Ada <ada@example.org>",
            "a..b@example.org",
            ".a@example.org",
            "ada@-x.org",
            "ada@exa mple.org",
            "ada@example..org",
            "<ada@example.org>",
            "ada\u{0}@example.org",
            "ada@example.org\u{2028}",
            "\"a b\"@example.org",
            "ada@[127.0.0.1]",
        ];
        for bad in bad {
            assert!(!is_address(bad), "{bad:?}");
        }
        assert!(!is_address(&format!("{}@example.org", "a".repeat(65))));
    }

    #[test]
    fn a_name_in_front_is_told_apart() {
        assert_eq!(
            with_name("Help desk <help@example.org>"),
            Some(("Help desk", "help@example.org"))
        );
        assert_eq!(
            with_name("\"Desk, Help\" <help@example.org>"),
            Some(("Desk, Help", "help@example.org"))
        );
        assert_eq!(
            with_name("help@example.org"),
            Some(("", "help@example.org"))
        );
        for bad in [
            "Help",
            "Help <help>",
            "a\nb <help@example.org>",
            "<a> <help@example.org>",
        ] {
            assert_eq!(with_name(bad), None, "{bad:?}");
        }
    }
}
