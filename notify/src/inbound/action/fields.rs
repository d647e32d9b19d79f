//! The values that a mail gives to the fields of a record.

use super::context::MailView;
use super::{ActionError, Incoming, Step};
use crate::inbound::rule::{InboundAction, Lines};
use crate::record::Fields;
use crate::records::{RecordError, Records};
use crate::template::{Context, TemplateError, Templates};
use serde_json::Value;

/// More lines than this between the marks are not read.
const MOST_LINES: usize = 200;

/// What the fields are made of.
pub(super) struct Given<'a> {
    pub(super) incoming: &'a Incoming<'a>,
    pub(super) mail: &'a MailView,
    pub(super) context: &'a Context,
    pub(super) templates: &'a Templates,
    pub(super) records: &'a Records,
}

/// The fields that an action sets: by its templates, by the mail's own lines, by its comment.
pub(super) fn of(
    action: &InboundAction,
    given: &Given<'_>,
    step: &mut Step,
) -> Result<Fields, ActionError> {
    let incoming = given.incoming;
    let mut fields = Fields::new();
    if incoming.is_stranger() {
        let says = given.mail.words().map(|text| {
            format!(
                "{} writes, without having been asked:\n{text}",
                incoming.author.address
            )
        });
        match (&action.comment, says) {
            (Some(field), Some(text)) => drop(fields.insert(field.clone(), Value::String(text))),
            (Some(_), None) => wordless(incoming, step),
            (None, _) => {}
        }
        return Ok(fields);
    }
    for (field, _) in &action.set {
        let text = given
            .templates
            .render(&action.template_of(field), given.context)
            .map_err(|error| match error {
                TemplateError::Store(error) => ActionError::Store(error),
                error => ActionError::of(action, format!("field {field}: {error}")),
            })?;
        // Nothing is no value: a guest has no user id to put into a reference.
        if !text.is_empty() {
            fields.insert(field.clone(), Value::String(text));
        }
    }
    if let Some(lines) = &action.lines {
        for (field, value) in between(lines, &incoming.mail.unquoted()) {
            let one = Fields::from_iter([(field.clone(), Value::from(value))]);
            match given.records.check(&action.table, &one) {
                Ok(()) => fields.extend(one),
                Err(RecordError::Store(error)) => return Err(ActionError::Store(error)),
                // What somebody wrote wrongly into a mail is no reason to try the mail again.
                Err(error) => step.notes.push(format!("the line {field}: {error}")),
            }
        }
    }
    if let Some(field) = &action.comment {
        match given.mail.words() {
            Some(text) => drop(fields.insert(field.clone(), Value::String(text))),
            None => wordless(incoming, step),
        }
    }
    Ok(fields)
}

/// Notes that there is nothing to write into the journal. Perhaps it stands inside of what is quoted: a person can tell.
fn wordless(incoming: &Incoming<'_>, step: &mut Step) {
    let empty = incoming.mail.text.trim().is_empty();
    step.wordless |= !empty;
    step.notes.push(match empty {
        true => "the mail has no text".to_owned(),
        false => {
            "the mail has no words of its own beside what it quotes and how it is signed".to_owned()
        }
    });
}

/// The lines `name: value` (or `name=value`) between the marks, for the fields that may be set; the last one of a field counts.
/// The text has nothing in it that was only quoted: that is somebody else's, or from some time ago.
fn between(lines: &Lines, text: &str) -> Vec<(String, String)> {
    let own = text.lines().map(str::trim);
    let inside = own.skip_while(|line| *line != lines.start).skip(1);
    let inside = inside
        .take(MOST_LINES)
        .take_while(|line| *line != lines.end);
    let pairs = inside.filter_map(|line| line.split_once([':', '=']));
    let known = pairs.filter_map(|(name, value)| {
        let field = lines
            .fields
            .iter()
            .find(|field| field.eq_ignore_ascii_case(name.trim()))?;
        Some((field.clone(), value.trim().to_owned()))
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_between_the_marks_and_only_named_fields_are_read() {
        let lines = Lines {
            start: "parse_start".into(),
            end: "parse_end".into(),
            fields: vec!["priority".into(), "state".into()],
        };
        let read = |text: &str| between(&lines, text);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let text = "priority: 9\n parse_start \nPriority: 2\nowner: x\nstate=3: new\nwords\nparse_end\nstate: 9\n";
        assert_eq!(read(text), [pair("priority", "2"), pair("state", "3: new")]);
        assert_eq!(read("priority: 1"), []);
    }
}
