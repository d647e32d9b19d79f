//! What a subject line tells: a reply, a forward, and which records it names.

use crate::record::RecordKey;
use crate::schema::Schema;

/// More numbers than this in one subject are not looked up.
const MAX_NUMBERS: usize = 8;

/// Octets of a word in front of a colon that is looked at.
const LONGEST_MARK: usize = 48;

/// What reply programs put in front of a subject, in lower case.
const REPLIES: [&str; 47] = [
    "re",
    "aw",
    "sv",
    "antw",
    "r",
    "rif",
    "odp",
    "vs",
    "ynt",
    "ref",
    "réf",
    "antwort",
    "rép",
    "réponse",
    "res",
    "resp",
    "atb",
    "bls",
    "balas",
    "yan",
    "ned",
    "na",
    "vá",
    "vast",
    "ats",
    "odg",
    "svar",
    "hồi",
    "trả lời",
    "на",
    "отв",
    "ответ",
    "відп",
    "απ",
    "σχετ",
    "رد",
    "השב",
    "תגובה",
    "ตอบ",
    "ตอบกลับ",
    "回复",
    "答复",
    "回覆",
    "回信",
    "返信",
    "답장",
    "회신",
];

/// What calendars put in front of their answers, in the language of their user.
const ANSWERS: [&str; 14] = [
    "accepted",
    "tentative",
    "declined",
    "zugesagt",
    "mit vorbehalt",
    "abgelehnt",
    "accepté",
    "provisoire",
    "refusé",
    "aceptado",
    "rechazado",
    "accettato",
    "rifiutato",
    "geaccepteerd",
];

/// What forwarding programs put in front of a subject, in lower case.
const FORWARDS: [&str; 33] = [
    "fw",
    "fwd",
    "wg",
    "tr",
    "rv",
    "rm",
    "vb",
    "vs",
    "fs",
    "doorst",
    "pd",
    "enc",
    "i",
    "vl",
    "itl",
    "iq",
    "továbbítás",
    "ilt",
    "prosl",
    "videresendt",
    "chuyển tiếp",
    "terusan",
    "προωθ",
    "пересл",
    "пер",
    "إعادة توجيه",
    "הועבר",
    "ส่งต่อ",
    "转发",
    "轉寄",
    "轉發",
    "転送",
    "전달",
];

/// What gateways write in front of mail from outside, in lower case.
const OUTSIDE: [&str; 9] = [
    "ext",
    "external",
    "extern",
    "externe",
    "externo",
    "esterno",
    "external email",
    "caution",
    "outside",
];

/// True if the subject begins as the subject of a reply does: `Re:`, `AW:`, `Re[2]:`, `[EXT] Re:`, in any case.
pub fn is_reply(subject: &str) -> bool {
    prefix(subject).is_some_and(|word| REPLIES.iter().chain(&ANSWERS).any(|known| *known == word))
}

/// True if it begins as the subject of a forwarded mail does: `Fw:`, `Fwd:`, `WG:`.
pub fn is_forward(subject: &str) -> bool {
    prefix(subject).is_some_and(|word| word != "vs" && FORWARDS.contains(&word.as_str()))
}

/// The subject without what gateways write in front of mail from outside: `[EXT]`, `External:`.
pub(crate) fn inside(subject: &str) -> &str {
    let mut rest = without_marks(subject);
    while let Some((word, after)) = rest.split_once([':', '：']) {
        if word.len() > LONGEST_MARK || !OUTSIDE.contains(&word.trim().to_lowercase().as_str()) {
            break;
        }
        rest = without_marks(after);
    }
    rest
}

/// The word in front of the first colon, in lower case, without the counter of `Re[2]:` and `Re (2):`. What gateways write in
/// front of it is passed over.
fn prefix(subject: &str) -> Option<String> {
    let mut rest = subject;
    loop {
        rest = without_marks(rest);
        let (word, after) = rest.split_once([':', '：'])?;
        let counter =
            |c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')' | '^' | ' ' | '*');
        let word = word.trim_end_matches(counter).trim_start_matches('*');
        if word.len() > LONGEST_MARK {
            return None;
        }
        let word = word.to_lowercase();
        if !OUTSIDE.contains(&word.as_str()) {
            return Some(word);
        }
        rest = after;
    }
}

/// The subject without `[EXT]`, `(External)` and the like in front.
fn without_marks(subject: &str) -> &str {
    let mut rest = subject.trim_start();
    loop {
        let close = match rest.chars().next() {
            Some('[') => ']',
            Some('(') => ')',
            Some('{') => '}',
            Some('【') => '】',
            _ => return rest,
        };
        match rest.split_once(close) {
            Some((mark, after)) if mark.len() <= 40 => rest = after.trim_start(),
            _ => return rest,
        }
    }
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
        for subject in [
            "Re: x",
            "RE: x",
            "re:x",
            "AW: x",
            "Re[2]: x",
            " Re (3): x",
            "AW: Re: WG: [EXT] x",
            "[EXT] Re: x",
            "[External] (spam?) AW: x",
            "EXTERN: Antw: x",
            "回复：x",
            "رد: x",
        ] {
            assert!(is_reply(subject), "{subject}");
        }
        for subject in [
            "Reminder: x",
            "x Re: y",
            "",
            "Fwd: Re: x",
            "INC: re: x",
            "[EXT",
            "[EXT] x",
            "External: ext: EXT:",
        ] {
            assert!(!is_reply(subject), "{subject}");
        }
    }

    #[test]
    fn forward_prefixes_have_no_case() {
        for subject in [
            "Fwd: x",
            "FW: x",
            "fw:x",
            "WG: x",
            "[EXT] WG: AW: x",
            "转发：x",
        ] {
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
