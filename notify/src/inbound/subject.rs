//! What a subject line tells: a reply, a forward, and which records it names.

use crate::record::RecordKey;
use crate::schema::Schema;

/// More numbers than this in one subject are not looked up.
const MAX_NUMBERS: usize = 8;

/// True if the subject begins as the subject of a reply does: `Re:`, `AW:`, `Re[2]:`, in any case.
pub fn is_reply(subject: &str) -> bool {
    const WORDS: [&str; 29] = [
        "re", "aw", "sv", "antw", "r", "rif", "odp", "vs", "ynt", "ref", "antwort", "rép", "res",
        "resp", "atb", "bls", "yan", "ned", "na", "vá", "на", "отв", "απ", "σχετ", "回复", "答复",
        "回覆", "返信", "accepted",
    ];
    // What calendars put in front of their answers, in the language of their user.
    const ANSWERS: [&str; 8] = [
        "tentative",
        "declined",
        "zugesagt",
        "mit vorbehalt",
        "abgelehnt",
        "accepté",
        "aceptado",
        "accettato",
    ];
    prefix(subject).is_some_and(|word| WORDS.iter().chain(&ANSWERS).any(|known| *known == word))
}

/// True if it begins as the subject of a forwarded mail does: `Fw:`, `Fwd:`, `WG:`.
pub fn is_forward(subject: &str) -> bool {
    const WORDS: [&str; 17] = [
        "fw",
        "fwd",
        "wg",
        "tr",
        "rv",
        "vb",
        "doorst",
        "pd",
        "enc",
        "i",
        "vl",
        "továbbítás",
        "ilt",
        "προωθ",
        "пересл",
        "转发",
        "轉寄",
    ];
    prefix(subject).is_some_and(|word| WORDS.contains(&word.as_str()))
}

/// The word in front of the first colon, in lower case, without the counter of `Re[2]:` and `Re (2):`.
fn prefix(subject: &str) -> Option<String> {
    let (word, _) = subject.trim_start().split_once([':', '：'])?;
    let counter = |c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')' | '^' | ' ');
    let word = word.trim_end_matches(counter);
    (word.len() <= 24).then(|| word.to_lowercase())
}

/// The records that a text names by their numbers, each once, in the order of the text.
/// A number stands alone: `INC0010001` and `[INC0010001]`, not `XINC0010001` and not `INC0010001a`.
pub fn numbers(text: &str, schema: &Schema) -> Vec<RecordKey> {
    let mut found: Vec<RecordKey> = Vec::new();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    for key in words.filter_map(|word| number(word, schema)) {
        if !found.contains(&key) && found.len() < MAX_NUMBERS {
            found.push(key);
        }
    }
    found
}

fn number(word: &str, schema: &Schema) -> Option<RecordKey> {
    schema.tables.values().find_map(|table| {
        let numbering = table.number.as_ref()?;
        let (prefix, digits) = word.split_at_checked(numbering.prefix.len())?;
        let good = prefix.eq_ignore_ascii_case(&numbering.prefix)
            && digits.len() >= numbering.digits
            && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| RecordKey::new(&table.name, format!("{}{digits}", numbering.prefix)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Numbering, Table};
    use std::collections::BTreeMap;

    fn schema() -> Schema {
        let table = Table {
            name: "incident".into(),
            label: "Incident".into(),
            number: Some(Numbering {
                prefix: "INC".into(),
                digits: 7,
            }),
            display: None,
            fields: BTreeMap::new(),
        };
        Schema {
            tables: BTreeMap::from([("incident".to_owned(), table)]),
        }
    }

    #[test]
    fn reply_prefixes_have_no_case() {
        for subject in ["Re: x", "RE: x", "re:x", "AW: x", "Re[2]: x", " Re (3): x"] {
            assert!(is_reply(subject), "{subject}");
        }
        for subject in ["Reminder: x", "x Re: y", "", "Fwd: Re: x", "INC: re: x"] {
            assert!(!is_reply(subject), "{subject}");
        }
    }

    #[test]
    fn forward_prefixes_have_no_case() {
        for subject in ["Fwd: x", "FW: x", "fw:x", "WG: x"] {
            assert!(is_forward(subject), "{subject}");
        }
        assert!(!is_forward("Re: Fwd: x"));
    }

    #[test]
    fn numbers_stand_alone_in_any_brackets_and_case() {
        let read = |text: &str| -> Vec<String> {
            numbers(text, &schema())
                .into_iter()
                .map(|key| key.id)
                .collect()
        };
        assert_eq!(read("Re: [INC0010001] down"), ["INC0010001"]);
        assert_eq!(read("Re: \"Example INC0005574\""), ["INC0005574"]);
        assert_eq!(read("re: inc0010001, INC0010001"), ["INC0010001"]);
        assert_eq!(
            read("INC0010001 or INC0010002?"),
            ["INC0010001", "INC0010002"]
        );
        assert!(read("XINC0010001 INC0010001a INC001 INCé234567").is_empty());
    }
}
