//! Mistakes in configuration and templates, shown where they are.
//!
//! ```text
//! postrider.toml:12:1: there is no key `prot` here
//!    |
//! 12 | prot = 25
//!    | ^^^^ did you mean `port`?
//! ```

use std::fmt;
use std::ops::Range;

/// One mistake: where it is, what it is, and what may have been meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if the whole file is meant.
    pub line: usize,
    /// The column of the first character, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What may have been meant, as it should be written.
    pub suggestion: Option<String>,
    /// The line of the file, and how many characters of it are meant.
    source: Option<(String, usize)>,
}

impl Diagnostic {
    /// A mistake at a range of octets of a file's text.
    pub fn new(file: &str, text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = floor(text, span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let rest = text.get(line_start..).unwrap_or_default();
        let source = rest.lines().next().unwrap_or_default();
        let in_line = start - line_start;
        let meant = source.get(in_line..).unwrap_or_default();
        let end = floor(text, span.end.max(start)) - start;
        let width = meant.get(..end).unwrap_or(meant).chars().count().max(1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: source.get(..in_line).unwrap_or(source).chars().count() + 1,
            message: message.into(),
            suggestion: None,
            source: Some((source.to_owned(), width)),
        }
    }

    /// A mistake that is not at one place of the file.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            message: message.into(),
            suggestion: None,
            source: None,
        }
    }

    /// With what may have been meant.
    #[must_use]
    pub fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// Place and message in one line.
    pub fn summary(&self) -> String {
        match self.line {
            0 => format!("{}: {}", self.file, self.message),
            line => format!("{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

/// The last boundary of a character at or before `at`.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        let hint = match &self.suggestion {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => String::new(),
        };
        let Some((source, width)) = &self.source else {
            return match hint.is_empty() {
                true => Ok(()),
                false => write!(f, "; {hint}"),
            };
        };
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        // A tab takes one column here as there, so the caret stands below.
        let indent: String = source
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let carets = "^".repeat(*width);
        let last = format!("{indent}{carets} {hint}");
        write!(
            f,
            "\n{gutter} |\n{number} | {source}\n{gutter} | {}",
            last.trim_end()
        )
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_what_is_meant() {
        let text = "a = 1\n\tbö = \"ü\" # x\n";
        let start = text.find("\"ü\"").unwrap();
        let diagnostic =
            Diagnostic::new("f.toml", text, start..start + 4, "no ü").suggest(Some("u"));
        assert_eq!(
            diagnostic.to_string(),
            "f.toml:2:7: no ü\n  |\n2 | \tbö = \"ü\" # x\n  | \t     ^^^ did you mean `u`?"
        );
    }

    #[test]
    fn any_span_is_shown_without_panic() {
        for text in ["", "ü", "a\r\nb", "\n\n"] {
            for start in 0..6 {
                for end in 0..6 {
                    let shown = Diagnostic::new("f", text, start..end, "m").to_string();
                    assert!(shown.contains('^'), "{shown}");
                }
            }
        }
        assert_eq!(
            Diagnostic::of_file("f", "m").suggest(Some("x")).to_string(),
            "f: m; did you mean `x`?"
        );
    }
}
