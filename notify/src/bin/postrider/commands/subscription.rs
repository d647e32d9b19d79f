//! `postrider subscription`: who asked to be told.

use super::preference::known;
use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use postrider_notify::condition::Query;
use postrider_notify::record::{Fields, Record, RecordKey};
use serde_json::{Value, json};
use std::path::Path;

const TABLE: &str = "notification_subscription";

/// Who asked to be told.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the subscriptions
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Subscribe a user to a notification
    Add {
        /// The user
        user: String,
        /// The notification; it needs `subscribers = true`
        notification: String,
        /// Only when this holds for the record: priority<=2
        #[arg(long, default_value = "")]
        condition: String,
    },
    /// End a subscription
    Remove {
        /// The user
        user: String,
        /// The notification
        notification: String,
    },
}

pub(crate) fn run(config: Option<&Path>, command: Command) -> Result {
    let setup = setup::open(config)?;
    match command {
        Command::List { json } => list(&setup, json),
        Command::Add {
            user,
            notification,
            condition,
        } => {
            check(&setup, &notification, &condition)?;
            let mut fields = Fields::new();
            fields.insert("active".into(), Value::from(true));
            fields.insert("condition".into(), Value::from(condition));
            write(&setup, &user, &notification, fields)
        }
        Command::Remove { user, notification } => {
            let key = RecordKey::new(TABLE, format!("{user}.{notification}"));
            if setup.store.record(&key)?.is_none() {
                let sentence = format!("{user} does not subscribe to {notification}");
                return Err(Failure::new(Code::NoInput, sentence));
            }
            let mut fields = Fields::new();
            fields.insert("active".into(), Value::from(false));
            setup.records.update(&key, &fields, "")?;
            Ok(())
        }
    }
}

/// The notification is there, tells subscribers, and the condition can be asked of its records.
fn check(setup: &setup::Setup, notification: &str, condition: &str) -> Result {
    known(setup, notification)?;
    let Some(found) = setup.config.notification(notification) else {
        return Ok(());
    };
    if !found.recipients.subscribers {
        let sentence = format!(
            "{notification} tells no subscribers (`subscribers = true` in its table would change that)"
        );
        return Err(Failure::new(Code::Data, sentence));
    }
    if condition.is_empty() {
        return Ok(());
    }
    let Some(table) = &found.table else {
        let sentence = format!("{notification} is about no record, so there is nothing to ask");
        return Err(Failure::new(Code::Data, sentence));
    };
    Query::parse(condition, table, &setup.config.schema).map_err(|errors| {
        let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::new(Code::Data, format!("{condition}: {}", words.join("; ")))
    })?;
    Ok(())
}

fn write(setup: &setup::Setup, user: &str, notification: &str, mut fields: Fields) -> Result {
    let key = RecordKey::new(TABLE, format!("{user}.{notification}"));
    if setup.store.record(&key)?.is_some() {
        setup.records.update(&key, &fields, "")?;
    } else {
        fields.insert("user".into(), Value::from(user));
        fields.insert("notification".into(), Value::from(notification));
        setup.records.insert(TABLE, None, &fields, "")?;
    }
    output::line(key);
    Ok(())
}

fn list(setup: &setup::Setup, as_json: bool) -> Result {
    let mut records = setup.store.records(TABLE)?;
    records.retain(|record| record.fields.get("active") != Some(&Value::Bool(false)));
    let text = |record: &Record, name: &str| {
        let value = record.fields.get(name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let names = ["user", "notification", "condition"];
    if as_json {
        for record in &records {
            let [user, notification, condition] = names.map(|name| text(record, name));
            output::line(
                json!({"user": user, "notification": notification, "condition": condition}),
            );
        }
        return Ok(());
    }
    let rows: Vec<_> = records
        .iter()
        .map(|record| names.map(|name| text(record, name)).to_vec())
        .collect();
    output::line(output::table(&["USER", "NOTIFICATION", "CONDITION"], &rows));
    Ok(())
}
