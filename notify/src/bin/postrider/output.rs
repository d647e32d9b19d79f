//! What is printed, and how: colour on a terminal only and never against NO_COLOR, and no control character
//! of anybody else's reaches the terminal.

use postrider_wire::escape::Escaped;
use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Prints a line of ours to standard output.
pub(crate) fn line(text: impl Display) {
    write(&mut std::io::stdout().lock(), &text.to_string());
}

/// Prints an error sentence to standard error.
pub(crate) fn error(sentence: &str) {
    let mark = paint_on(std::io::stderr().is_terminal(), Style::Bad, "postrider:");
    write(
        &mut std::io::stderr().lock(),
        &format!("{mark} {}", lines(sentence)),
    );
}

/// Prints a remark to standard error, so that standard output stays what was asked for.
pub(crate) fn remark(text: impl Display) {
    write(&mut std::io::stderr().lock(), &lines(&text.to_string()));
}

fn write(out: &mut impl Write, text: &str) {
    // A reader that has gone away, as `postrider log | head` has, is no reason to complain.
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Foreign text on one line.
pub(crate) fn foreign(text: &str) -> String {
    Escaped(text.as_bytes()).to_string()
}

/// Foreign text with its line ends.
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(foreign).collect();
    lines.join("\n")
}

/// How a word is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// A heading.
    Head,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// It may matter less.
    Dim,
}

/// The text in the colour of its meaning, if standard output is a terminal that wants colour.
pub(crate) fn paint(style: Style, text: &str) -> String {
    paint_on(std::io::stdout().is_terminal(), style, text)
}

fn paint_on(terminal: bool, style: Style, text: &str) -> String {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if !terminal || refused {
        return text.to_owned();
    }
    let code = match style {
        Style::Head => "1",
        Style::Good => "32",
        Style::Bad => "31",
        Style::Dim => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Rows as columns, each as wide as it needs to be; values are foreign text.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| foreign(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let cells = cells.map(|cell| cell.chars().count());
        let head = head.get(column).map_or(0, |h| h.chars().count());
        cells.chain([head]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let format = |cells: Vec<&str>| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let padding = width.saturating_sub(cell.chars().count()) + 2;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', padding));
        }
        line.trim_end().to_owned()
    };
    let mut out = vec![paint(Style::Head, &format(head.to_vec()))];
    out.extend(
        rows.iter()
            .map(|row| format(row.iter().map(String::as_str).collect())),
    );
    out.join("\n")
}
