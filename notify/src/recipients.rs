//! Who is told: from users, groups, fields and event parameters to addresses, each with the reason why or why not.
//!
//! | verdict | means |
//! |---|---|
//! | `queued` | a mail is on its way |
//! | `user_inactive` | the user has `active = false` |
//! | `user_notification_disabled` | the user has `notification = false` |
//! | `group_inactive` | the group has `active = false` |
//! | `unknown_recipient` | there is no such user or group |
//! | `no_address` | the field is empty, the user has no address, or the group has nobody to tell |
//! | `invalid_address` | not exactly one address |
//! | `excluded_actor` | caused the event, and is not told about it |
//! | `own_address` | belongs to an account of ours: we never write to ourselves |
//! | `suppressed` | is on the suppression list, for the stated reason |
//! | `duplicate` | is told already |
//! | `weight_lost` | a heavier notification of the same event tells them |
//! | `render_error` | the mail could not be written |
//! | `error` | the field could not be followed, for the stated reason |
//!
//! Access rights to the record are not checked: whoever is named is told.

use crate::address::is_address;
use crate::directory::Directory;
use crate::event::Event;
use crate::notification::Notification;
use crate::outgoing::RecipientVerdict;
use crate::record::{Fields, RecordKey};
use crate::schema::{FieldKind, Schema};
use crate::store::StoreError;
use crate::walk::{Start, resolve, walk};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashMap;

/// Somebody who is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The user, if the address belongs to one.
    pub user: Option<String>,
    /// What they are called; may be empty.
    pub name: String,
    /// Where they are told.
    pub address: String,
    /// How they came to be considered: `field assigned_to`.
    pub via: String,
}

/// Who is told, and who is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// These are.
    pub recipients: Vec<Recipient>,
    /// These are not, and why.
    pub excluded: Vec<RecipientVerdict>,
}

/// What the choice depends on beside the notification and the event.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// Where people are looked up.
    pub directory: &'a dyn Directory,
    /// The addresses of our own accounts, in lower case.
    pub own: &'a [String],
    /// The account that the mail would go out by.
    pub account: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// Looks up everybody that a notification names.
///
/// # Errors
/// Those of the directory.
pub fn choose(
    notification: &Notification,
    event: &Event,
    around: Surroundings<'_>,
) -> Result<Chosen, StoreError> {
    let directory = around.directory;
    let actor = match event.what.actor.as_str() {
        address if address.contains('@') => {
            let user = directory.user_by_address(address)?;
            (user, address.to_lowercase())
        }
        user => (Some(user.to_owned()), String::new()),
    };
    let mut search = Search {
        around,
        actor: (!notification.recipients.send_to_event_creator).then_some(actor),
        chosen: Chosen::default(),
        told: HashMap::new(),
    };
    let named = &notification.recipients;
    for user in &named.users {
        search.named(user, &format!("user {user}"))?;
    }
    for field in &named.fields {
        search.field(field, event)?;
    }
    for group in &named.groups {
        search.group(group, &format!("group {group}"))?;
    }
    let parameters = [
        (named.parm1, "parm1", &event.what.parm1),
        (named.parm2, "parm2", &event.what.parm2),
    ];
    for (_, via, text) in parameters.into_iter().filter(|(wanted, ..)| *wanted) {
        search.list(text, via)?;
    }
    Ok(search.chosen)
}

struct Search<'a> {
    around: Surroundings<'a>,
    /// Who caused the event and is not told: the user, and the address if it was one.
    actor: Option<(Option<String>, String)>,
    chosen: Chosen,
    /// Addresses in lower case, and how they were chosen.
    told: HashMap<String, String>,
}

impl Search<'_> {
    fn exclude(
        &mut self,
        address: &str,
        via: &str,
        verdict: &'static str,
        detail: impl Into<String>,
    ) {
        self.chosen.excluded.push(RecipientVerdict {
            address: address.to_owned(),
            via: via.to_owned(),
            verdict,
            detail: detail.into(),
        });
    }

    fn fields(&self, table: &str, id: &str) -> Result<Option<Fields>, StoreError> {
        self.around.directory.record(&RecordKey::new(table, id))
    }

    /// A user id or an address.
    fn named(&mut self, text: &str, via: &str) -> Result<(), StoreError> {
        if text.contains('@') {
            self.address(text, via)
        } else {
            self.user(text, via)
        }
    }

    /// Addresses, users and groups, separated by commas.
    fn list(&mut self, text: &str, via: &str) -> Result<(), StoreError> {
        let mut items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .peekable();
        if items.peek().is_none() {
            self.exclude("", via, "no_address", format!("{via} is empty"));
        }
        for item in items {
            let is_group = !item.contains('@')
                && self.fields("user", item)?.is_none()
                && self.fields("group", item)?.is_some();
            match is_group {
                true => self.group(item, via)?,
                false => self.named(item, via)?,
            }
        }
        Ok(())
    }

    fn field(&mut self, path: &str, event: &Event) -> Result<(), StoreError> {
        let via = format!("field {path}");
        let Some(key) = &event.what.record else {
            self.exclude("", &via, "no_address", "the event is about no record");
            return Ok(());
        };
        let Ok((kind, _)) = resolve(self.around.schema, &key.table, path) else {
            self.exclude(
                "",
                &via,
                "error",
                format!("the table `{}` has no field `{path}`", key.table),
            );
            return Ok(());
        };
        let start = Start {
            table: &key.table,
            id: Some(&key.id),
            fields: &event.what.current,
        };
        let value = walk(self.around.schema, self.around.directory, start, path)?;
        let ids: Vec<&str> = match &value {
            Some(Value::String(text)) if !text.trim().is_empty() => vec![text],
            Some(Value::Array(items)) if !items.is_empty() => {
                items.iter().filter_map(Value::as_str).collect()
            }
            _ => {
                self.exclude("", &via, "no_address", format!("{path} is empty"));
                return Ok(());
            }
        };
        for id in ids {
            match &kind {
                FieldKind::Reference(table) | FieldKind::List(table) if table == "group" => {
                    self.group(id, &via)?
                }
                FieldKind::Reference(table) | FieldKind::List(table) if table == "user" => {
                    self.user(id, &via)?
                }
                FieldKind::String => self.address(id, &via)?,
                _ => self.exclude(
                    "",
                    &via,
                    "error",
                    format!("{path} holds neither people nor an address"),
                ),
            }
        }
        Ok(())
    }

    fn group(&mut self, id: &str, via: &str) -> Result<(), StoreError> {
        let Some(fields) = self.fields("group", id)? else {
            self.exclude(
                "",
                via,
                "unknown_recipient",
                format!("there is no group {id}"),
            );
            return Ok(());
        };
        if is_false(&fields, "active") {
            self.exclude(
                "",
                via,
                "group_inactive",
                format!("the group {id} is not active"),
            );
            return Ok(());
        }
        let via = match via.starts_with("group ") {
            true => via.to_owned(),
            false => format!("{via}, group {id}"),
        };
        let address = text(&fields, "email");
        if !address.is_empty() {
            self.address(address, &format!("{via}, its address"))?;
        }
        // A group without an address of its own would tell nobody, so its members are meant unless it says otherwise.
        let members = match is_false(&fields, "include_members") {
            true => Vec::new(),
            false => self.around.directory.members(id)?,
        };
        if members.is_empty() && address.is_empty() {
            let why = if is_false(&fields, "include_members") {
                "does not include its members"
            } else {
                "has no members"
            };
            self.exclude(
                "",
                &via,
                "no_address",
                format!("the group {id} has no address and {why}"),
            );
        }
        for member in members {
            self.user(&member, &via)?;
        }
        Ok(())
    }

    /// A text that has to be exactly one address.
    fn address(&mut self, address: &str, via: &str) -> Result<(), StoreError> {
        let address = address.trim();
        if !is_address(address) {
            let shown: String = address
                .chars()
                .take(80)
                .flat_map(char::escape_debug)
                .collect();
            self.exclude(&shown, via, "invalid_address", "not exactly one address");
            return Ok(());
        }
        match self.around.directory.user_by_address(address)? {
            Some(user) => self.user(&user, via),
            None => self.add(None, "", address, via),
        }
    }

    fn user(&mut self, id: &str, via: &str) -> Result<(), StoreError> {
        let Some(fields) = self.fields("user", id)? else {
            self.exclude(
                "",
                via,
                "unknown_recipient",
                format!("there is no user {id}"),
            );
            return Ok(());
        };
        let address = text(&fields, "email").trim();
        if is_false(&fields, "active") {
            self.exclude(
                address,
                via,
                "user_inactive",
                format!("the user {id} is not active"),
            );
        } else if is_false(&fields, "notification") {
            self.exclude(
                address,
                via,
                "user_notification_disabled",
                format!("the user {id} wants no notifications"),
            );
        } else if address.is_empty() {
            self.exclude(
                address,
                via,
                "no_address",
                format!("the user {id} has no address"),
            );
        } else if !is_address(address) {
            let shown: String = address
                .chars()
                .take(80)
                .flat_map(char::escape_debug)
                .collect();
            self.exclude(
                &shown,
                via,
                "invalid_address",
                format!("of the user {id}: not exactly one address"),
            );
        } else {
            return self.add(Some(id), text(&fields, "name"), address, via);
        }
        Ok(())
    }

    fn add(
        &mut self,
        user: Option<&str>,
        name: &str,
        address: &str,
        via: &str,
    ) -> Result<(), StoreError> {
        match self.obstacle(user, address)? {
            Some((verdict, detail)) => self.exclude(address, via, verdict, detail),
            None => {
                self.told.insert(address.to_lowercase(), via.to_owned());
                self.chosen.recipients.push(Recipient {
                    user: user.map(str::to_owned),
                    name: name.to_owned(),
                    address: address.to_owned(),
                    via: via.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// What keeps an address that is good in itself from being told.
    fn obstacle(
        &self,
        user: Option<&str>,
        address: &str,
    ) -> Result<Option<(&'static str, String)>, StoreError> {
        let folded = address.to_lowercase();
        let is_actor = self.actor.as_ref().is_some_and(|(id, actor)| {
            (user.is_some() && user == id.as_deref()) || (!actor.is_empty() && *actor == folded)
        });
        if is_actor {
            return Ok(Some(("excluded_actor", "caused the event".into())));
        }
        if self.around.own.contains(&folded) {
            return Ok(Some((
                "own_address",
                "belongs to an account of ours".into(),
            )));
        }
        if let Some(first) = self.told.get(&folded) {
            return Ok(Some(("duplicate", format!("is told already: {first}"))));
        }
        let around = &self.around;
        let suppressed = around
            .directory
            .suppressed(address, around.account, around.now)?;
        Ok(suppressed.map(|suppression| {
            let until = suppression
                .until
                .map_or(String::new(), |until| format!(" until {until}"));
            let detail = format!(
                "{}{until}: {}",
                suppression.reason.name(),
                suppression.detail
            );
            ("suppressed", detail.trim_end_matches([':', ' ']).to_owned())
        }))
    }
}

fn text<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_false(fields: &Fields, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool) == Some(false)
}
