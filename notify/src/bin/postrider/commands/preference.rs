//! `postrider preference`: who has switched which notification off.

use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use postrider_notify::email_digest::Wish;
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
        /// Only of this user, or of this address and its users
        #[arg(long)]
        user: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Switch a notification on or off for somebody, or have them told in digests
    Set {
        /// A user id, or an address
        user: String,
        /// The notification
        notification: String,
        /// On, off, or digest
        #[arg(value_enum)]
        switch: Switch,
        /// How long a digest gathers: from 1h to 7d; else as long as the notification says
        #[arg(long, value_name = "TIME")]
        every: Option<String>,
    },
}

/// On, off, or digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Switch {
    /// Tell them of each event at once
    On,
    /// Do not
    Off,
    /// Tell them several events in one mail
    Digest,
}

pub(crate) fn run(config: Option<&Path>, command: Command) -> Result {
    let setup = setup::open(config)?;
    match command {
        Command::List { user, json } => list(&setup, user.as_deref(), json),
        Command::Set {
            user,
            notification,
            switch,
            every,
        } => {
            known(&setup, &notification)?;
            let fields = wish(&setup, &notification, switch, every.as_deref())?;
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

/// The fields that say so.
fn wish(
    setup: &setup::Setup,
    notification: &str,
    switch: Switch,
    every: Option<&str>,
) -> Result<Fields> {
    let refused = |sentence: String| Err(Failure::new(Code::Data, sentence));
    let found = setup.config.notification(notification);
    let digests = found.is_some_and(|notification| notification.digest.is_some());
    let digest = match (switch, every) {
        (Switch::Digest, _) if !digests => {
            let section = format!("[notification.{notification}.digest]");
            return refused(format!(
                "{notification} has no digests: there is no {section}"
            ));
        }
        (Switch::Digest, Some(every)) => match Wish::parse(every) {
            Some(wish @ Wish::Every(_)) => Some(wish),
            _ => return refused(format!("{every:?} is no time from 1h to 7d")),
        },
        (Switch::Digest, None) => Some(Wish::Usual),
        (_, Some(_)) => return refused("--every is for digests".to_owned()),
        // Without digests there is nothing to choose.
        (Switch::On, None) if digests => Some(Wish::Never),
        (Switch::On | Switch::Off, None) => None,
    };
    let mut fields = Fields::new();
    fields.insert("active".into(), Value::from(switch != Switch::Off));
    if let Some(wish) = digest {
        fields.insert("digest".into(), wish.value());
    }
    Ok(fields)
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
    let person = Person::find(&*setup.store, user, notification)?;
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
    // An address may have preferences beside those of its users.
    let people = user.map(|user| Person::named(&*setup.store, user));
    let people = people.transpose()?;
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
        let is_theirs = |person: &Person| who(record) == person.id();
        people
            .as_ref()
            .is_none_or(|people| people.iter().any(is_theirs))
    });
    let on = |record: &Record| record.fields.get("active") != Some(&Value::Bool(false));
    if as_json {
        for record in &records {
            output::line(json!({
                "person": who(record),
                "notification": text(record, "notification"),
                "active": on(record),
                "digest": text(record, "digest"),
            }));
        }
        return Ok(());
    }
    let row = |record: &Record| {
        let mode = match (on(record), Wish::parse(&text(record, "digest"))) {
            (false, _) => "off".to_owned(),
            (true, None | Some(Wish::Never)) => "on".to_owned(),
            (true, Some(Wish::Usual)) => "digest".to_owned(),
            (true, Some(Wish::Every(_))) => format!("digest of {}", text(record, "digest")),
        };
        vec![who(record), text(record, "notification"), mode]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    output::line(output::table(
        &["PERSON", "NOTIFICATION", "SWITCHED"],
        &rows,
    ));
    Ok(())
}
