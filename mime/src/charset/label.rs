//! What charsets are called: the labels of the WHATWG Encoding Standard, and aliases that it does not have but mail does.
//!
//! A label that nobody knows is looked at again with nothing but its letters and digits, as UTS #22 §1.4 compares names; then as the
//! number of a code page (`cp932`, `windows-936`, `win-1257`, `ibm850`), and in a list of other names.

use super::Charset;
#[cfg(feature = "charsets")]
use super::code_page::CodePage;

/// A label without what does not belong to it: quotes, a comma or a semicolon that got into it, white space.
pub(super) fn bare(label: &[u8]) -> &[u8] {
    let outer = |b: &u8| b.is_ascii_whitespace() || b"\"',;".contains(b);
    let from = label.iter().position(|b| !outer(b)).unwrap_or(label.len());
    let to = label
        .iter()
        .rposition(|b| !outer(b))
        .map_or(from, |at| at + 1);
    label.get(from..to).unwrap_or_default()
}

/// Finds the charset of a label, whatever got into it.
pub(super) fn known(label: &[u8]) -> Option<Charset> {
    let label = bare(label);
    // As nearly all mail has it.
    match label {
        b"utf-8" | b"UTF-8" => return Some(Charset::Utf8),
        b"us-ascii" | b"US-ASCII" => return Some(Charset::Ascii),
        b"iso-8859-1" | b"ISO-8859-1" => return Some(Charset::Windows1252),
        _ => {}
    }
    standard(label).or_else(|| by_alias(label))
}

/// Finds a charset that the Encoding Standard calls so.
fn standard(label: &[u8]) -> Option<Charset> {
    LABELS
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(label))
        .map(|(_, charset)| *charset)
        .or_else(|| other(label))
}

/// The labels of what is read here.
const LABELS: &[(&str, Charset)] = &[
    ("utf-8", Charset::Utf8),
    ("utf8", Charset::Utf8),
    ("unicode-1-1-utf-8", Charset::Utf8),
    ("us-ascii", Charset::Ascii),
    ("ascii", Charset::Ascii),
    ("ansi_x3.4-1968", Charset::Ascii),
    ("iso-ir-6", Charset::Ascii),
    ("iso-8859-1", Charset::Windows1252),
    ("iso8859-1", Charset::Windows1252),
    ("iso_8859-1", Charset::Windows1252),
    ("latin1", Charset::Windows1252),
    ("l1", Charset::Windows1252),
    ("iso88591", Charset::Windows1252),
    ("iso_8859-1:1987", Charset::Windows1252),
    ("iso-ir-100", Charset::Windows1252),
    ("csisolatin1", Charset::Windows1252),
    ("windows-1252", Charset::Windows1252),
    ("cp1252", Charset::Windows1252),
    ("x-cp1252", Charset::Windows1252),
    ("cp819", Charset::Windows1252),
    ("ibm819", Charset::Windows1252),
    ("iso-8859-15", Charset::Iso8859_15),
    ("iso8859-15", Charset::Iso8859_15),
    ("iso885915", Charset::Iso8859_15),
    ("iso_8859-15", Charset::Iso8859_15),
    ("csisolatin9", Charset::Iso8859_15),
    ("latin9", Charset::Iso8859_15),
    ("l9", Charset::Iso8859_15),
    ("utf-16", Charset::Utf16Le),
    ("utf-16le", Charset::Utf16Le),
    ("utf-16be", Charset::Utf16Be),
    ("utf-7", Charset::Utf7),
    ("unicode-1-1-utf-7", Charset::Utf7),
];

/// Finds a charset that the feature `charsets` adds.
#[cfg(feature = "charsets")]
fn other(label: &[u8]) -> Option<Charset> {
    encoding_rs::Encoding::for_label_no_replacement(label).map(Charset::Other)
}

#[cfg(not(feature = "charsets"))]
fn other(_: &[u8]) -> Option<Charset> {
    None
}

/// Finds a charset by a name that only mail calls it by.
fn by_alias(label: &[u8]) -> Option<Charset> {
    let mut letters = [0; LONGEST];
    let squeezed = squeezed(label, &mut letters)?;
    let name = match label {
        [b'x' | b'X', b'-', ..] => squeezed.get(1..)?,
        _ => squeezed,
    };
    let is_called = |(aliases, _): &&(&[&str], &str)| aliases.iter().any(|a| a.as_bytes() == name);
    standard(squeezed)
        .or_else(|| code_page(number_of_page(name)?))
        .or_else(|| standard(ALIASES.iter().find(is_called)?.1.as_bytes()))
}

/// Longer than any name of a charset.
const LONGEST: usize = 24;

/// The letters and digits of a label, in lower case.
fn squeezed<'l>(label: &[u8], letters: &'l mut [u8; LONGEST]) -> Option<&'l [u8]> {
    let mut length = 0;
    for byte in label.iter().filter(|b| b.is_ascii_alphanumeric()) {
        *letters.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    letters.get(..length)
}

/// Names that the Encoding Standard does not have, and its label.
///
/// Each is the whole name: a longer one may be another charset (`mac-romanian`, `shift_jis-2004`; `ksc5601-1992` is Johab). Those
/// with something behind them that are here differ in no letter, or hold a few more that are told as damage.
const ALIASES: &[(&[&str], &str)] = &[
    (&["eucjp", "eucjpms", "eucjpwin"], "euc-jp"),
    (&["shiftjis", "mskanji", "cswindows31j"], "shift_jis"),
    (
        &[
            "iso2022jp",
            "iso2022jp1",
            "iso2022jp2",
            "iso2022jp3",
            "iso2022jp2004",
            "iso2022jpext",
            "iso2022jpms",
        ],
        "iso-2022-jp",
    ),
    (
        &[
            "euccn",
            "eucgb2312",
            "eucgb2312cn",
            "gb231280",
            "gb23121980",
            "gb231219800",
        ],
        "gbk",
    ),
    (
        &[
            "euckr",
            "uhc",
            "ksc5601",
            "ksc56011987",
            "ksc560119870",
            "ksc56011989",
        ],
        "euc-kr",
    ),
    (
        &[
            "big5",
            "big5eten",
            "big5hkscs",
            "big5hkscs1999",
            "big5hkscs2001",
            "big5hkscs2004",
            "big5hkscs2008",
        ],
        "big5",
    ),
    (
        &[
            "tis620",
            "tis6200",
            "tis6202529",
            "tis62025291",
            "tis6202533",
            "tis62025330",
            "tis62025331",
        ],
        "windows-874",
    ),
    (&["koi8r"], "koi8-r"),
    (&["koi8u", "koi8ru"], "koi8-u"),
    (&["macroman"], "macintosh"),
];

/// The number in the name of a code page.
fn number_of_page(name: &[u8]) -> Option<u32> {
    let prefixes = ["cp", "windows", "win", "ms", "ibm", "dos"];
    let digits = prefixes
        .iter()
        .find_map(|p| name.strip_prefix(p.as_bytes()))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Finds the charset of a code page of Windows or DOS.
fn code_page(number: u32) -> Option<Charset> {
    let label = match number {
        874 | 1250..=1258 => format!("windows-{number}"),
        866 => "ibm866".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10000 => "macintosh".to_owned(),
        20866 => "koi8-r".to_owned(),
        21866 => "koi8-u".to_owned(),
        28591..=28606 => format!("iso-8859-{}", number - 28590),
        50220..=50222 => "iso-2022-jp".to_owned(),
        54936 => "gb18030".to_owned(),
        65001 => "utf-8".to_owned(),
        _ => return dos(number),
    };
    standard(label.as_bytes())
}

#[cfg(feature = "charsets")]
fn dos(number: u32) -> Option<Charset> {
    CodePage::of(number).map(Charset::CodePage)
}

#[cfg(not(feature = "charsets"))]
fn dos(_: u32) -> Option<Charset> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_got_into_a_label_does_not_belong_to_it() {
        for label in [
            "koi8-r",
            " koi8-r\t",
            "koi8-r,",
            "\"koi8-r;\"",
            "'koi8-r'",
            "koi8-r\" ;",
        ] {
            assert_eq!(bare(label.as_bytes()), b"koi8-r", "{label}");
        }
        for label in ["", " ", "\"\"", "';"] {
            assert_eq!(bare(label.as_bytes()), b"", "{label}");
        }
    }

    #[test]
    fn uts22_1_4_letters_and_digits_count() {
        for (alias, label) in [
            ("utf_8", "utf-8"),
            ("UTF.8", "utf-8"),
            ("latin-1", "iso-8859-1"),
            ("ISO8859_15", "iso-8859-15"),
            ("win-1252", "windows-1252"),
            ("cp65001", "utf-8"),
        ] {
            assert!(
                known(alias.as_bytes()) == known(label.as_bytes()),
                "{alias}"
            );
            assert!(known(label.as_bytes()).is_some(), "{label}");
        }
    }

    #[cfg(feature = "charsets")]
    #[test]
    fn charsets_have_more_names_in_mail_than_in_the_standard() {
        for (label, aliases) in [
            (
                "shift_jis",
                "cp932 MS932 windows-932 shiftjis x-cp932 CP-932 csWindows31J",
            ),
            (
                "gbk",
                "cp936 ms936 windows-936 euc-cn EUC_CN gb2312-80 gb2312.1980-0 eucgb2312_cn x-euc-cn",
            ),
            (
                "euc-kr",
                "cp949 ms949 uhc windows-949 euckr euc_kr ks_c_5601 ksc5601.1987-0",
            ),
            (
                "big5",
                "cp950 windows-950 big5hkscs Big5_HKSCS Big5-HKSCS:2004 big5-eten x-big5",
            ),
            ("euc-jp", "eucjp euc_jp eucJP-ms eucJP-win"),
            (
                "iso-2022-jp",
                "iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 iso-2022-jp-ms iso-2022-jp-2004 ISO2022JP cp50221",
            ),
            ("windows-874", "cp874 tis620 TIS620.2533-0"),
            ("iso-8859-2", "iso8859_2 latin-2 ISO_8859_2"),
            ("koi8-r", "koi8r cp20866"),
            ("koi8-u", "koi8u"),
            ("macintosh", "mac-roman MacRoman x-mac-roman"),
            (
                "windows-1257",
                "win-1257 win1257 cp-1257 windows1257 ms1257",
            ),
            ("ibm866", "cp866 dos-866"),
        ] {
            for alias in aliases.split(' ') {
                assert!(
                    known(alias.as_bytes()) == other(label.as_bytes()),
                    "{alias}"
                );
            }
        }
        for page in ["cp437", "IBM850", "ibm-852", "cp_858"] {
            assert!(
                matches!(known(page.as_bytes()), Some(Charset::CodePage(_))),
                "{page}"
            );
        }
    }

    #[test]
    fn nobody_knows_any_other_label() {
        for label in [
            "",
            "-",
            "x-",
            "x",
            "cp",
            "cp1",
            "cp999",
            "cp99999999999",
            "windows",
            "unknown-8bit",
            "x-unknown",
            "utf-9",
            "iso-8859-17",
            "iso-2022-kr",
            "hz-gb-2312",
            "utf-8utf-8",
            "x-mac-romanian",
            "mac-romania",
            "shift_jisx0213",
            "shift_jis-2004",
            "ksc5601-1992",
            "big5-uao",
            "big5-plus",
            "koi8-unified",
            "koi8-r-x",
            "tis-620-x",
            "iso-2022-jpx",
            "a-label-that-is-longer-than-those-of-charsets-are",
        ] {
            assert!(known(label.as_bytes()).is_none(), "{label}");
        }
    }
}
