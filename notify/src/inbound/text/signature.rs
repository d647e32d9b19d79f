//! How a mail is signed: behind `-- `, by a formula and a name, or by the device that it was written on.

use super::device::is_device;
use super::line::{Line, has_address};
use super::{disclaimer, is_blank};

/// Lines that a signature has at most.
const LONGEST: usize = 14;

/// Octets that a closing formula has at most, whatever its letters are.
const LONGEST_FORMULA: usize = 64;

/// True if the lines begin with the delimiter of a signature (RFC 3676 §4.3). Many programs lose the space behind the dashes;
/// then what follows has to be short.
pub(super) fn is_delimiter(rest: &[Line<'_>]) -> bool {
    let Some((first, after)) = rest.split_first() else {
        return false;
    };
    match first.text {
        "-- " => true,
        _ if first.is_bare_delimiter() => {
            let own = after.iter().take_while(|line| !line.is_quote());
            own.filter(|line| !line.is_blank()).count() <= LONGEST
        }
        _ => false,
    }
}

/// Takes the signature off the end, unless nothing else would be left.
pub(super) fn drop(own: &mut Vec<&str>, writer: &str) {
    let Some(last) = own.iter().rposition(|line| !is_blank(line)) else {
        return;
    };
    let paragraph = own
        .get(..last)
        .unwrap_or_default()
        .iter()
        .rposition(|line| is_blank(line));
    let first = paragraph.map_or(0, |blank| blank + 1);
    let block = own.get(first..=last).unwrap_or_default();
    if is_device(block) && (first > 0 || block.len() == 1) {
        own.truncate(first);
        return;
    }
    let start = by_formula(own, last, writer).or_else(|| by_name(own, first, last, writer));
    if let Some(start) = start.filter(|start| has_text(own, *start)) {
        own.truncate(start);
    }
}

fn has_text(own: &[&str], before: usize) -> bool {
    own.get(..before)
        .is_some_and(|lines| lines.iter().any(|line| !is_blank(line)))
}

/// A closing formula in a line of its own with a name below it: where it begins.
fn by_formula(own: &[&str], last: usize, writer: &str) -> Option<usize> {
    let from = last.saturating_sub(LONGEST);
    let is_formula = |at: &usize| own.get(*at).is_some_and(|line| formula(line));
    let start = (from..last).rev().find(is_formula)?;
    let lines = own.get(start + 1..=last)?;
    let mut below = lines.iter().filter(|line| !is_blank(line));
    let first = below.next()?;
    let named = names_writer(first, writer) || looks_like_a_name(first);
    let short = below.clone().all(|line| line.chars().count() <= 90);
    // One name and nothing else may be anybody's; more lines are the writer's only if the name is.
    let sure = names_writer(first, writer) || below.count() <= 3;
    (named && short && sure && !goes_on(lines)).then_some(start)
}

/// The writer's full name in a line of its own, with a few short lines below it: where it begins.
fn by_name(own: &[&str], first: usize, last: usize, writer: &str) -> Option<usize> {
    let lines = own.get(first..=last).filter(|_| first > 0)?;
    let (line, _) = lines.split_first()?;
    let plain = line.chars().count() <= 60 && !line.trim_end().ends_with(['.', '?', '!', ':']);
    let short = |line: &&str| line.chars().count() <= 70;
    if !plain || lines.len() > LONGEST || !lines.iter().all(short) {
        return None;
    }
    let words = names(writer);
    let named = words.len() >= 2 && words.iter().all(|word| has_word(line, word));
    (named && !goes_on(lines)).then_some(first)
}

/// True if whoever signed in the first of the lines went on writing: a postscript, a list or a sentence. Anything else may say
/// who they are and how they are reached.
fn goes_on(lines: &[&str]) -> bool {
    let name = lines.iter().position(|line| !is_blank(line));
    let (mut all, mut small) = (0, 0);
    lines.iter().enumerate().any(|(at, line)| {
        let line = line.trim();
        // A line that begins in lower case may be the end of a sentence that was wrapped.
        if !line.starts_with(char::is_lowercase) {
            (all, small) = (0, 0);
        }
        // Names, titles and places have capitals.
        let lower = words(line).filter(|word| !word.starts_with(char::is_uppercase));
        let lower = lower.count();
        all += words(line).count();
        small += lower;
        let ends = line.ends_with(['.', '?', '!', '…']) || has_word_of_sentences(line);
        let is_sentence = (all >= 4 && small >= 2 && ends)
            || (lower >= 4 && is_plain(line))
            // Where words have no spaces between them, only a sentence ends like this.
            || line.ends_with(['。', '？', '！']);
        let says = is_sentence && !is_device(&[line]) && !disclaimer::is_boilerplate(line);
        let adds = is_postscript(line) || is_point(line);
        says || (adds && name != Some(at))
    })
}

/// True for a line that begins as no title and no label does: whoever writes on a telephone leaves out capitals and full stops.
fn is_plain(line: &str) -> bool {
    let begins = line.starts_with(|c: char| c.is_alphabetic() && !c.is_uppercase());
    begins && !line.contains('|') && line.matches(':').count() < 2
}

/// True if one of the words is one that sentences have, and titles and addresses have not.
fn has_word_of_sentences(line: &str) -> bool {
    const SENTENCES: &[&[&str]] = &[
        // English.
        &[
            "is", "are", "was", "were", "has", "have", "had", "can't", "cannot", "could", "would",
            "should", "does", "doesn't", "don't", "did", "didn't", "isn't", "not", "please", "i'm",
            "i've", "we", "you", "it's", "they",
        ],
        // German.
        &[
            "ist", "sind", "hat", "haben", "habe", "kann", "können", "könnten", "bitte", "nicht",
            "auch", "ich", "wir",
        ],
        // French.
        &[
            "c'est", "n'est", "sont", "pas", "je", "j'ai", "nous", "vous", "pouvez",
        ],
        // Spanish, Portuguese and Italian.
        &[
            "está", "están", "favor", "puede", "pueden", "não", "è", "sono", "non", "potete",
        ],
        // Dutch.
        &["niet", "ook", "ik", "wij", "kunt"],
        // Swedish, Danish and Norwegian.
        &["är", "inte", "också", "ikke", "også", "jag", "jeg", "kan"],
        // Polish and Czech.
        &["jest", "nie", "są", "proszę", "není", "prosím"],
        // Russian.
        &["не", "это", "я", "мы", "нет"],
    ];
    words(line).any(|word| {
        let lower = word.to_lowercase().replace('’', "'");
        let mut known = SENTENCES.iter();
        word == "I" || known.any(|words| words.contains(&lower.as_str()))
    })
}

fn is_postscript(line: &str) -> bool {
    const BEGIN: [&str; 16] = [
        "ps:", "ps ", "ps, ", "ps. ", "p.s.", "p.s:", "p.s ", "p. s.", "p.-s.", "pps:", "pps ",
        "pps,", "pps.", "p.p.s", "nb:", "n.b.",
    ];
    let begin = |words: &&str| {
        let head = line.get(..words.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(words))
    };
    BEGIN.iter().any(begin)
}

/// True for a point of a list that says more than a number to call or an address.
fn is_point(line: &str) -> bool {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let point = match number.len() < line.len() {
        true => number.strip_prefix(['.', ')']),
        false => line.strip_prefix(['-', '*', '•', '·', '–']),
    };
    let Some(point) = point.filter(|point| point.starts_with(' ')) else {
        return false;
    };
    let digits = point.bytes().filter(u8::is_ascii_digit).count();
    let is_contact = digits >= 6 || has_address(point) || point.contains("www.");
    let framed = point.ends_with(['-', '*', '•', '·', '–']);
    let least = if is_contact { 4 } else { 1 };
    !framed && words(point).count() >= least
}

/// The words of a line that are made of letters.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split_whitespace();
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    words.filter(|word| {
        let letter = |c: char| c.is_alphabetic() || matches!(c, '-' | '\'' | '’');
        !word.is_empty() && word.chars().all(letter)
    })
}

/// A formula that ends letters, alone in its line.
pub(super) fn formula(line: &str) -> bool {
    const FORMULAS: [&str; 78] = [
        "best regards",
        "kind regards",
        "warm regards",
        "regards",
        "best",
        "best wishes",
        "all the best",
        "cheers",
        "thanks",
        "thank you",
        "many thanks",
        "thanks and regards",
        "thanks & regards",
        "with kind regards",
        "sincerely",
        "yours sincerely",
        "yours",
        "br",
        "rgds",
        "cordially",
        "mit freundlichen grüßen",
        "mit freundlichem gruß",
        "mit freundlichen grüssen",
        "freundliche grüße",
        "freundliche grüsse",
        "viele grüße",
        "viele grüsse",
        "beste grüße",
        "liebe grüße",
        "schöne grüße",
        "herzliche grüße",
        "gruß",
        "grüße",
        "mfg",
        "lg",
        "vg",
        "danke und gruß",
        "danke",
        "cordialement",
        "bien cordialement",
        "bien à vous",
        "salutations distinguées",
        "meilleures salutations",
        "amicalement",
        "merci",
        "saludos",
        "un saludo",
        "saludos cordiales",
        "un cordial saludo",
        "atentamente",
        "gracias",
        "cordiali saluti",
        "saluti",
        "distinti saluti",
        "grazie",
        "met vriendelijke groet",
        "met vriendelijke groeten",
        "groeten",
        "groet",
        "mvg",
        "atenciosamente",
        "cumprimentos",
        "com os melhores cumprimentos",
        "abraço",
        "obrigado",
        "obrigada",
        "pozdrawiam",
        "z poważaniem",
        "med vänliga hälsningar",
        "vänliga hälsningar",
        "hälsningar",
        "med venlig hilsen",
        "venlig hilsen",
        "med vennlig hilsen",
        "hilsen",
        "ystävällisin terveisin",
        "terveisin",
        "s pozdravem",
    ];
    const OTHERS: [&str; 7] = [
        "с уважением",
        "з повагою",
        "よろしくお願いします",
        "よろしくお願いいたします",
        "此致",
        "saygılarımla",
        "üdvözlettel",
    ];
    let bare = line
        .trim()
        .trim_end_matches([',', '.', '!', ' ', '，', '。']);
    if bare.len() > LONGEST_FORMULA {
        return false;
    }
    let bare = bare.to_lowercase();
    FORMULAS.contains(&bare.as_str()) || OTHERS.contains(&bare.as_str())
}

/// The words of a name: `Lovelace, Ada` has two.
fn names(writer: &str) -> Vec<String> {
    let words = writer.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| word.chars().count() >= 2)
        .map(str::to_lowercase)
        .collect()
}

fn names_writer(line: &str, writer: &str) -> bool {
    line.chars().count() <= 70 && names(writer).iter().any(|name| has_word(line, name))
}

fn has_word(line: &str, word: &str) -> bool {
    let lower = line.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    // Some languages write names without spaces between them.
    words.any(|found| found == word) || (!word.is_ascii() && lower.contains(word))
}

/// One to three words that all begin with a capital, or have none.
fn looks_like_a_name(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let plain = |word: &&str| {
        let letters = word
            .chars()
            .all(|c| c.is_alphabetic() || matches!(c, '.' | '-' | '\'' | '’'));
        letters && word.chars().next().is_some_and(|c| !c.is_lowercase())
    };
    (1..=3).contains(&words.len()) && words.iter().all(plain)
}
