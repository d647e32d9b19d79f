//! `postrider log --export FILE`: the email log for other programs, as JSON lines or CSV.
//!
//! The fields are those of `log --json`; in CSV those of the last attempt stand beside the others. Neither names nor order change.

use super::log::object;
use crate::exit::{Code, Failure, Result};
use crate::output::Progress;
use crate::private;
use postrider_notify::outgoing::LogRow;
use serde_json::Value;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a heading (RFC 4180).
    Csv,
}

impl Form {
    /// The form that a file of this name has.
    pub(super) fn of(path: &str) -> Self {
        match path.to_ascii_lowercase().ends_with(".csv") {
            true => Self::Csv,
            false => Self::Jsonl,
        }
    }
}

/// The columns of CSV.
const COLUMNS: [&str; 16] = [
    "delivery",
    "created",
    "state",
    "mailbox",
    "reason",
    "event",
    "notification",
    "message_id",
    "sender",
    "recipient",
    "subject",
    "account",
    "record",
    "expires",
    "attempts",
    "next_at",
];

/// Those of the last attempt.
const LAST: [&str; 6] = ["peer", "tls", "stage", "code", "enhanced", "text"];

/// An export under way.
pub(super) struct Export {
    out: BufWriter<Box<dyn Write>>,
    path: String,
    form: Form,
    progress: Progress,
}

impl Export {
    /// Into a new file, or to standard output for `-`. What is there is not overwritten.
    pub(super) fn to(path: &str, form: Form) -> Result<Self> {
        let out: Box<dyn Write> = match path {
            "-" => Box::new(io::stdout()),
            path => Box::new(private::new_file(Path::new(path)).map_err(|error| {
                Failure::new(Code::CannotCreate, format!("cannot create {path}: {error}"))
            })?),
        };
        let mut export = Self {
            out: BufWriter::new(out),
            path: path.to_owned(),
            form,
            progress: Progress::new("mails"),
        };
        if form == Form::Csv {
            let head: Vec<&str> = COLUMNS.into_iter().chain(LAST).collect();
            export.written(|out| write!(out, "{}\r\n", head.join(",")))?;
        }
        Ok(export)
    }

    /// Writes rows. False if whoever reads them has gone away.
    pub(super) fn rows(&mut self, rows: &[LogRow]) -> Result<bool> {
        let form = self.form;
        for row in rows {
            let object = object(row);
            let written = self.written(|out| match form {
                Form::Jsonl => writeln!(out, "{object}"),
                Form::Csv => write!(out, "{}\r\n", line(&object)),
            })?;
            if !written {
                return Ok(false);
            }
        }
        self.progress.step(rows.len());
        Ok(true)
    }

    pub(super) fn end(mut self) -> Result {
        self.progress.end();
        self.written(Write::flush).map(|_| ())
    }

    /// False if whoever reads it has gone away, as `postrider log --export - | head` has.
    fn written(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Box<dyn Write>>) -> io::Result<()>,
    ) -> Result<bool> {
        match write(&mut self.out) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => {
                let sentence = format!("cannot write {}: {error}", self.path);
                Err(Failure::new(Code::Io, sentence))
            }
        }
    }
}

fn line(object: &Value) -> String {
    let own = COLUMNS.iter().map(|name| cell(&object[*name]));
    let last = LAST.iter().map(|name| cell(&object["last"][*name]));
    own.chain(last).collect::<Vec<_>>().join(",")
}

/// A value between quotes where it needs them; nothing for null.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rfc4180_what_holds_a_comma_a_quote_or_a_line_end_is_quoted() {
        let cells = ["plain", "a,b", "say \"x\"", "two\nlines"].map(|text| cell(&json!(text)));
        assert_eq!(
            cells,
            ["plain", "\"a,b\"", "\"say \"\"x\"\"\"", "\"two\nlines\""]
        );
        assert_eq!(
            (cell(&Value::Null), cell(&json!(7))),
            (String::new(), "7".to_owned())
        );
    }
}
