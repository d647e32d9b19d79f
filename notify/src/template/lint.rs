//! Templates and expressions checked before the first event: every name that they use, against the schema.

use super::functions::FUNCTIONS;
use super::scan::{Code, Kind, Place, Token, codes, tokens};
use super::source::Source;
use super::value_in_words;
use super::words::{FILTERS, TESTS};
use crate::condition::corrected;
use crate::diagnostic::Diagnostic;
use crate::schema::{FieldKind, Schema};
use crate::suggest::nearest;
use crate::walk::{describe, kind_of, resolve};
use minijinja::{Environment, ErrorKind, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

/// What a template is about: which names there will be when it is rendered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'s> {
    pub(crate) schema: &'s Schema,
    /// The table of `current`; `None` if there is no record.
    pub(crate) table: Option<&'s str>,
    /// The other names, and what may stand behind their dot. Nothing means that nothing may.
    pub(crate) values: &'s [(&'s str, &'s [&'s str])],
    /// Whether there are `previous` and `changed()`.
    pub(crate) event: bool,
    /// The mail scripts.
    pub(crate) scripts: &'s [String],
}

/// Something wrong, at a place of the text.
type Fault = (Range<usize>, String, Option<String>);

/// Checks an expression.
pub(super) fn expression(
    env: &Environment<'_>,
    source: &Source,
    names: HashSet<String>,
    subject: &Subject<'_>,
) -> Vec<Diagnostic> {
    let text = source.text();
    let words = tokens(text, &(0..text.len()));
    let mut faults = unknown_names(&words, names, subject);
    faults.extend(words_of(env, &words, subject, false));
    placed(source, faults)
}

/// Checks a template and those that it extends, includes or imports.
pub(super) fn family(
    env: &Environment<'_>,
    sources: &BTreeMap<String, Source>,
    name: &str,
    subject: &Subject<'_>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(name) = waiting.pop() {
        let (Some(source), Ok(template)) = (sources.get(&name), env.get_template(&name)) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            continue;
        }
        let text = source.text();
        let codes = codes(text);
        let words: Vec<Token<'_>> = codes
            .iter()
            .flat_map(|code| tokens(text, &code.span))
            .collect();
        let mut faults = unknown_names(&words, template.undeclared_variables(true), subject);
        for code in &codes {
            faults.extend(words_of(env, &tokens(text, &code.span), subject, true));
        }
        for (verb, other) in others(text, &codes) {
            if name.ends_with(".html") && !other.unquoted().ends_with(".html") {
                let message = format!(
                    "{} is not escaped as HTML, so an .html template cannot use it",
                    other.text
                );
                faults.push((other.span(), message, None));
            }
            if sources.contains_key(other.unquoted()) {
                waiting.push(other.unquoted().to_owned());
                if verb == "extends" {
                    faults.extend(lost_blocks(sources, text, &codes, other.unquoted()));
                }
            } else {
                let hint = nearest(other.unquoted(), sources.keys().map(String::as_str));
                let message = format!("there is no template {}", other.text);
                faults.push((other.span(), message, hint.map(str::to_owned)));
            }
        }
        found.extend(placed(source, faults));
    }
    found
}

fn placed(source: &Source, mut faults: Vec<Fault>) -> Vec<Diagnostic> {
    faults.sort_by_key(|(span, ..)| span.start);
    let place = |(span, message, hint): Fault| source.at(span, message).suggest(hint);
    faults.into_iter().map(place).collect()
}

/// Names that will not be there.
fn unknown_names(words: &[Token<'_>], names: HashSet<String>, subject: &Subject<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for name in names {
        let Err((offset, len, message, hint)) = known(&name, subject) else {
            continue;
        };
        // `super`, `loop` and the like belong to the engine.
        if matches!(
            name.as_str(),
            "super" | "loop" | "self" | "caller" | "varargs" | "kwargs"
        ) {
            continue;
        }
        let uses = |word: &&Token<'_>| {
            let rest = word.text.strip_prefix(&*name);
            word.kind == Kind::Path
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let Some(at) = words.iter().position(|word| uses(&word)) else {
            faults.push((0..0, message, hint));
            continue;
        };
        let start = words.get(at).map_or(0, |word| word.start);
        let called = words.get(at + 1).is_some_and(|next| next.text == "(");
        if called && !name.contains('.') {
            let hint = nearest(&name, FUNCTIONS).map(str::to_owned);
            faults.push((
                start..start + len,
                format!("there is no function `{name}`"),
                hint,
            ));
            continue;
        }
        faults.push((start + offset..start + offset + len, message, hint));
    }
    faults
}

/// Says what is wrong with a path: offset and length of the faulty step, message, and the whole path put right.
fn known(path: &str, subject: &Subject<'_>) -> Result<(), (usize, usize, String, Option<String>)> {
    let (root, rest) = path
        .split_once('.')
        .map_or((path, None), |(root, rest)| (root, Some(rest)));
    if FUNCTIONS.contains(&path) && (subject.event || path != "changed") {
        return Ok(());
    }
    if let Some((_, fields)) = subject.values.iter().find(|(name, _)| *name == root) {
        let Some(rest) = rest else { return Ok(()) };
        if fields.contains(&rest) {
            return Ok(());
        }
        let hint = nearest(rest, fields.iter().copied()).map(|meant| format!("{root}.{meant}"));
        return Err((
            root.len() + 1,
            rest.len(),
            format!("`{root}` has no `{rest}`"),
            hint,
        ));
    }
    let is_record = root == "current" || (root == "previous" && subject.event);
    let Some(table) = subject.table else {
        let names = subject.values.iter().map(|(name, _)| *name);
        let message = match is_record {
            true => "there is no record here".into(),
            false => format!("there is no `{root}` here"),
        };
        return Err((
            0,
            root.len(),
            message,
            nearest(root, names).map(str::to_owned),
        ));
    };
    let (skip, fields) = match (is_record, rest) {
        (true, None) => return Ok(()),
        (true, Some(rest)) => (root.len() + 1, rest),
        (false, _) => (0, path),
    };
    let Some(walked) = without_address(fields) else {
        return Ok(());
    };
    resolve(subject.schema, table, walked)
        .map(drop)
        .map_err(|error| {
            let head = path.get(..skip).unwrap_or_default();
            let others = subject
                .values
                .iter()
                .map(|(name, _)| *name)
                .chain(["current", "previous"]);
            let hint = match corrected(fields, &error) {
                None if error.offset == 0 && skip == 0 => nearest(root, others).map(str::to_owned),
                hint => hint.map(|fields| format!("{head}{fields}")),
            };
            (skip + error.offset, error.len, error.message, hint)
        })
}

/// The path up to the record whose address is asked for; `None` for the address of the record itself.
fn without_address(path: &str) -> Option<&str> {
    let record = ["URI_REF", "URI"]
        .into_iter()
        .find_map(|name| path.strip_suffix(name));
    match record {
        Some("") => None,
        Some(record) => record.strip_suffix('.').or(Some(path)),
        None => Some(path),
    }
}

/// What a path leads to, if it is the path of a field.
fn kind(path: &str, subject: &Subject<'_>) -> Option<FieldKind> {
    let fields = ["current.", "previous."]
        .into_iter()
        .find_map(|root| path.strip_prefix(root));
    if subject
        .values
        .iter()
        .any(|(name, _)| *name == path.split('.').next().unwrap_or(path))
    {
        return None;
    }
    let (kind, _) = resolve(subject.schema, subject.table?, fields.unwrap_or(path)).ok()?;
    Some(kind)
}

/// What single words give away: filters, tests, comparisons, and fields named in calls.
fn words_of(
    env: &Environment<'_>,
    words: &[Token<'_>],
    subject: &Subject<'_>,
    template: bool,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for at in 0..words.len() {
        faults.extend(unknown_filter_or_test(env, words, at));
        faults.extend(unknown_field(words, at, subject));
        faults.extend(unknown_script(words, at, subject));
        faults.extend(vain_comparison(words, at, subject));
        if template {
            faults.extend(untested_order(words, at, subject));
        }
    }
    faults
}

fn text_at<'t>(words: &[Token<'t>], at: Option<usize>) -> &'t str {
    at.and_then(|at| words.get(at)).map_or("", |word| word.text)
}

fn unknown_filter_or_test(env: &Environment<'_>, words: &[Token<'_>], at: usize) -> Option<Fault> {
    let word = words.get(at).filter(|word| word.kind == Kind::Path)?;
    let before = text_at(words, at.checked_sub(1));
    let is_test = before == "is" && word.text != "not"
        || before == "not" && text_at(words, at.checked_sub(2)) == "is";
    let mut state = env.empty_state();
    if before == "|" || (before == "filter" && at == 1) {
        // Without arguments it fails, but an unknown one fails by another name.
        let error = state.apply_filter(word.text, &[]).err()?;
        if error.kind() != ErrorKind::UnknownFilter {
            return None;
        }
        let hint = nearest(word.text, FILTERS.iter().copied()).map(str::to_owned);
        return Some((
            word.span(),
            format!("there is no filter `{}`", word.text),
            hint,
        ));
    }
    if is_test && state.perform_test(word.text, &[]).err()?.kind() == ErrorKind::UnknownTest {
        let hint = nearest(word.text, TESTS.iter().copied()).map(str::to_owned);
        return Some((
            word.span(),
            format!("there is no test `{}`", word.text),
            hint,
        ));
    }
    None
}

/// `mail_script('nope')`
fn unknown_script(words: &[Token<'_>], at: usize, subject: &Subject<'_>) -> Option<Fault> {
    words.get(at).filter(|word| word.text == "mail_script")?;
    let named = words.get(at + 2).filter(|word| word.kind == Kind::Text)?;
    if subject
        .scripts
        .iter()
        .any(|script| script == named.unquoted())
    {
        return None;
    }
    let hint = nearest(named.unquoted(), subject.scripts.iter().map(String::as_str));
    let message = format!("there is no mail script `{}`", named.unquoted());
    Some((named.span(), message, hint.map(str::to_owned)))
}

/// `changed('nope')`, `journal('nope', 3)`
fn unknown_field(words: &[Token<'_>], at: usize, subject: &Subject<'_>) -> Option<Fault> {
    let function = words
        .get(at)
        .filter(|word| matches!(word.text, "changed" | "journal"))?;
    let named = words.get(at + 2).filter(|word| word.kind == Kind::Text)?;
    let table = subject.schema.tables.get(subject.table?)?;
    let fields: Vec<&str> = match function.text {
        "journal" => named.unquoted().split("_and_").collect(),
        _ => vec![named.unquoted()],
    };
    let wrong = fields
        .into_iter()
        .find_map(|field| match kind_of(table, field) {
            None => Some((
                field,
                format!("the table `{}` has no field `{field}`", table.name),
            )),
            Some(FieldKind::Journal) => None,
            Some(kind) => (function.text == "journal").then(|| {
                (
                    field,
                    format!("`{field}` is {}, not a journal", describe(&kind)),
                )
            }),
        });
    let (field, message) = wrong?;
    let hint =
        nearest(field, table.fields.keys().map(String::as_str)).filter(|hint| *hint != field);
    Some((named.span(), message, hint.map(str::to_owned)))
}

/// `assigned_to == 'ada'` is never true: a reference is a record, not a text.
fn vain_comparison(words: &[Token<'_>], at: usize, subject: &Subject<'_>) -> Option<Fault> {
    let word = words.get(at).filter(|word| word.kind == Kind::Path)?;
    let compares = |sign: &str| matches!(sign, "==" | "!=" | "in");
    let (before, after) = (
        text_at(words, at.checked_sub(1)),
        text_at(words, Some(at + 1)),
    );
    let other = match (compares(before), compares(after)) {
        // The loop variable of `for x in list` is no comparison.
        (true, _) if text_at(words, Some(0)) == "for" => return None,
        (true, _) if after != "|" => words.get(at.checked_sub(2)?)?,
        (_, true) => words.get(at + 2)?,
        _ => return None,
    };
    let is_record = |kind: Option<FieldKind>| {
        matches!(kind, Some(FieldKind::Reference(_) | FieldKind::List(_)))
    };
    let kind_of_word = kind(word.text, subject)?;
    if !is_record(Some(kind_of_word.clone())) || is_record(kind(other.text, subject)) {
        return None;
    }
    let path = word.text;
    let (message, hint) = match kind_of_word {
        FieldKind::List(_) => (
            format!("`{path}` is a list of records, and a text is none of them"),
            format!("{path} | map(attribute='id')"),
        ),
        _ if other.text == "none" => (
            format!("`{path}` is a record, so it is never `none`"),
            format!("not {path}"),
        ),
        _ => (
            format!("`{path}` is a record, and a text never equals one"),
            format!("{path}.id"),
        ),
    };
    Some((word.span(), message, Some(hint)))
}

/// `priority <= 2` in a template: none counts as less than every number.
fn untested_order(words: &[Token<'_>], at: usize, subject: &Subject<'_>) -> Option<Fault> {
    use FieldKind::{Date, DateTime, Decimal, Integer};
    let word = words.get(at).filter(|word| word.kind == Kind::Path)?;
    let orders = |sign: &str| matches!(sign, "<" | "<=" | ">" | ">=");
    let (before, after) = (
        text_at(words, at.checked_sub(1)),
        text_at(words, Some(at + 1)),
    );
    let ordered = matches!(
        kind(word.text, subject)?,
        Integer | Decimal | Date | DateTime
    );
    if !ordered || !(orders(before) || orders(after)) {
        return None;
    }
    let earlier = words.iter().take(at).enumerate();
    let tested = earlier
        .filter(|(_, other)| other.text == word.text)
        .any(|(n, _)| {
            let next = (text_at(words, Some(n + 1)), text_at(words, Some(n + 2)));
            matches!(next, ("is", "not" | "number" | "defined") | ("and", _))
        });
    if tested {
        return None;
    }
    let path = word.text;
    let message = format!("`{path}` may be empty, and empty counts as less than everything");
    Some((
        word.span(),
        message,
        Some(format!("{path} is not none and {path}")),
    ))
}

/// The templates that a template names: `{% extends "layout.html" %}`.
fn others<'t>(text: &'t str, codes: &[Code]) -> Vec<(&'t str, Token<'t>)> {
    let tags = codes.iter().filter(|code| code.place == Place::Tag);
    let named = tags.filter_map(|code| {
        let mut words = tokens(text, &code.span)
            .into_iter()
            .filter(|word| word.text != "-");
        let verb = words
            .next()
            .filter(|verb| matches!(verb.text, "extends" | "include" | "import" | "from"))?;
        let name = words.next().filter(|name| name.kind == Kind::Text)?;
        Some((verb.text, name))
    });
    named.collect()
}

/// Blocks of a template, and how deep each is inside others.
fn blocks<'t>(text: &'t str, codes: &[Code]) -> Vec<(Token<'t>, usize)> {
    let mut depth = 0usize;
    let mut found = Vec::new();
    for code in codes.iter().filter(|code| code.place == Place::Tag) {
        let mut words = tokens(text, &code.span)
            .into_iter()
            .filter(|word| word.text != "-");
        match words.next().map(|verb| verb.text) {
            Some("block") => {
                found.extend(words.next().map(|name| (name, depth)));
                depth += 1;
            }
            Some("endblock") => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

/// Blocks that none of the templates above has: what they say would vanish.
fn lost_blocks(
    sources: &BTreeMap<String, Source>,
    text: &str,
    own: &[Code],
    parent: &str,
) -> Vec<Fault> {
    let mut above: BTreeSet<&str> = BTreeSet::new();
    let mut name = Some(parent.to_owned());
    for _ in 0..sources.len() {
        let Some(source) = name.take().and_then(|name| sources.get(&name)) else {
            break;
        };
        let codes = codes(source.text());
        above.extend(
            blocks(source.text(), &codes)
                .iter()
                .map(|(name, _)| name.text),
        );
        let extends = others(source.text(), &codes)
            .into_iter()
            .find(|(verb, _)| *verb == "extends");
        name = extends.map(|(_, other)| other.unquoted().to_owned());
    }
    let lost = blocks(text, own)
        .into_iter()
        .filter(|(name, depth)| *depth == 0 && !above.contains(name.text));
    lost.map(|(name, _)| {
        let hint = nearest(name.text, above.iter().copied()).map(str::to_owned);
        (
            name.span(),
            format!(
                "`{parent}` has no block `{}`, so what stands in it would vanish",
                name.text
            ),
            hint,
        )
    })
    .collect()
}

/// The values that an expression saw.
pub(super) fn saw(names: HashSet<String>, root: &Value) -> String {
    let names: BTreeSet<String> = names
        .into_iter()
        .filter(|name| !FUNCTIONS.contains(&name.as_str()))
        .collect();
    let each = names.iter().take(8).map(|path| {
        let mut value = root.clone();
        for step in path.split('.') {
            value = value.get_attr(step).unwrap_or_default();
        }
        format!("{path} is {}", value_in_words(&value))
    });
    each.collect::<Vec<_>>().join(", ")
}
