//! Templates: MiniJinja with `${…}`, fenced in.
//!
//! ```text
//! ${number}: ${short_description}          a field of the record, by its short name
//! ${current.assigned_to.manager.name}      dot-walked; an unset field or reference prints as nothing
//! ${created|local}   ${due|local('%d.%m.%Y')}   in the time zone of the recipient
//! {% if changed('priority') %} was ${previous.priority} {% endif %}
//! {## a comment ##}   ${'${'} prints a literal ${
//! ```
//!
//! * Names that end in `.html` are escaped as HTML; nothing that a record holds is expanded again.
//! * Paths, filters, tests, blocks and functions are checked when the configuration is loaded: see [`Diagnostic`].
//! * Time and memory are bounded by fuel, the result by a size, expressions by the number of their operators.
//!
//! Where MiniJinja alone would surprise:
//!
//! | trap | here |
//! |---|---|
//! | none and true print as `None` and `True` | as nothing, and as `true` |
//! | none is less than every number | in a condition, an unset number or date compares with nothing: the condition is false, and says why. In a template, such a comparison needs a test first, or loading fails |
//! | `"1" <= 2` is false without an error | values have the type that the schema gives them |
//! | an unknown name as the last operand is false | refused when loading, as are unknown fields in `changed('…')` |
//! | a reference never equals a text | refused when loading: compare its `.id` |
//! | a misspelt block vanishes | refused when loading, as are unknown filters, tests and functions |
//! | `debug()` prints everything | is not there |
//! | `{#` in a style sheet begins a comment | comments are `{## … ##}` |
//! | `/` is escaped as `&#x2f;` | stays as it is |
//! | blocks leave empty lines behind | the line end after a block is dropped, and the blanks in front |
//! | thousands of operators overflow the stack | [`MAX_OPERATORS`] in one expression |
//!
//! ServiceNow's own spellings are read as well: `${mail_script:x}`, `${comments:3}`, `${URI+view=x}`, `${notification:body}`,
//! `${NOTIF_UNSUB+link_text="…"}`, `${NOTIF_PREFS}`, `${mailto:x}`.
//! `${URI}` is the address of the record, `${URI_REF}` a link to it.

mod context;
mod digest;
mod functions;
mod limits;
mod links;
mod lint;
mod moment;
mod record;
mod rewrite;
mod scan;
mod script;
mod source;
mod unclosed;
mod words;

#[cfg(test)]
mod tests;

pub use context::Context;
pub(crate) use digest::DigestItem;
pub(crate) use functions::escaped;
pub use limits::{MAX_OPERATORS, MAX_OUTPUT, MAX_SOURCE};
pub(crate) use links::mailto_name;
pub(crate) use lint::Subject;
pub(crate) use record::address;
pub use script::{ScriptCall, ScriptOutput, Scripts};
pub(crate) use source::Origin;

use crate::condition::Verdict;
use crate::diagnostic::Diagnostic;
use crate::store::StoreError;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use source::Source;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Units of work that one rendering may take: about one an instruction, and one for every 64 octets made.
const FUEL: u64 = 50_000;

/// All templates of a configuration. Cheap to clone.
#[derive(Clone)]
pub struct Templates {
    env: Arc<Environment<'static>>,
    sources: Arc<BTreeMap<String, Source>>,
    /// The names of the mail scripts.
    scripts: Arc<[String]>,
}

/// Why a template gave nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum TemplateError {
    /// It is wrong, or met something that it cannot work with.
    Template(Diagnostic),
    /// What it needs could not be looked up.
    Store(StoreError),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(diagnostic) => f.write_str(&diagnostic.summary()),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TemplateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Template(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// Collects templates; the ones that cannot be compiled are left out, with what is wrong with them.
#[derive(Default)]
pub(crate) struct Builder {
    sources: BTreeMap<String, Source>,
    pub(crate) scripts: Scripts,
    pub(crate) faults: Vec<Diagnostic>,
}

impl Builder {
    /// Adds a template under a name. One that ends in `.html` is escaped.
    pub(crate) fn add(&mut self, name: String, origin: Origin, written: &str) {
        match Source::new(origin, written) {
            Ok(source) => {
                self.sources.insert(name, source);
            }
            Err(fault) => self.faults.push(fault),
        }
    }

    /// The names of those added so far.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Compiles them all.
    pub(crate) fn build(mut self) -> (Templates, Vec<Diagnostic>) {
        let mut env = environment();
        let scripts = self.scripts.names().into();
        self.scripts.add_to(&mut env);
        for (name, source) in &self.sources {
            if let Err(error) = env.add_template_owned(name.clone(), source.text().to_owned()) {
                self.faults.push(source.fault(&error));
            }
        }
        let templates = Templates {
            env: Arc::new(env),
            sources: Arc::new(self.sources),
            scripts,
        };
        (templates, self.faults)
    }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder()
        .variable_delimiters("${", "}")
        .block_delimiters("{%", "%}")
        .comment_delimiters("{##", "##}")
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    if let Ok(syntax) = syntax {
        env.set_syntax(syntax);
    }
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_debug(false);
    env.remove_global("debug");
    env.set_auto_escape_callback(|name| match name.ends_with(".html") {
        true => AutoEscape::Html,
        false => AutoEscape::None,
    });
    functions::add_to(&mut env);
    env
}

impl Templates {
    /// True if there is a template of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.env.get_template(name).is_ok()
    }

    /// True if there is a template of this name, be it right or wrong.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.sources.contains_key(name)
    }

    /// The names of the mail scripts.
    pub(crate) fn scripts(&self) -> &[String] {
        &self.scripts
    }

    /// Renders a template for a made-up record, to find what no name gives away: fields of what a loop runs over,
    /// methods, endless loops. What depends on the values is not reported.
    pub(crate) fn try_out(&self, name: &str, context: &Context) -> Option<Diagnostic> {
        let template = self.env.get_template(name).ok()?;
        let result =
            limits::capped(|out| template.render_captured_to(context.root(), out).map(drop));
        let error = result.err()?;
        let cause = source::cause(&error);
        let certain = [
            ErrorKind::UndefinedError,
            ErrorKind::UnknownMethod,
            ErrorKind::UnknownFilter,
            ErrorKind::UnknownFunction,
            ErrorKind::UnknownTest,
            ErrorKind::UnknownBlock,
            ErrorKind::TemplateNotFound,
            ErrorKind::OutOfFuel,
            ErrorKind::SyntaxError,
        ];
        certain
            .contains(&cause.kind())
            .then(|| self.fault(&error, None))
    }

    /// The names of all templates.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Renders a template of the folder: `incident_assigned.html`.
    ///
    /// # Errors
    /// Where and why it failed.
    pub fn render(&self, name: &str, context: &Context) -> Result<String, TemplateError> {
        let result = self.env.get_template(name).and_then(|template| {
            limits::capped(|out| template.render_captured_to(context.root(), out).map(drop))
        });
        self.finish(result, context, None)
    }

    /// Renders a template that is given here, without HTML escaping.
    ///
    /// # Errors
    /// Where and why it failed; the place is one in `template`.
    pub fn render_value(&self, template: &str, context: &Context) -> Result<String, TemplateError> {
        let source =
            Source::new(Origin::value(template), template).map_err(TemplateError::Template)?;
        let result = self
            .env
            .template_from_str(source.text())
            .and_then(|template| {
                limits::capped(|out| template.render_captured_to(context.root(), out).map(drop))
            });
        self.finish(result, context, Some(&source))
    }

    /// Evaluates a condition: `current.priority <= 2 and changed('assigned_to')`.
    ///
    /// # Errors
    /// Where and why it failed. That an unset field compares with nothing is no error: the condition is false.
    pub fn evaluate(&self, expression: &str, context: &Context) -> Result<bool, TemplateError> {
        Ok(self.verdict(expression, context)?.holds)
    }

    /// Evaluates a condition, and says what it saw.
    ///
    /// # Errors
    /// See [`evaluate`](Self::evaluate).
    pub fn verdict(&self, expression: &str, context: &Context) -> Result<Verdict, TemplateError> {
        let source = Source::expression(Origin::value(expression), expression)
            .map_err(TemplateError::Template)?;
        let context = context.in_condition();
        let root = context.root();
        let compiled = self.env.compile_expression(source.text());
        let fault = |error| TemplateError::Template(source.fault(&error));
        let compiled = compiled.map_err(fault)?;
        let result = compiled.eval(root.clone());
        if let Some(error) = context.take_error() {
            return Err(TemplateError::Store(error));
        }
        let saw = lint::saw(compiled.undeclared_variables(true), &root);
        match result {
            Ok(value) if value.is_true() => Ok(Verdict {
                holds: true,
                because: saw,
            }),
            Ok(_) => Ok(Verdict {
                holds: false,
                because: format!("`{expression}` is false: {saw}"),
            }),
            Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(Verdict {
                holds: false,
                because: format!(
                    "`{expression}` is false, because an empty field compares with nothing: {saw}"
                ),
            }),
            Err(error) => Err(TemplateError::Template(source.fault(&error))),
        }
    }

    fn finish(
        &self,
        result: Result<String, minijinja::Error>,
        context: &Context,
        source: Option<&Source>,
    ) -> Result<String, TemplateError> {
        if let Some(error) = context.take_error() {
            return Err(TemplateError::Store(error));
        }
        result.map_err(|error| TemplateError::Template(self.fault(&error, source)))
    }

    /// What an error means, at the place in the file that was written.
    fn fault(&self, error: &minijinja::Error, source: Option<&Source>) -> Diagnostic {
        let cause = source::cause(error);
        let named = cause.name().and_then(|name| self.sources.get(name));
        match named.or(source) {
            Some(source) => source.fault(cause),
            None => Diagnostic::of_file(
                cause.name().unwrap_or("template"),
                source::message(cause, ""),
            ),
        }
    }

    /// What is wrong with an expression before it is ever evaluated.
    pub(crate) fn check_expression(
        &self,
        origin: Origin,
        expression: &str,
        subject: &Subject<'_>,
    ) -> Vec<Diagnostic> {
        let source = match Source::expression(origin, expression) {
            Ok(source) => source,
            Err(fault) => return vec![fault],
        };
        match self.env.compile_expression(source.text()) {
            Err(error) => vec![source.fault(&error)],
            Ok(compiled) => lint::expression(
                &self.env,
                &source,
                compiled.undeclared_variables(true),
                subject,
            ),
        }
    }

    /// What is wrong with a template and with those that it extends or includes, for records of one table.
    pub(crate) fn check(&self, name: &str, subject: &Subject<'_>) -> Vec<Diagnostic> {
        lint::family(&self.env, &self.sources, name, subject)
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.keys()).finish()
    }
}

/// The value as a condition saw it.
fn value_in_words(value: &Value) -> String {
    if value.is_undefined() || value.is_none() {
        return "empty".into();
    }
    let text = format!("{value:?}");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
