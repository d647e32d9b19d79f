//! `postrider preference`: who has switched which notification off.

use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use postrider_notify::notification::Delivery;
use postrider_notify::preference::{self, Person};
use postrider_notify::record::{Fields, Record};
use serde_json::{Value, json};
use std::path::Path;

/// Who has switched which notification off.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List what people have chosen
    List {
        /// Only of this user, or of this address
        #[arg(long)]
        user: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Switch a notification on or off for somebody
    Set {
        /// A user id, or an address
        user: String,
        /// The notification
        notification: String,
        /// On or off
        #[arg(value_enum)]
        switch: Switch,
    },
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Switch {
    /// Tell them
    On,
    /// Do not
    Off,
}

pub(crate) fn run(config: Option<&Path>, command: Command) -> Result {
    let setup = setup::open(config)?;
    match command {
        Command::List { user, json } => list(&setup, user.as_deref(), json),
        Command::Set {
            user,
            notification,
            switch,
        } => {
            known(&setup, &notification)?;
            let mut fields = Fields::new();
            fields.insert("active".into(), Value::from(switch == Switch::On));
            warn(&setup, &notification, switch);
            set(&setup, &user, &notification, fields)
        }
    }
}

/// Refuses a notification that the configuration does not have.
pub(crate) fn known(setup: &setup::Setup, notification: &str) -> Result {
    if setup.config.notification(notification).is_some() {
        return Ok(());
    }
    let names = setup.config.notifications.iter().map(|n| n.name.as_str());
    let hint = match postrider_notify::suggest::nearest(notification, names) {
        Some(meant) => format!(" (did you mean {meant}?)"),
        None => String::new(),
    };
    let sentence = format!("there is no notification {notification:?}{hint}");
    Err(Failure::new(Code::Data, sentence))
}

/// A notification that asks for no preference goes out all the same.
fn warn(setup: &setup::Setup, notification: &str, switch: Switch) {
    let delivery = setup.config.notification(notification).map(|n| n.delivery);
    if switch == Switch::Off && delivery != Some(Delivery::Optional) {
        output::remark(format!(
            "{notification} is mandatory: it goes out all the same"
        ));
    }
}

fn set(setup: &setup::Setup, user: &str, notification: &str, fields: Fields) -> Result {
    let person = Person::find(&*setup.store, user)?;
    let key = person.key(notification);
    let records = &setup.records;
    // Through the records, because they refuse users who are not there and intervals that nobody can read.
    if setup.store.record(&key)?.is_some() {
        records.update(&key, &fields, "")?;
    } else {
        let change = preference::change(&*setup.store, &person, notification, fields, "")?;
        if let postrider_notify::record::Change::Insert { fields, .. } = change {
            records.insert(preference::TABLE, None, &fields, "")?;
        }
    }
    output::line(key);
    Ok(())
}

fn list(setup: &setup::Setup, user: Option<&str>, as_json: bool) -> Result {
    let person = user.map(|user| Person::find(&*setup.store, user));
    let person = person.transpose()?;
    let text = |record: &Record, name: &str| {
        let value = record.fields.get(name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let who = |record: &Record| match text(record, "user") {
        user if user.is_empty() => text(record, "address"),
        user => user,
    };
    let mut records = setup.store.records(preference::TABLE)?;
    records.retain(|record| {
        person
            .as_ref()
            .is_none_or(|person| who(record) == person.id())
    });
    let on = |record: &Record| record.fields.get("active") != Some(&Value::Bool(false));
    if as_json {
        for record in &records {
            output::line(json!({
                "person": who(record),
                "notification": text(record, "notification"),
                "active": on(record),
            }));
        }
        return Ok(());
    }
    let row = |record: &Record| {
        let on = if on(record) { "on" } else { "off" };
        vec![who(record), text(record, "notification"), on.to_owned()]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    output::line(output::table(
        &["PERSON", "NOTIFICATION", "SWITCHED"],
        &rows,
    ));
    Ok(())
}
