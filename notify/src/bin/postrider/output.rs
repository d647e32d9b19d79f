//! What is printed, and how: colour on a terminal only and never against NO_COLOR, and no control character
//! of anybody else's reaches the terminal.

use crate::exit::{Code, Failure, Result};
use postrider_wire::escape::Escaped;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

/// What was the first to keep something from standard output.
static FAULT: OnceLock<io::Error> = OnceLock::new();

/// Prints a line of ours to standard output.
pub(crate) fn line(text: impl Display) {
    note(write(&mut io::stdout().lock(), &text.to_string()));
}

/// Writes octets to standard output as they are.
pub(crate) fn octets(octets: &[u8]) {
    let mut out = io::stdout().lock();
    note(out.write_all(octets).and_then(|()| out.flush()));
}

/// Keeps in mind what came of writing to standard output.
pub(crate) fn note(written: io::Result<()>) {
    // A reader that has gone away, as `postrider log | head` has, is no reason to complain.
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The first says enough.
        let _ = FAULT.set(error);
    }
}

/// Whether all that was printed is where standard output goes.
pub(crate) fn written() -> Result {
    match FAULT.get() {
        None => Ok(()),
        Some(error) => {
            let sentence = format!("cannot write to standard output: {error}");
            Err(Failure::new(Code::Io, sentence))
        }
    }
}

/// Prints an error sentence to standard error.
pub(crate) fn error(sentence: &str) {
    let mark = paint_on(std::io::stderr().is_terminal(), Style::Bad, "postrider:");
    // Nobody is left to be told where standard error cannot be written to.
    let _ = write(
        &mut std::io::stderr().lock(),
        &format!("{mark} {}", lines(sentence)),
    );
}

/// Prints a remark to standard error, so that standard output stays what was asked for.
pub(crate) fn remark(text: impl Display) {
    let _ = write(&mut std::io::stderr().lock(), &lines(&text.to_string()));
}

fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "{text}")?;
    out.flush()
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
    /// It does not happen.
    Struck,
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
        Style::Struck => "9",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// How far long work has come: one line on standard error that changes, if that is a terminal.
pub(crate) struct Progress {
    what: &'static str,
    count: usize,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        let (count, shown) = (0, false);
        Self { what, count, shown }
    }

    /// So many more are done.
    pub(crate) fn step(&mut self, more: usize) {
        self.count += more;
        let mut err = std::io::stderr().lock();
        if err.is_terminal() {
            self.shown = true;
            let _ = write!(err, "\r{} {} …", self.count, self.what);
            let _ = err.flush();
        }
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// ✓ or ✗.
pub(crate) fn mark(holds: bool) -> String {
    match holds {
        true => paint(Style::Good, "✓"),
        false => paint(Style::Bad, "✗"),
    }
}

/// Each line behind so many blanks; values are foreign text.
pub(crate) fn indented(text: &str, blanks: usize) -> String {
    let line = |line: &str| match line.is_empty() {
        true => String::new(),
        false => format!("{:blanks$}{}", "", foreign(line)),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
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
