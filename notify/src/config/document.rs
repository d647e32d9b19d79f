//! A TOML file being read: every value with its place, every mistake collected, no key overlooked.

use crate::diagnostic::Diagnostic;
use crate::suggest::nearest;
use crate::template::Origin;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most mistakes that are reported at once.
const MAX_FAULTS: usize = 100;

/// The file, and what is wrong with it so far.
pub(super) struct Document {
    pub(super) file: Arc<str>,
    /// Its text, with passwords blotted out, for messages.
    pub(super) text: Arc<str>,
    pub(super) faults: RefCell<Vec<Diagnostic>>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl Document {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self {
            file: file.into(),
            text: blotted(text).into(),
            faults: RefCell::default(),
        }
    }

    pub(super) fn fault(&self, span: &Range<usize>, message: impl Into<String>) {
        self.hint(span, message, None::<String>);
    }

    pub(super) fn hint(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        meant: Option<impl Into<String>>,
    ) {
        self.report(Diagnostic::new(&self.file, &self.text, span.clone(), message).suggest(meant));
    }

    /// Keeps a mistake, unless it is known: a shared layout is looked at once for each notification.
    pub(super) fn report(&self, fault: Diagnostic) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MAX_FAULTS && !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// Reports a key that is none of the known ones: with the one that may have been meant, or with all that there are.
    pub(super) fn no_key<'k>(
        &self,
        name: &At<String>,
        here: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let known: BTreeSet<&str> = known.into_iter().collect();
        let mut message = format!("there is no key `{}` {here}", name.value);
        let near = nearest(&name.value, known.iter().copied());
        if near.is_none() && !known.is_empty() {
            let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
            message.push_str(&format!("; there are {}", known.join(", ")));
        }
        self.hint(&name.span, message, near);
    }

    /// Where a text of the file stands, for what is written in it.
    pub(super) fn origin(&self, text: &At<String>) -> Origin {
        let written = self.text.get(text.span.clone()).unwrap_or_default();
        // Without escapes it stands between the quotes as it is; with them only the whole can be pointed at.
        let inside = written.find(&text.value).filter(|_| !text.value.is_empty());
        let span = match inside {
            Some(at) => text.span.start + at..text.span.start + at + text.value.len(),
            None => text.span.clone(),
        };
        Origin {
            file: self.file.clone(),
            text: self.text.clone(),
            span,
            exact: inside.is_some(),
        }
    }
}

/// The text with everything behind `password =`, `token =` and `secret =`, and the log-ins of addresses, blotted out, octet by octet.
fn blotted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        let hidden = ["password", "token", "secret"]
            .iter()
            .filter_map(|key| secret_in(body, key))
            .min();
        let (shown, secret) = body.split_at(hidden.unwrap_or(body.len()));
        push_without_log_ins(&mut out, shown);
        out.extend(secret.bytes().map(|_| '*'));
        out.push_str(line.get(body.len()..).unwrap_or_default());
    }
    out
}

/// Appends a line, with stars for what stands in front of the `@` of an address such as `https://ada:secret@example.org`.
fn push_without_log_ins(out: &mut String, line: &str) {
    let (key, value) = line.split_at(secret_in(line, "webhook").unwrap_or(line.len()));
    // What is no address yet may have a log-in all the same.
    if let (false, Some(log_in)) = (value.contains("://"), value.rfind('@')) {
        let (log_in, other) = value.split_at(log_in);
        out.push_str(key);
        out.extend(log_in.bytes().map(|_| '*'));
        out.push_str(other);
        return;
    }
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (scheme, address) = rest.split_at(at + 3);
        let end = end_of_address(line.split_at(line.len() - address.len()).0, address);
        let log_in = address.split_at(end).0.rfind('@').unwrap_or(0);
        let (log_in, other) = address.split_at(log_in);
        out.push_str(scheme);
        out.extend(log_in.bytes().map(|_| '*'));
        rest = other;
    }
    out.push_str(rest);
}

/// Where an address ends: with the quotation that it is, and elsewhere with a blank too. A log-in may hold the other mark, or a blank.
fn end_of_address(before: &str, address: &str) -> usize {
    let (mut quotation, mut is_escaped) = (None, false);
    for (at, c) in before.char_indices() {
        match quotation {
            _ if is_escaped => is_escaped = false,
            Some((_, '"')) if c == '\\' => is_escaped = true,
            Some((_, mark)) if c == mark => quotation = None,
            None if matches!(c, '"' | '\'') => quotation = Some((at, c)),
            Some(_) | None => {}
        }
    }
    let closed = quotation.and_then(|(_, mark)| {
        let mut is_escaped = false;
        address.find(|c: char| {
            let ends = c == mark && !is_escaped;
            is_escaped = mark == '"' && c == '\\' && !is_escaped;
            ends
        })
    });
    // Behind other words it is a part of a sentence, which goes on.
    let begun = quotation.and_then(|(at, _)| before.get(at + 1..));
    let is_alone = begun.is_some_and(|begun| !begun.trim_start().contains([' ', '\t']));
    let blank = address.find([' ', '\t']).filter(|_| !is_alone);
    closed
        .into_iter()
        .chain(blank)
        .min()
        .unwrap_or(address.len())
}

/// Where the value of a key begins in a line.
fn secret_in(line: &str, key: &str) -> Option<usize> {
    line.match_indices(key).find_map(|(at, _)| {
        let rest = line.get(at + key.len()..)?;
        let value = rest
            .trim_start_matches(['"', '\'', ' ', '\t'])
            .strip_prefix('=')?;
        Some(line.len() - value.trim_start().len())
    })
}

/// One table of the file. Every key that is asked for is known; [`finish`](Self::finish) reports the others.
pub(super) struct Section<'d> {
    pub(super) document: &'d Document,
    /// As it is written in brackets: `smtp.main`.
    pub(super) name: String,
    pub(super) span: Range<usize>,
    table: &'d DeTable<'d>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    pub(super) fn new(
        document: &'d Document,
        name: String,
        span: Range<usize>,
        table: &'d DeTable<'d>,
    ) -> Self {
        let asked = RefCell::default();
        Self {
            document,
            name,
            span,
            table,
            asked,
        }
    }

    fn value(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.borrow_mut().push(key);
        self.table
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// The place of a key, or of the whole table.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        let found = self.table.keys().find(|name| name.get_ref() == key);
        found.map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub(super) fn fault(&self, key: &str, message: impl Into<String>) {
        self.document.fault(&self.place(key), message);
    }

    fn wrong_type(&self, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = kind(value.get_ref());
        self.document.fault(
            &value.span(),
            format!("{expected} is expected here, not {found}"),
        );
    }

    pub(super) fn text(&self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(value, "a text in quotes");
            return None;
        };
        Some(At {
            value: text.to_owned(),
            span: value.span(),
        })
    }

    /// A text that must be there.
    pub(super) fn required(&self, key: &'static str) -> Option<At<String>> {
        if !self.has(key) {
            self.missing(key);
            return None;
        }
        self.text(key)
    }

    pub(super) fn missing(&self, key: &str) {
        self.document
            .fault(&self.span, format!("[{}] needs `{key}`", self.name));
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(value, "true or false");
        }
        found
    }

    pub(super) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let Some(number) = value.get_ref().as_integer() else {
            self.wrong_type(value, "a whole number");
            return None;
        };
        let parsed = u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok();
        let found = parsed.filter(|number| range.contains(number));
        if found.is_none() {
            let message = format!(
                "a number from {} to {} is expected here",
                range.start(),
                range.end()
            );
            self.document.fault(&value.span(), message);
        }
        found
    }

    /// A list of texts; one alone may go without brackets.
    pub(super) fn texts(&self, key: &'static str) -> Vec<At<String>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let one = std::slice::from_ref(value);
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => one.iter().collect::<Vec<_>>(),
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) => texts.push(At {
                    value: text.to_owned(),
                    span: item.span(),
                }),
                None => self.wrong_type(item, "a text in quotes"),
            }
        }
        texts
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'d>> {
        let value = self.value(key)?;
        let name = match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(value, &format!("a table [{name}]"));
            return None;
        };
        Some(Section::new(self.document, name, value.span(), table))
    }

    /// The tables below a key, `[smtp.main]` and `[smtp.backup]`, in the order of the file.
    pub(super) fn sections(&self, key: &'static str) -> Vec<(At<String>, Section<'d>)> {
        let Some(all) = self.section(key) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, value) in all.entries() {
            match value.get_ref().as_table() {
                Some(table) => {
                    let path = format!("{}.{}", all.name, name.value);
                    let section = Section::new(self.document, path, name.span.clone(), table);
                    found.push((name, section));
                }
                None => self.wrong_type(value, &format!("a table [{}.NAME]", all.name)),
            }
        }
        found
    }

    /// All keys and values, in the order of the file; none of them is unknown.
    pub(super) fn entries(&self) -> Vec<(At<String>, &'d Spanned<DeValue<'d>>)> {
        let mut found: Vec<_> = self
            .table
            .iter()
            .map(|(name, value)| {
                (
                    At {
                        value: name.get_ref().to_string(),
                        span: name.span(),
                    },
                    value,
                )
            })
            .collect();
        found.sort_by_key(|(name, _)| name.span.start);
        found
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for (name, _) in self.entries() {
            if !asked.contains(&name.value.as_str()) {
                let here = match self.name.as_str() {
                    "" => "at the top of the file".to_owned(),
                    name => format!("in [{name}]"),
                };
                let known = asked.iter().copied();
                // These are asked for to be refused.
                let known = known.filter(|key| !["password", "token", "secret"].contains(key));
                self.document.no_key(&name, &here, known);
            }
        }
    }
}

/// A value in words.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// One of several words; reports any other.
pub(super) fn choice<T: Clone>(
    document: &Document,
    text: &At<String>,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let found = choices.iter().find(|(name, _)| *name == text.value);
    if let Some((_, chosen)) = found {
        return Some(chosen.clone());
    }
    let names = || choices.iter().map(|(name, _)| *name);
    let list: Vec<String> = names().map(|name| format!("`{name}`")).collect();
    let message = format!("`{}` is none of {}", text.value, list.join(", "));
    document.hint(&text.span, message, nearest(&text.value, names()));
    None
}

/// Reports a value that another constructor refuses.
pub(super) fn accept<T, E: Display>(
    document: &Document,
    span: &Range<usize>,
    result: Result<T, E>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            document.fault(span, error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_and_nothing_else_moves() {
        let text = "password = \"hunter2\" # x\r\npassword_env = \"P\"\n{ user = \"a\", \"token\" = 'ü' }\nsecret=\n";
        let found = blotted(text);
        assert_eq!(
            found,
            "password = *************\r\npassword_env = \"P\"\n{ user = \"a\", \"token\" = ******\nsecret=\n"
        );
        assert_eq!(found.len(), text.len());
        let text = "[\"https://a:b/c@h/x\", 'http://h', \"ftp://@h\"] # a@b";
        let found = "[\"https://*****@h/x\", 'http://h', \"ftp://@h\"] # a@b";
        assert_eq!(blotted(text), found);
        let text = r#"["s://a'b@h", 's://a"b c@h', "s://a\"b@h", "\"", 'see s://h, or a@b']"#;
        let found = r#"["s://***@h", 's://*****@h', "s://****@h", "\"", 'see s://h, or a@b']"#;
        assert_eq!(blotted(text), found);
    }
}
