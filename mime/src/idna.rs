//! Domains with letters beyond ASCII, as DNS has them and as people read them (RFC 5890, UTS #46).
//!
//! A domain is shown label by label. A label is shown in its own letters (a U-label) only where nobody can take it for another:
//!
//! 1. it is valid, and it is what its A-label stands for (UTS #46, not transitional);
//! 2. its letters are of one script, or of those that Japanese, Korean or Chinese are written in together, with Latin beside
//!    these (UTS #39 §5.2, "highly restrictive"); scripts and letters that are not in the table here are of none;
//! 3. if it is Cyrillic, Greek, Armenian, Georgian, Hebrew or Thai, it has a letter that looks like none of Latin.
//!
//! Any other label is shown as its A-label, `xn--…`. Not supported: letters of one script that look alike (`l` and `1`, `rn` and
//! `m`, or the same word with and without accents), and local parts, which stay as they are.

use std::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use crate::mailbox::AddrSpec;
use crate::value_error::ValueError;

/// The domain in A-labels, for DNS and for transport without SMTPUTF8. `None` for what cannot be in DNS.
///
/// ```
/// assert_eq!(postrider_mime::idna::to_ascii("Bücher.example").as_deref(), Some("xn--bcher-kva.example"));
/// ```
pub fn to_ascii(domain: &str) -> Option<String> {
    if domain.starts_with('[') {
        return Some(domain.to_owned());
    }
    let (deny, hyphens) = (AsciiDenyList::URL, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify);
    ascii.ok().map(Cow::into_owned)
}

/// The domain as it can be shown without taking anybody in: by the rule of this module.
///
/// What is no domain of DNS is shown with its letters beyond ASCII escaped.
///
/// ```
/// use postrider_mime::idna::to_show;
///
/// assert_eq!(to_show("xn--bcher-kva.example"), "bücher.example");
/// // The first letter is Cyrillic.
/// assert_eq!(to_show("аpple.example"), "xn--pple-43d.example");
/// ```
pub fn to_show(domain: &str) -> Cow<'_, str> {
    if domain.is_ascii() && !domain.to_ascii_lowercase().contains("xn--") {
        return domain.into();
    }
    let unicode = Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    let (Some(ascii), (unicode, Ok(()))) = (to_ascii(domain), unicode) else {
        return match domain.is_ascii() {
            true => domain.into(),
            false => domain.escape_default().to_string().into(),
        };
    };
    let labels = ascii.split('.').zip(unicode.split('.'));
    let shown = labels.map(|(ascii, unicode)| match is_clear(unicode) {
        true => unicode,
        false => ascii,
    });
    shown.collect::<Vec<_>>().join(".").into()
}

impl AddrSpec {
    /// The address as it can be shown: the domain as by [`to_show`].
    pub fn to_show(&self) -> String {
        let at = self.to_string();
        let local = at.strip_suffix(self.domain()).unwrap_or_default();
        format!("{local}{}", to_show(self.domain()))
    }

    /// The same address with its domain in A-labels.
    ///
    /// # Errors
    /// [`ValueError::Domain`] for a domain that cannot be in DNS.
    pub fn with_a_labels(&self) -> Result<Self, ValueError> {
        let at = self.to_string();
        let local = at.strip_suffix(self.domain()).unwrap_or_default();
        let domain = to_ascii(self.domain()).ok_or(ValueError::Domain)?;
        Self::parse(&format!("{local}{domain}"))
    }
}

/// Whether nobody can take a label for another.
fn is_clear(label: &str) -> bool {
    if label.is_ascii() {
        return true;
    }
    let scripts = label
        .chars()
        .filter_map(script)
        .fold(0, |all, one| all | one);
    let within = |together: u32| scripts & !together == 0;
    let one = scripts.count_ones() == 1 || [JAPANESE, KOREAN, CHINESE].into_iter().any(within);
    let alike = |letters: &str| {
        let mut letters_of_label = label.chars().filter(|c| script(*c).is_some());
        letters_of_label.all(|c| letters.contains(c))
    };
    one && scripts & NONE == 0 && !alike(like_latin(scripts))
}

const NONE: u32 = 1;
const LATIN: u32 = 1 << 1;
const GREEK: u32 = 1 << 2;
const CYRILLIC: u32 = 1 << 3;
const HAN: u32 = 1 << 4;
const KANA: u32 = 1 << 5;
const HANGUL: u32 = 1 << 6;
const BOPOMOFO: u32 = 1 << 7;
const ARMENIAN: u32 = 1 << 8;
const HEBREW: u32 = 1 << 9;
const THAI: u32 = 1 << 19;
const GEORGIAN: u32 = 1 << 20;

const JAPANESE: u32 = LATIN | HAN | KANA;
const KOREAN: u32 = LATIN | HAN | HANGUL;
const CHINESE: u32 = LATIN | HAN | BOPOMOFO;

/// The letters of a script that look like Latin ones, alone or in some font.
fn like_latin(script: u32) -> &'static str {
    match script {
        CYRILLIC => "асԁеһіјӏорԗԛѕԝхуъьҽпгѵѡвкмнт",
        GREEK => "αβγεηικνορςστυχω",
        ARMENIAN => "ագզէլհյոսցւքօ",
        GEORGIAN => "იოყძხ",
        HEBREW => "דוחיןס",
        THAI => "ทนบพรหเแดลปฟม",
        _ => "",
    }
}

/// The script of a letter, a bit each; none for what all scripts share. A letter of no script that is known here is of `NONE`.
fn script(letter: char) -> Option<u32> {
    Some(match letter {
        '0'..='9' | '-' | '_' => return None,
        'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ' => LATIN,
        // Without the letters that look like those of ASCII.
        'ı' | 'ĸ' | 'ŉ' | 'ſ' => NONE,
        'Ā'..='ž' | 'ơ' | 'ư' | 'ș' | 'ț' | 'Ḁ'..='ỿ' => LATIN,
        'ά'..='ώ' | 'ἀ'..='῾' => GREEK,
        'а'..='џ' | 'Ѡ'..='ԯ' => CYRILLIC,
        '々' | '〇' | '㐀'..='䶿' | '一'..='鿿' | '\u{20000}'..='\u{323AF}' => HAN,
        'ぁ'..='ゟ' | 'ァ'..='ヿ' => KANA,
        'ㄅ'..='ㄯ' => BOPOMOFO,
        '가'..='힣' => HANGUL,
        'ա'..='և' => ARMENIAN,
        'א'..='ת' => HEBREW,
        'ა'..='ჰ' => GEORGIAN,
        '\u{E00}'..='\u{E7F}' => THAI,
        // Scripts that share no shapes with others in labels: a block each.
        'ؠ'..='ۿ' | 'ݐ'..='ݿ' => 1 << 10,
        '\u{900}'..='\u{97F}' => 1 << 11,
        '\u{980}'..='\u{9FF}' => 1 << 12,
        '\u{A00}'..='\u{A7F}' => 1 << 13,
        '\u{A80}'..='\u{AFF}' => 1 << 14,
        '\u{B80}'..='\u{BFF}' => 1 << 15,
        '\u{C00}'..='\u{C7F}' => 1 << 16,
        '\u{C80}'..='\u{CFF}' => 1 << 17,
        '\u{D00}'..='\u{D7F}' => 1 << 18,
        _ => NONE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5890_2_3_labels_both_ways() {
        for (unicode, ascii) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
            ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"),
            ("faß.de", "xn--fa-hia.de"),
            ("plain.example", "plain.example"),
        ] {
            assert_eq!(to_ascii(unicode).as_deref(), Some(ascii));
            assert_eq!(to_show(ascii), unicode);
            assert_eq!(to_show(unicode), unicode);
        }
        assert_eq!(to_ascii("a b"), None);
        assert_eq!(to_ascii("[127.0.0.1]").as_deref(), Some("[127.0.0.1]"));
    }

    #[test]
    fn what_could_be_taken_for_another_is_shown_as_its_a_label() {
        // Cyrillic among Latin; Cyrillic that looks like Latin throughout; dotless i; Greek among Latin.
        for spoof in [
            "аpple.com",
            "раураӏ.com",
            "аррӏе.com",
            "\u{131}cloud.com",
            "gοοgle.com",
            "ορο.com",
            "օո.com",
            "ხი.com",
            "סוס.com",
            "นม.com",
        ] {
            let shown = to_show(spoof).into_owned();
            assert!(shown.is_ascii() && shown.starts_with("xn--"), "{shown}");
            assert_eq!(to_show(&shown), shown);
        }
        // Only the label that is unclear.
        assert_eq!(to_show("bücher.аpple.com"), "bücher.xn--pple-43d.com");
    }

    #[test]
    fn a_label_of_one_script_is_shown_in_its_letters() {
        for shown in [
            "հայաստան",
            "თბილისი",
            "שלום",
            "مثال",
            "उदाहरण",
            "উদাহরণ",
            "ਉਦਾਹਰਣ",
            "ઉદાહરણ",
            "உதாரணம்",
            "ఉదాహరణ",
            "ಉದಾಹರಣೆ",
            "ഉദാഹരണം",
            "ตัวอย่าง",
            "서울",
            "東京タワー",
            "ㄅ中",
            "žluťoučký",
        ] {
            let domain = format!("{shown}.example");
            let ascii = to_ascii(&domain).unwrap();
            assert!(ascii.starts_with("xn--"), "{ascii}");
            assert_eq!(to_show(&ascii), domain);
        }
    }

    #[test]
    fn what_is_no_domain_hides_nothing() {
        assert_eq!(to_show("xn--.example"), "xn--.example");
        assert_eq!(
            to_show("xn--zzzzzzz9999.example"),
            "xn--zzzzzzz9999.example"
        );
        assert!(to_show("ü b.example").is_ascii());
        assert!(to_show("a\u{202e}b.example").is_ascii());
    }

    #[test]
    fn addresses_have_both_forms() {
        let address = AddrSpec::parse("\"a b\"@xn--bcher-kva.example").unwrap();
        assert_eq!(address.to_show(), "\"a b\"@bücher.example");
        let address = AddrSpec::parse("jo@bücher.example").unwrap();
        let ascii = address.with_a_labels().unwrap();
        assert_eq!(ascii.to_string(), "jo@xn--bcher-kva.example");
    }
}
