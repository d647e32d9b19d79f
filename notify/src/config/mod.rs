//! The configuration: one TOML file and a folder of templates.
//!
//! Everything in it is checked when it is loaded, and every mistake is reported at once, where it is:
//!
//! ```text
//! postrider.toml:31:13: the table `incident` has no field `priorty`
//!    |
//! 31 | condition = "priorty<=2"
//!    |              ^^^^^^^ did you mean `priority`?
//! ```
//!
//! `CONFIGURATION.md`, beside the README of this crate, has every key with its default. In short:
//!
//! | table | holds |
//! |---|---|
//! | `[instance]` | `name`, `url`, `mail_domain`; `unsubscribe_url`, `unsubscribe_listen`, `preferences_url` |
//! | `[smtp.NAME]` | a server that takes our mail: see [`SmtpAccount`] |
//! | `[outgoing]` | what holds for all of them: see [`Outgoing`] |
//! | `[pop3.NAME]` | a mailbox that we read: see [`Pop3Account`] |
//! | `[table.NAME]` | a table of records: `label`, `number`, `display`, and its `fields` |
//! | `[schedule.ID]` | hours in which people may be told: see [`Schedule`](crate::schedule::Schedule) |
//! | `[user.ID]`, `[group.ID]` | people, as far as they are not in the store already |
//! | `[event."NAME"]` | an event that may be fired: `table`, `description`; by the clock: `every`, `at`, `days`, `time_zone`, `condition` |
//! | `[notification.NAME]` | when somebody is told, who, and what: see [`Notification`] |
//! | `[incoming]` | from whom mail is taken, how much, what is believed, and what bounces lead to: see [`Policy`] |
//! | `[mailto.NAME]` | a mail that `${mailto:NAME}` prepares: `link_text`, `subject`, `body` |
//! | `[inbound.NAME]` | what a mail does to a record: see [`InboundAction`] |
//!
//! A password is never written into the file; `password_env`, `password_file` and `password_command` say where it is.

mod account;
mod calls;
mod check;
mod database;
mod digest;
mod document;
mod example;
mod inbound;
mod incoming;
mod load;
mod locale;
mod login;
mod mailto;
mod notification;
mod outgoing;
mod people;
mod places;
mod repeat;
mod sample;
mod sending;
mod table;
mod template;
mod transport;
mod value;

#[cfg(test)]
mod tests;

pub use database::PostgresAddress;
pub use example::{ExampleParts, example};
pub use outgoing::Outgoing;
pub use places::Places;
pub(crate) use value::period;

use crate::account::{Pop3Account, SmtpAccount};
use crate::address::with_name;
use crate::diagnostic::Diagnostic;
use crate::inbound::{InboundAction, Policy};
use crate::notification::Notification;
use crate::record::{Fields, RecordKey};
use crate::repeat::Repeat;
use crate::schema::Schema;
use crate::template::{Scripts, Templates};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The customary name of the file.
pub const FILE: &str = "postrider.toml";

/// A configuration that can be used: all names lead somewhere, all templates and conditions compile.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// What this installation calls itself.
    pub instance: Instance,
    /// The file of the store.
    pub database: PathBuf,
    /// The database of PostgreSQL that takes the place of the file, if there is one.
    pub postgres: Option<PostgresAddress>,
    /// The tables.
    pub schema: Arc<Schema>,
    /// How long a mail that is not delivered yet can lose its place to a heavier one about the same record: `weight_window`,
    /// one minute unless the file says otherwise.
    pub weight_window: Duration,
    /// The accounts that mail goes out by, in the order of the file.
    pub smtp: Vec<SmtpAccount>,
    /// What holds for all mail that goes out.
    pub outgoing: Outgoing,
    /// The accounts that mail comes in from, in the order of the file.
    pub pop3: Vec<Pop3Account>,
    /// The events that may be fired, by name.
    pub events: BTreeMap<String, RegisteredEvent>,
    /// The notifications, by their `order`, then as in the file.
    pub notifications: Vec<Notification>,
    /// The inbound actions, by their `order`, then as in the file.
    pub inbound_actions: Vec<InboundAction>,
    /// How mail is taken.
    pub incoming: Policy,
    /// The templates.
    pub templates: Templates,
    /// Records that are to be there from the start.
    pub records: Vec<SeedRecord>,
    /// What is no mistake for certain, but looks like one.
    pub warnings: Vec<Diagnostic>,
    /// Where each setting stands in the file.
    pub places: Places,
}

/// What this installation calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// For people: `Example help desk`.
    pub name: String,
    /// Where records are shown; `URL/TABLE/ID` is one. Empty if nowhere.
    pub url: String,
    /// The domain of Message-IDs.
    pub mail_domain: String,
    /// Where a recipient leaves a notification by one click: the address, seen from outside, of what
    /// [`unsubscribe_listen`](Self::unsubscribe_listen) answers. Empty if nowhere.
    pub unsubscribe_url: String,
    /// The address and port on which the daemon answers such clicks, if it does.
    pub unsubscribe_listen: Option<SocketAddr>,
    /// Where people see and change what they are told: `${NOTIF_PREFS}`. Empty if nowhere.
    pub preferences_url: String,
}

/// An event that may be fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredEvent {
    /// Its name: `incident.escalated`.
    pub name: String,
    /// The table of the record that it is about, if it is about one.
    pub table: Option<String>,
    /// What it means.
    pub description: String,
    /// When it fires by itself, if it does.
    pub repeat: Option<Repeat>,
}

impl RegisteredEvent {
    /// Whether it may be fired about this record, or about none.
    ///
    /// # Errors
    /// Why not, in a sentence.
    pub fn may_be_about(&self, record: Option<&RecordKey>) -> Result<(), String> {
        let about = record.map(|key| key.table.as_str());
        let Some(table) = self.table.as_deref().filter(|table| about != Some(table)) else {
            return Ok(());
        };
        let about = about.map_or("no record".to_owned(), |table| {
            format!("a record of `{table}`")
        });
        let name = &self.name;
        Err(format!(
            "`{name}` is about a record of `{table}`, and this one is about {about}"
        ))
    }
}

/// A record that is to be there from the start.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedRecord {
    /// Its table.
    pub table: String,
    /// Its id.
    pub id: String,
    /// Its fields.
    pub fields: Fields,
}

/// A configuration that cannot be used, and all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub faults: Vec<Diagnostic>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.faults.iter().enumerate() {
            if n > 0 {
                f.write_str("\n\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads a file, or the `postrider.toml` of a folder, with its templates.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, Scripts::default())
    }

    /// The same, with mail scripts that the templates may call.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn load_with(path: &Path, scripts: Scripts) -> Result<Self, ConfigError> {
        let file = if path.is_dir() {
            path.join(FILE)
        } else {
            path.to_owned()
        };
        let text = std::fs::read_to_string(&file).map_err(|error| ConfigError {
            faults: vec![Diagnostic::of_file(
                &file.display().to_string(),
                format!("cannot be read: {error}"),
            )],
        })?;
        load::load(&file, &text, scripts)
    }

    /// Reads the text of a configuration that stands in no file yet. Templates and other files are looked for beside `file`,
    /// which mistakes are reported under.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        load::load(file, text, Scripts::default())
    }

    /// A notification by name.
    pub fn notification(&self, name: &str) -> Option<&Notification> {
        self.notifications
            .iter()
            .find(|notification| notification.name == name)
    }

    /// The SMTP account that a notification goes out by.
    pub fn account(&self, notification: &Notification) -> Option<&SmtpAccount> {
        match &notification.account {
            Some(name) => self.smtp.iter().find(|account| account.name == *name),
            None => self.smtp.first(),
        }
    }

    /// Those of these SMTP accounts that this configuration does not have: what waits for them is sent by nobody.
    pub fn missing_accounts<'a>(&self, accounts: &'a [String]) -> Vec<&'a str> {
        let known = |name: &str| self.smtp.iter().any(|account| account.name == name);
        let names = accounts.iter().map(String::as_str);
        names.filter(|name| !known(name)).collect()
    }

    /// The addresses that are our own, in lower case: we never write to them, and mail from them is ours come back.
    pub fn own_addresses(&self) -> Vec<String> {
        let of_accounts = self.smtp.iter().map(|account| account.from.as_str());
        let of_notifications = self.notifications.iter();
        let of_notifications = of_notifications.filter_map(|n| n.content.from.as_deref());
        let from = of_accounts.chain(of_notifications);
        let from = from.filter_map(|from| with_name(from).map(|(_, address)| address));
        let reply_to = self.smtp.iter().filter_map(|a| a.reply_to.as_deref());
        let users = self.pop3.iter().map(|account| account.login.user.as_str());
        from.chain(reply_to)
            .chain(users.filter(|user| user.contains('@')))
            .map(str::to_lowercase)
            .collect()
    }
}
