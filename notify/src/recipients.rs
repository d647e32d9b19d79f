//! Who is told: from users, groups, fields and event parameters to addresses, each with the reason why or why not.
//!
//! | verdict | means |
//! |---|---|
//! | `queued` | a mail is on its way |
//! | `user_inactive` | the user has `active = false` |
//! | `quiet_hours` | a mail is written, and held until the stated schedule opens |
//! | `digest` | it is told in a digest, at the stated moment or with the stated mail |
//! | `user_notification_disabled` | the user has `notification = false` |
//! | `opted_out` | this notification is switched off, by the user or for the address |
//! | `device_inactive` | the address is one of the user's devices, and `active = false` |
//! | `device_filter` | the device takes other notifications only |
//! | `device_schedule` | the schedules of the notification, the user and the device are never open at once |
//! | `subscription_condition` | the condition of the subscription is false, or cannot be read |
//! | `group_inactive` | the group has `active = false` |
//! | `unknown_recipient` | there is no such user or group |
//! | `no_address` | the field is empty, the user has no address, or the group has nobody to tell |
//! | `invalid_address` | not exactly one address |
//! | `excluded_actor` | caused the event, and is not told about it; or did so by mail through a list, which is not answered |
//! | `own_address` | belongs to an account of ours: we never write to ourselves |
//! | `denied_domain` | is in a domain that `[outgoing]` keeps mail from |
//! | `suppressed` | is on the suppression list, for the stated reason |
//! | `duplicate` | is told already |
//! | `weight_lost` | a heavier notification of the same event tells them |
//! | `render_error` | the mail could not be written |
//! | `error` | the field could not be followed, for the stated reason |
//!
//! A group is told at its address, its manager with `include_manager = true`, and its members with `include_members = true`.
//! Whoever has a delegate at this moment is told together with them, unless the notification excludes delegates.
//! A notification with `mandatory` asks for no preference; one with `force_delivery` also looks neither at
//! `user.notification`, nor at what a device takes, nor at quiet hours of theirs. A `schedule` of the notification itself holds for
//! everybody, also for addresses that belong to no user; those have UTC where it has no time zone.
//!
//! Access rights to the record are not checked: whoever is named is told.

mod person;
mod subscriber;

use crate::directory::Directory;
use crate::email_digest::DueDigest;
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
use std::time::Duration;

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
    /// The language that they read: `de` or `de-AT`; empty if nobody knows.
    pub locale: String,
    /// The time zone that they live in; empty if nobody knows.
    pub time_zone: String,
    /// Not to be told before this moment, and why.
    pub hold: Option<Hold>,
    /// To be told in a digest, whose parts are gathered for so long.
    pub digest: Option<Duration>,
}

/// A mail that waits for a schedule to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// When it does.
    pub until: Timestamp,
    /// Which schedule: `schedule office of the user ada`.
    pub reason: String,
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
    let wanted = notification.recipients.send_to_event_creator;
    let why = match wanted {
        true => BY_A_LIST,
        false => "caused the event",
    };
    let (id, address) = actor;
    let actor = Actor { id, address, why };
    let mut search = Search {
        around,
        notification,
        actor: (!wanted || event.unanswered).then_some(actor),
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
    if named.subscribers {
        search.subscribers(event)?;
    }
    Ok(search.chosen)
}

/// Looks again at somebody who was chosen before, for a digest: are they still willing, and where are they told now?
///
/// # Errors
/// Those of the directory.
pub fn choose_again(
    notification: &Notification,
    digest: &DueDigest,
    around: Surroundings<'_>,
) -> Result<Result<Recipient, RecipientVerdict>, StoreError> {
    let mut search = Search {
        around,
        notification,
        actor: None,
        chosen: Chosen::default(),
        told: HashMap::new(),
    };
    match &digest.user {
        Some(user) => search.alone(user, &digest.via)?,
        None => search.address(&digest.address, &digest.via)?,
    }
    let Chosen {
        mut recipients,
        mut excluded,
    } = search.chosen;
    let is_theirs = |address: &str| address.eq_ignore_ascii_case(&digest.address);
    if let Some(n) = recipients.iter().position(|r| is_theirs(&r.address)) {
        return Ok(Ok(recipients.swap_remove(n)));
    }
    if let Some(n) = excluded.iter().position(|e| is_theirs(&e.address)) {
        return Ok(Err(excluded.swap_remove(n)));
    }
    // They have moved since.
    if let Some(moved) = recipients.into_iter().next() {
        return Ok(Ok(moved));
    }
    Ok(Err(excluded.into_iter().next().unwrap_or_else(|| {
        RecipientVerdict {
            address: digest.address.clone(),
            via: digest.via.clone(),
            verdict: "no_address",
            detail: "nobody is told there any more".to_owned(),
        }
    })))
}

/// Why somebody is not told whom a notification would tell of what they caused.
pub(crate) const BY_A_LIST: &str =
    "caused the event by mail through a list, which is not answered automatically";

/// Who caused an event and is not told: the user, and the address if it was one.
struct Actor {
    id: Option<String>,
    address: String,
    why: &'static str,
}

struct Search<'a> {
    around: Surroundings<'a>,
    notification: &'a Notification,
    /// Who caused the event, if they are not told.
    actor: Option<Actor>,
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
        let manager = text(&fields, "manager");
        let to_manager = is_true(&fields, "include_manager") && !manager.is_empty();
        if to_manager {
            self.user(manager, &format!("{via}, its manager"))?;
        }
        let members = match is_true(&fields, "include_members") {
            true => self.around.directory.members(id)?,
            false => Vec::new(),
        };
        if members.is_empty() && address.is_empty() && !to_manager {
            let why = match is_true(&fields, "include_members") {
                true => "has no members",
                false => "does not include its members (include_members = true would)",
            };
            let why = format!("the group {id} has no address and {why}");
            self.exclude("", &via, "no_address", why);
        }
        for member in members {
            self.user(&member, &via)?;
        }
        Ok(())
    }
}

fn text<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_true(fields: &Fields, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool) == Some(true)
}

fn is_false(fields: &Fields, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool) == Some(false)
}
