//! Preferences: what one person says about one notification, as a record of `notification_preference`.
//!
//! | field | means |
//! |---|---|
//! | `user` or `address` | who: a user, or an address that belongs to none |
//! | `notification` | the notification's name |
//! | `active` | `false` switches it off |
//! | `digest` | `on`: in digests; `off`: each at once; `4h`: in digests of that time; unset: as the notification has it |

use crate::record::{Change, Fields, NewId, RecordKey};
use crate::store::{Store, StoreError};
use serde_json::Value;

/// The table.
pub const TABLE: &str = "notification_preference";

/// Whose preference it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// A user, by id.
    User(String),
    /// An address that belongs to no user, in lower case.
    Address(String),
}

impl Person {
    /// The user who has this id or this address, or else the address itself.
    ///
    /// # Errors
    /// Those of the store.
    pub fn find(store: &dyn Store, text: &str) -> Result<Self, StoreError> {
        if !text.contains('@') {
            return Ok(Self::User(text.to_owned()));
        }
        let user = store.records_where("user", "email", text)?;
        Ok(match user.into_iter().next() {
            Some(user) => Self::User(user.key.id),
            None => Self::Address(text.to_lowercase()),
        })
    }

    /// The id or the address.
    pub fn id(&self) -> &str {
        match self {
            Self::User(id) | Self::Address(id) => id,
        }
    }

    /// The record of what they say about a notification.
    pub fn key(&self, notification: &str) -> RecordKey {
        RecordKey::new(TABLE, format!("{}.{notification}", self.id()))
    }
}

/// The change that gives a preference these fields: `active`.
///
/// # Errors
/// Those of the store.
pub fn change(
    store: &dyn Store,
    person: &Person,
    notification: &str,
    fields: Fields,
    actor: &str,
) -> Result<Change, StoreError> {
    let key = person.key(notification);
    if store.record(&key)?.is_some() {
        return Ok(Change::Update {
            key,
            fields,
            journal: Vec::new(),
            actor: actor.to_owned(),
        });
    }
    let who = match person {
        Person::User(_) => "user",
        Person::Address(_) => "address",
    };
    let mut all = fields;
    all.insert(who.to_owned(), Value::from(person.id()));
    all.insert("notification".to_owned(), Value::from(notification));
    all.retain(|_, value| !value.is_null());
    Ok(Change::Insert {
        table: key.table,
        id: NewId::Given(key.id),
        fields: all,
        journal: Vec::new(),
        actor: actor.to_owned(),
    })
}
