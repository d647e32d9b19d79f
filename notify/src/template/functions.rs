//! The functions, tests and the formatter that our templates have beside those of MiniJinja.

use super::record::{Link, RecordView};
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};
use std::fmt::Write;
use std::sync::Arc;

/// Names that may be called.
pub(super) const FUNCTIONS: [&str; 10] = [
    "changed",
    "journal",
    "mail_script",
    "mailto",
    "notif_prefs",
    "notif_unsub",
    "uri",
    "range",
    "dict",
    "namespace",
];

pub(super) fn add_to(env: &mut Environment<'static>) {
    env.add_function("changed", changed);
    env.add_function("journal", journal);
    env.add_function("uri", uri);
    env.add_filter("local", super::moment::local);
    super::links::add_to(env);
    // An unset number or date is undefined in a condition, and unset all the same.
    env.add_test("none", |value: &Value| {
        value.is_none() || value.is_undefined()
    });
    env.set_formatter(write);
}

/// The record that the template is about.
pub(super) fn current(state: &State<'_, '_>) -> Result<Arc<RecordView>, Error> {
    let current = state.lookup("current");
    current
        .and_then(|value| value.downcast_object::<RecordView>())
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "there is no record here"))
}

/// `changed('priority')`: the event gave the field another value.
fn changed(state: &State<'_, '_>, field: &str) -> Result<bool, Error> {
    let record = current(state)?;
    record.changed(field).ok_or_else(|| {
        let message = format!("the table `{}` has no field `{field}`", record.table);
        Error::new(ErrorKind::InvalidOperation, message)
    })
}

/// `journal('comments', 3)`: the last entries, newest first, with author and time.
fn journal(state: &State<'_, '_>, field: &str, count: usize) -> Result<String, Error> {
    let record = current(state)?;
    let fields: Vec<&str> = field.split("_and_").collect();
    let mut out = String::new();
    for entry in record.entries(&fields, count.min(100)) {
        let author = record.reference("user", Some(&entry.author)).display();
        let created = super::moment::shown(state, entry.created)?;
        let _ = write!(out, "{created} {author}\n{}\n\n", entry.text);
    }
    out.truncate(out.trim_end().len());
    Ok(out)
}

/// `uri(view='x')`: the address of the record, with these parameters.
fn uri(state: &State<'_, '_>, parameters: Kwargs) -> Result<String, Error> {
    let mut out = current(state)?.address().unwrap_or_default();
    let mut names: Vec<&str> = parameters.args().collect();
    names.sort_unstable();
    for (n, name) in names.into_iter().enumerate() {
        let value: String = parameters.get(name)?;
        out.push(if n == 0 { '?' } else { '&' });
        let _ = write!(out, "{name}={}", value.replace(' ', "%20"));
    }
    parameters.assert_all_used()?;
    Ok(out)
}

/// Writes a value: nothing for none, `true` and `false` in lower case, a list with commas, and HTML escaped where it has to be.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let html = matches!(state.auto_escape(), AutoEscape::Html);
    put(out, html, value).map_err(Error::from)
}

fn put(out: &mut Output<'_>, html: bool, value: &Value) -> std::fmt::Result {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => Ok(()),
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Seq | ValueKind::Iterable => {
            for (n, item) in value.try_iter().into_iter().flatten().enumerate() {
                if n > 0 {
                    out.write_str(", ")?;
                }
                put(out, html, &item)?;
            }
            Ok(())
        }
        _ if value.is_safe() => out.write_str(value.as_str().unwrap_or_default()),
        _ if html => match value.downcast_object_ref::<Link>() {
            Some(link) => out.write_str(&anchor(link)),
            None => escape(out, &value.to_string()),
        },
        _ => write!(out, "{value}"),
    }
}

fn anchor(link: &Link) -> String {
    let mut html = String::new();
    let _ = match &link.url {
        Some(url) => {
            html.push_str("<a href=\"");
            escape(&mut html, url)
                .and_then(|()| {
                    html.push_str("\">");
                    escape(&mut html, &link.text)
                })
                .map(|()| html.push_str("</a>"))
        }
        None => escape(&mut html, &link.text),
    };
    html
}

/// Text as it stands in HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a string does not fail.
    let _ = escape(&mut out, text);
    out
}

/// Writes text into HTML, where it can begin no element and end no attribute.
fn escape(out: &mut impl Write, text: &str) -> std::fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, from) = rest.split_at(at);
        out.write_str(plain)?;
        let mut letters = from.chars();
        out.write_str(match letters.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('"') => "&quot;",
            _ => "&#39;",
        })?;
        rest = letters.as_str();
    }
    out.write_str(rest)
}
