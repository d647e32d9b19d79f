//! Where templates come from, and what an error of the engine means there.

use super::rewrite::{Rewritten, rewrite};
use super::{limits, unclosed};
use crate::diagnostic::Diagnostic;
use minijinja::{Error, ErrorKind};
use std::error::Error as _;
use std::ops::Range;
use std::sync::Arc;

/// The file that a template stands in, and where in it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) file: Arc<str>,
    /// The text of the whole file.
    pub(crate) text: Arc<str>,
    /// What of it is the template.
    pub(crate) span: Range<usize>,
    /// Whether it stands there letter by letter; with escapes in it, only the whole can be pointed at.
    pub(crate) exact: bool,
}

impl Origin {
    /// A file of its own.
    pub(crate) fn file(file: &str, text: &str) -> Self {
        Self {
            file: file.into(),
            text: text.into(),
            span: 0..text.len(),
            exact: true,
        }
    }

    /// No file at all.
    pub(super) fn value(text: &str) -> Self {
        Self::file("template", text)
    }

    /// A mistake at a place of the template.
    pub(crate) fn fault(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let span = match self.exact {
            true => self.span.start + span.start..self.span.start + span.end,
            false => self.span.clone(),
        };
        Diagnostic::new(&self.file, &self.text, span, message)
    }
}

/// A template, ready to be compiled.
#[derive(Debug)]
pub(super) struct Source {
    origin: Origin,
    rewritten: Rewritten,
}

impl Source {
    pub(super) fn new(origin: Origin, written: &str) -> Result<Self, Diagnostic> {
        limits::check(written).map_err(|(span, message)| origin.fault(span, message))?;
        match rewrite(written) {
            Ok(rewritten) => Ok(Self { origin, rewritten }),
            Err(refused) => Err(origin.fault(refused.span, refused.message)),
        }
    }

    pub(super) fn expression(origin: Origin, written: &str) -> Result<Self, Diagnostic> {
        limits::check_expression(written, &(0..written.len()))
            .map_err(|(span, message)| origin.fault(span, message))?;
        let rewritten = Rewritten {
            text: written.to_owned(),
            ..Rewritten::default()
        };
        Ok(Self { origin, rewritten })
    }

    /// The text that the engine reads.
    pub(super) fn text(&self) -> &str {
        &self.rewritten.text
    }

    /// A mistake at a place of [`text`](Self::text).
    pub(super) fn at(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        self.origin.fault(self.rewritten.original(span), message)
    }

    /// What an error of the engine means.
    pub(super) fn fault(&self, error: &Error) -> Diagnostic {
        let detail = error.detail().unwrap_or_default();
        if error.kind() == ErrorKind::SyntaxError
            && detail.contains("end of input")
            && let Some((span, word)) = unclosed::find(self.text())
        {
            return self.at(
                span,
                format!("`{word}` is never closed: `{{% end{word} %}}` is missing"),
            );
        }
        let span = error
            .range()
            .or_else(|| self.line(error.line()?))
            .unwrap_or(0..0);
        let code = self.text().get(span.clone()).unwrap_or_default();
        self.at(span.clone(), message(error, code))
    }

    fn line(&self, number: usize) -> Option<Range<usize>> {
        let mut start = 0;
        for (n, line) in self.text().split_inclusive('\n').enumerate() {
            if n + 1 == number {
                return Some(start..start + line.trim_end().len());
            }
            start += line.len();
        }
        None
    }
}

/// The error that the others were caused by.
pub(super) fn cause(error: &Error) -> &Error {
    let mut cause = error;
    // An error inside an included template has one more layer for each that includes it.
    for _ in 0..1_000 {
        match cause
            .source()
            .and_then(|inner| inner.downcast_ref::<Error>())
        {
            Some(inner) if inner.name().is_some() => cause = inner,
            _ => break,
        }
    }
    cause
}

/// What to say about an error.
pub(super) fn message(error: &Error, code: &str) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError if !code.is_empty() => {
            format!("`{code}` is not there")
        }
        ErrorKind::OutOfFuel => "this takes too long, or makes too much".into(),
        ErrorKind::WriteFailure => match error.source() {
            Some(limit) => limit.to_string(),
            None => "the result is too long".into(),
        },
        ErrorKind::SyntaxError => format!("syntax error: {detail}"),
        kind if detail.is_empty() => kind.to_string(),
        _ => detail.to_owned(),
    }
}
