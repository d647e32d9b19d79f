//! What a reply says itself, apart from what it quotes and how it is signed.
//!
//! This is a guess by nature, so the whole text is always kept beside it. The rules, each in a file of its own, go by the
//! shapes that mail programs write, in some twenty languages, and not by the programs' names:
//!
//! * lines with `>` are quotes; the line that introduces them (`On … wrote:`) goes with them (`attribution`);
//! * an introduction without marks behind it, a block of `From: … Sent: … To: …` (`head`) or a line such as
//!   `-----Original Message-----` (`separator`) ends the writer's own text;
//! * so does `-- ` (RFC 3676 §4.3); a closing formula with the writer's name (`signature`), `Sent from my …` (`device`) and
//!   legal boilerplate (`disclaimer`) are taken off its end.
//!
//! What stands between two quotes is the writer's own and stays.
//!
//! Not supported: quotes that are marked by colour or indentation only; answers written into the lines of a quote.

mod attribution;
mod device;
mod disclaimer;
mod head;
mod html;
pub(super) mod line;
mod separator;
mod signature;
mod tidy;

use super::beginning::beginning;
use line::{Line, is_blank};

/// A text of more octets is no letter that somebody answers: it is left as it is.
const LONGEST: usize = 1024 * 1024;

/// Signatures and paragraphs of boilerplate, one below the other, that are taken off a text at most.
const LAYERS: usize = 10;

/// The writer's own words in a plain text, trimmed; empty if there are none. All of a text of more than 1 MiB.
pub fn new_text(text: &str) -> String {
    new_text_of(text, "")
}

/// The same, where the writer's name is known: a signature shows by it.
pub fn new_text_of(text: &str, writer: &str) -> String {
    if text.len() > LONGEST {
        return text.trim().to_owned();
    }
    let mut own = own_lines(&lines_of(text), separator::may_ask(text), Signed::Ends);
    for _ in 0..LAYERS {
        let before = own.len();
        tidy::drop_rules(&mut own);
        disclaimer::drop(&mut own);
        signature::drop(&mut own, writer);
        if own.len() == before {
            break;
        }
    }
    tidy::joined(&own)
}

/// The same of an HTML text.
pub fn new_text_of_html(html: &str, writer: &str) -> String {
    new_text_of(&text_of_html(html), writer)
}

/// What the writer wrote, with the signature: nothing that is quoted is in it. Of the first 1 MiB, as it is to be believed.
pub(super) fn unquoted(text: &str) -> String {
    let text = beginning(text, LONGEST);
    let own = own_lines(&lines_of(text), separator::may_ask(text), Signed::GoesOn);
    tidy::joined(&own)
}

/// True if a quote without marks begins somewhere: an answer may stand inside of it.
pub(super) fn may_hide_words(text: &str) -> bool {
    let (lines, asking) = (lines_of(text), separator::may_ask(text));
    let begins = |at: usize| {
        lines.get(at).is_some_and(|line| !line.is_quote()) && ends_own_text(&lines, at, asking)
    };
    text.len() <= LONGEST && (0..lines.len()).any(begins)
}

/// An HTML text as the rules read it.
pub(super) fn text_of_html(html: &str) -> String {
    postrider_mime::html_to_text(&html::marked(html))
}

/// True if a line of the text names the sender of another mail.
pub(super) fn shows_a_sender(text: &str) -> bool {
    line::lines(text).any(head::names_a_sender)
}

fn lines_of(text: &str) -> Vec<Line<'_>> {
    line::lines(text).map(Line::new).collect()
}

/// What the delimiter of a signature means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    /// The writer's own text ends there.
    Ends,
    /// It goes on: whoever signed wrote that as well.
    GoesOn,
}

/// The lines that are neither quoted nor introduce a quote; `asking` if one of them may ask for answers above it.
fn own_lines<'t>(lines: &[Line<'t>], asking: bool, signed: Signed) -> Vec<&'t str> {
    let delimiters = lines.iter().filter(|line| line.is_bare_delimiter()).count();
    let mut own: Vec<&Line<'t>> = Vec::with_capacity(lines.len());
    let mut quoting = false;
    for (at, line) in lines.iter().enumerate() {
        if line.is_quote() {
            if !quoting {
                attribution::drop_last(&mut own);
            }
            quoting = true;
            continue;
        }
        // Several of them part sections of the text.
        let one = delimiters == 1 || !line.is_bare_delimiter();
        let rest = lines.get(at..).unwrap_or_default();
        let ends = signed == Signed::Ends && one && signature::is_delimiter(rest);
        if ends || (one && ends_own_text(lines, at, asking)) {
            break;
        }
        if is_wrapped_quote(lines, at) {
            continue;
        }
        // A gap inside of a quote belongs to it.
        quoting &= line.is_blank();
        own.push(line);
    }
    own.into_iter().map(|line| line.text).collect()
}

/// True if a line is the end of a quoted one that a program wrapped on its way: between two quoted lines, and no sentence of its own.
/// Below a sentence that has ended stands an answer, whatever letter it begins with.
fn is_wrapped_quote(lines: &[Line<'_>], at: usize) -> bool {
    let line = |at: Option<usize>| at.and_then(|at| lines.get(at));
    let is_long = |line: &Line<'_>| line.is_quote() && line.bare.chars().count() >= 60;
    let is_open = |line: &Line<'_>| {
        let words = line.bare.trim_end_matches(['"', '”', '»', '\'', '’', ')']);
        !words.ends_with(['.', '?', '!', ':', ';', '…', '。', '？', '！', '：'])
    };
    let goes_on = |line: &Line<'_>| line.bare.chars().next().is_some_and(char::is_lowercase);
    line(at.checked_sub(1)).is_some_and(|line| is_long(line) && is_open(line))
        && line(Some(at)).is_some_and(goes_on)
        && line(Some(at + 1)).is_some_and(Line::is_quote)
}

/// True if nothing from this line on is the writer's own.
fn ends_own_text(lines: &[Line<'_>], at: usize, asking: bool) -> bool {
    let rest = lines.get(at..).unwrap_or_default();
    rest.first()
        .is_some_and(|line| line.bare.starts_with(html::MARK))
        || separator::is(rest, asking)
        || head::is(rest)
        || (is_paragraph(lines, at) && attribution::is_unmarked(rest))
}

/// True if a paragraph begins here.
fn is_paragraph(lines: &[Line<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| lines.get(before));
    before.is_none_or(|line| line.is_blank() || line.is_quote())
}

#[cfg(test)]
mod tests;
