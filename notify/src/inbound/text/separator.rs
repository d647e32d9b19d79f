//! Lines that a program draws between the answer and what it answers.

use super::head;
use super::line::{Line, has_address, has_date};

/// What stands between the dashes of `-----Original Message-----`.
const NAMES: [&str; 38] = [
    "original message",
    "original appointment",
    "forwarded message",
    "reply message",
    "ursprüngliche nachricht",
    "originalnachricht",
    "originalmeldung",
    "weitergeleitete nachricht",
    "message d'origine",
    "message d’origine",
    "message original",
    "message transféré",
    "mensaje original",
    "mensaje reenviado",
    "mensagem original",
    "mensagem encaminhada",
    "messaggio originale",
    "messaggio inoltrato",
    "oorspronkelijk bericht",
    "oorspronkelijke bericht",
    "doorgestuurd bericht",
    "originalmeddelande",
    "ursprungligt meddelande",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "alkuperäinen viesti",
    "oryginalna wiadomość",
    "wiadomość oryginalna",
    "původní zpráva",
    "исходное сообщение",
    "пересылаемое сообщение",
    "orijinal mesaj",
    "özgün ileti",
    "元のメッセージ",
    "原始邮件",
    "原始郵件",
    "원본 메일",
    "eredeti üzenet",
];

/// What asks for answers above it, by a word that few other lines have, with a letter in it that few words have.
const ABOVE: [(&str, u8, &[&str]); 3] = [
    (
        "above",
        b'v',
        &[
            "reply above this line",
            "type your reply above",
            "write your reply above",
        ],
    ),
    (
        "zeile",
        b'z',
        &[
            "bitte antworten sie oberhalb dieser zeile",
            "antworten sie über dieser zeile",
        ],
    ),
    ("pondez", b'z', &["répondez au-dessus de cette ligne"]),
];

/// What stands in front of a mail that Apple's program passes on.
const BEGIN: [&str; 8] = [
    "begin forwarded message:",
    "anfang der weitergeleiteten nachricht:",
    "anfang der weitergeleiteten e-mail:",
    "début du message réexpédié :",
    "début du message transféré :",
    "inicio del mensaje reenviado:",
    "inizio messaggio inoltrato:",
    "begin doorgestuurd bericht:",
];

/// True if the lines begin with such a line. `asking` if the text [`may ask`](may_ask) for answers above a line.
pub(super) fn is(rest: &[Line<'_>], asking: bool) -> bool {
    let Some((first, after)) = rest.split_first() else {
        return false;
    };
    if first.is_between_marks() {
        return true;
    }
    let line = &*first.bare;
    if (asking && asks(line)) || begins(line) {
        return true;
    }
    let Some(name) = between_dashes(line).map(str::to_lowercase) else {
        return false;
    };
    NAMES.contains(&name.as_str()) || (name.len() <= 60 && introduces_a_head(after))
}

/// False if no line of a text can ask for answers above it, which is known at once of most that are ASCII.
pub(super) fn may_ask(text: &str) -> bool {
    let mut words = ABOVE.iter();
    !text.is_ascii() || words.any(|(word, rare, _)| has_word(text, word, *rare))
}

fn asks(line: &str) -> bool {
    let asked = ABOVE
        .iter()
        .filter(|(word, rare, _)| has_word(line, word, *rare));
    let mut phrases = asked.flat_map(|(_, _, phrases)| *phrases).peekable();
    if phrases.peek().is_none() {
        return false;
    }
    let lower = line.to_lowercase();
    phrases.any(|phrase| lower.contains(phrase))
}

/// True if the text has an ASCII word of small letters, whatever letters the text has it in. One of them is looked for.
fn has_word(text: &str, word: &str, rare: u8) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    let Some(before) = memchr::memchr(rare, word) else {
        return false;
    };
    memchr::memchr2_iter(rare, rare.to_ascii_uppercase(), text).any(|at| {
        at.checked_sub(before)
            .and_then(|start| text.get(start..start + word.len()))
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

fn begins(line: &str) -> bool {
    line.ends_with(':') && BEGIN.contains(&line.to_lowercase().as_str())
}

/// The words between two rows of dashes.
fn between_dashes(line: &str) -> Option<&str> {
    let dash = |c: char| matches!(c, '-' | '‐' | '–' | '—' | '_' | '=');
    if !line.starts_with(dash) || !line.ends_with(dash) {
        return None;
    }
    let inner = line.trim_matches(dash);
    let rows = line.len() >= inner.len() + 4;
    let inner = inner.trim();
    (rows && inner.chars().any(char::is_alphabetic)).then_some(inner)
}

/// Words that are not known stand between dashes in text of any kind; in front of a sender, an address and a date they do not.
fn introduces_a_head(after: &[Line<'_>]) -> bool {
    let lines: Vec<&str> = after.iter().take(4).map(|line| &*line.bare).collect();
    let labelled = |line: &&&str| line.contains([':', '：']);
    lines.iter().any(|line| head::names_a_sender(line))
        && lines.iter().any(|line| has_address(line))
        && lines.iter().any(|line| has_date(line))
        && lines.iter().filter(labelled).count() >= 2
}
