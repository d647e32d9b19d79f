//! Locales of people, and which variant of a text serves somebody: `de-AT`, then `de`, then the one without a locale.

/// The locales that serve somebody who reads this one, the nearest first, in lower case with hyphens.
///
/// `de_AT.UTF-8@euro`, as Unix writes it, is `de-at`.
pub(crate) fn chain(locale: &str) -> Vec<String> {
    let mut tag = folded(locale.trim());
    if let Some(end) = tag.find(['.', '@']) {
        tag.truncate(end);
    }
    let mut chain = Vec::new();
    while !tag.is_empty() {
        chain.push(tag.clone());
        tag.truncate(tag.rfind('-').unwrap_or(0));
    }
    chain
}

/// In lower case with hyphens.
pub(crate) fn folded(locale: &str) -> String {
    locale.to_ascii_lowercase().replace('_', "-")
}

/// True for what looks like a locale (RFC 5646 §2.1): two or three letters, then subtags of one to eight letters and digits.
pub(crate) fn is_locale(text: &str) -> bool {
    let mut subtags = text.split(['-', '_']);
    let language = subtags.next().unwrap_or_default();
    let letters = language.bytes().all(|c| c.is_ascii_alphabetic());
    let subtag =
        |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|c| c.is_ascii_alphanumeric());
    (2..=3).contains(&language.len()) && letters && subtags.all(subtag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4647_3_4_a_locale_falls_back_step_by_step() {
        assert_eq!(chain("de-AT"), ["de-at", "de"]);
        assert_eq!(chain("zh_Hant_TW"), ["zh-hant-tw", "zh-hant", "zh"]);
        assert_eq!(chain(" de_AT.UTF-8@euro"), ["de-at", "de"]);
        assert_eq!(chain("-"), ["-"]);
        assert!(chain("").is_empty());
    }

    #[test]
    fn rfc5646_2_1_what_looks_like_a_locale() {
        for good in ["de", "de-AT", "de_at", "zh-Hant-TW", "es-419", "fil"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "d", "german", "de-", "de--at", "d1", "de-abcdefghi"] {
            assert!(!is_locale(bad), "{bad}");
        }
    }
}
