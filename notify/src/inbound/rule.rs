//! Inbound actions as the configuration defines them: which mail they take, and what it does.

use super::Class;
use crate::account::SecretSource;
use crate::notification::Condition;
use std::time::Duration;

/// What a mail does to a record, and what else happens then.
#[derive(Clone, Debug)]
pub struct InboundAction {
    /// Its name.
    pub name: String,
    /// Off actions are skipped.
    pub active: bool,
    /// The classes of mail that it takes: New, Reply, Forward, Calendar.
    pub classes: Vec<Class>,
    /// The table whose records it inserts or updates.
    pub table: String,
    /// Over `mail`, `sender` and the record, in one of the languages of notifications; without it the action always runs.
    pub condition: Option<Condition>,
    /// Lower runs first (default 100).
    pub order: u16,
    /// No further action takes a mail that it took (default true). Of a stranger's mail only if it did something.
    pub stop: bool,
    /// Field → MiniJinja template over `mail`, `sender` and `current`: `short_description = "${mail.subject}"`.
    pub set: Vec<(String, String)>,
    /// Fields that the mail may set by lines of its own.
    pub lines: Option<Lines>,
    /// The journal field that gets the text of the mail: `comments`.
    pub comment: Option<String>,
    /// The files of the mail are attached to the record.
    pub attach: bool,
    /// An event to fire, with the record.
    pub fire: Option<String>,
    /// A program to run.
    pub command: Option<Program>,
    /// An address to post to.
    pub webhook: Option<Webhook>,
}

impl InboundAction {
    /// True if it matters to the action which account a mail came by.
    pub fn goes_by_account(&self) -> bool {
        let condition = self
            .condition
            .as_ref()
            .map_or("", |condition| match condition {
                Condition::Query(text) | Condition::Expression(text) => text,
            });
        let mut texts = self
            .set
            .iter()
            .map(|(_, template)| template.as_str())
            .chain([condition]);
        self.active && texts.any(|text| text.contains("mail.account"))
    }
}

/// Lines `name: value` in a mail that set fields: only those between two marks, and only fields that are named here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// The line after which they begin.
    pub start: String,
    /// The line at which they end.
    pub end: String,
    /// The fields that may be set.
    pub fields: Vec<String>,
}

/// A program that gets the mail as JSON on its standard input. It runs without a shell, in an environment of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// It is ended after so long.
    pub timeout: Duration,
}

/// An address that the mail is posted to as JSON (feature `webhook`).
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `https://…`, or `http://` where it says so.
    pub url: String,
    /// The key of the HMAC-SHA-256 in the header field `X-Postrider-Signature`.
    pub secret: Option<SecretSource>,
    /// Extra certificate authorities, as PEM text.
    pub ca: Option<String>,
    /// The whole of it may take so long.
    pub timeout: Duration,
}

/// The name of the template by which an action sets a field.
pub(crate) fn template_name(action: &str, field: &str) -> String {
    format!("inbound {action}: {field}")
}

impl InboundAction {
    /// True if it takes mail of this class.
    pub fn takes(&self, class: Class) -> bool {
        self.classes.contains(&class)
    }

    /// The name under which the template of a field is compiled.
    pub(crate) fn template_of(&self, field: &str) -> String {
        template_name(&self.name, field)
    }

    /// True if something outside of the store happens.
    pub fn calls(&self) -> bool {
        self.command.is_some() || self.webhook.is_some()
    }
}
