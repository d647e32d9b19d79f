//! The line that introduces a quote: `On Mon, 23 Nov 2026 at 10:00, Support <support@example.org> wrote:`.
//!
//! Programs write it in the language of their user and wrap it. It is known by what it has in any language: a colon at its
//! end, and two of a date, an address and a word for writing.

use super::line::{Line, has_address, has_date};

/// Lines that one introduction may take.
const LINES: usize = 4;

/// Octets that one introduction may have.
const LONGEST: usize = 400;

/// Words for writing, as they stand in an introduction; each is a word, or the end of one.
const WROTE: [&str; 50] = [
    "quoting",
    "zitat von",
    "citando",
    "citando a",
    "cytat",
    "citerar",
    "wrote",
    "writes",
    "wrote on",
    "said",
    "schrieb",
    "schrieben",
    "a écrit",
    "escribió",
    "escribio",
    "ha scritto",
    "scrive",
    "schreef",
    "skrev",
    "escreveu",
    "napisał",
    "napisała",
    "napisał(a)",
    "napsal",
    "napsal(a)",
    "napísal",
    "kirjoitti",
    "írta",
    "a scris",
    "έγραψε",
    "написал",
    "написал(а)",
    "написала",
    "пише",
    "пишет",
    "написав",
    "написа",
    "şunu yazdı",
    "yazdı",
    "написано",
    "写道",
    "寫道",
    "写到",
    "のメール",
    "が書きました",
    "さんは書きました",
    "님이 작성",
    "작성",
    "viết",
    "menulis",
];

/// Takes away the introduction at the end of what was read so far, when a quote begins.
pub(super) fn drop_last(own: &mut Vec<&Line<'_>>) {
    let Some(last) = own.iter().rposition(|line| !line.is_blank()) else {
        return;
    };
    for lines in 1..=LINES {
        let Some(first) = (last + 1).checked_sub(lines) else {
            return;
        };
        let Some(part) = own.get(first..=last) else {
            return;
        };
        let octets: usize = part.iter().map(|line| line.bare.len()).sum();
        if octets > LONGEST || part.iter().any(|line| line.is_blank()) {
            return;
        }
        if introduces(&joined(part.iter().copied())) {
            // The line above belongs to it if the date stands there.
            let above = first
                .checked_sub(1)
                .filter(|above| own.get(*above).is_some_and(|line| opens(line)));
            own.truncate(above.unwrap_or(first));
            return;
        }
    }
}

/// True if the lines begin with an introduction whose quote has no marks, so that nobody knows where it ends.
pub(super) fn is_unmarked(rest: &[Line<'_>]) -> bool {
    let paragraph = rest
        .iter()
        .take_while(|line| !line.is_blank() && !line.is_quote());
    let paragraph: Vec<_> = paragraph.take(LINES).collect();
    let digit = |line: &&Line<'_>| line.bare.bytes().any(|b| b.is_ascii_digit());
    if !paragraph.iter().any(digit) {
        // No date.
        return false;
    }
    (1..=paragraph.len()).any(|lines| {
        let (part, after) = rest.split_at(lines);
        let text = joined(part);
        let quoted = after
            .iter()
            .find(|line| !line.is_blank())
            .is_some_and(Line::is_quote);
        // Without an address it may be the writer's own sentence, unless it stands alone.
        let alone = after.first().is_none_or(Line::is_blank);
        let introduces = introduces(&text) && (alone || has_address(&text));
        !quoted && has_date(&text) && (introduces || (lines == 1 && runs_on(&text)))
    })
}

/// `On Mon, 23 Nov 2026 at 10:00, Support <support@example.org> wrote:   and the quote goes on behind it`
fn runs_on(text: &str) -> bool {
    let Some((head, _)) = text.split_once(": ") else {
        return false;
    };
    // The colon may be one of a time: the one that counts follows the word for writing.
    let wrote = WROTE
        .iter()
        .filter_map(|word| text.find(&format!("{word}:")));
    let Some(end) = wrote.min() else { return false };
    let head = text.get(..end).unwrap_or(head);
    has_date(head) && has_address(head) && opens_with_word(head)
}

/// True if a text is an introduction.
fn introduces(text: &str) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    let dashed = text.starts_with("--") && text.ends_with("--");
    let inner = text.trim_matches(['-', '‐', ' ']);
    let ends = dashed || inner.ends_with([':', '：']);
    if !ends {
        return false;
    }
    let inner = inner.trim_end_matches([':', '：', ' ']);
    let (date, address) = (has_date(inner), has_address(inner));
    let (wrote, at_end) = wrote(inner);
    (date && address) || (wrote && (date || address)) || at_end
}

/// Whether a word for writing is there, and whether the text ends with it.
fn wrote(text: &str) -> (bool, bool) {
    let lower = text.to_lowercase();
    let is_word = |word: &str| {
        lower.match_indices(word).any(|(at, _)| {
            let before = lower
                .get(..at)
                .and_then(|before| before.chars().next_back());
            let after = lower
                .get(at + word.len()..)
                .and_then(|after| after.chars().next());
            let ascii = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            !ascii(before) && !ascii(after)
        })
    };
    let there = WROTE.iter().any(|word| is_word(word));
    let short = lower.split_whitespace().count() <= 8;
    let end = there && short && WROTE.iter().any(|word| lower.ends_with(word));
    (there, end)
}

/// True if an introduction may begin with this line: it has the date, and is no sentence that ended.
fn opens(line: &Line<'_>) -> bool {
    line.bare.len() <= LONGEST && has_date(&line.bare) && !line.bare.ends_with(['.', '!', '?', ':'])
}

/// True if the text begins as introductions do where nothing else tells: `On 23 …`, `Am 23. …`, `Le lun. 23 …`.
fn opens_with_word(text: &str) -> bool {
    const FIRST: [&str; 12] = [
        "on", "am", "le", "el", "il", "op", "den", "em", "dnia", "dne", "în", "στις",
    ];
    let first = text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    FIRST.contains(&first.as_str())
}

fn joined<'l, 't: 'l>(lines: impl IntoIterator<Item = &'l Line<'t>>) -> String {
    let lines: Vec<&str> = lines.into_iter().map(|line| &*line.bare).collect();
    lines.join(" ")
}
