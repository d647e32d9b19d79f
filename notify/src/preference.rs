//! Preferences: what one person says about one notification, as a record of `notification_preference`.
//!
//! | field | means |
//! |---|---|
//! | `user` or `address` | who: a user, or an address: of nobody known, of a device, or of several users |
//! | `notification` | the notification's name |
//! | `active` | `false` switches it off |
//! | `digest` | `on`: in digests; `off`: each at once; `4h`: in digests of that time; unset: as the notification has it |
//!
//! What is said of an address holds for that address, whoever has it.

use crate::record::{Change, Fields, NewId, Record, RecordKey};
use crate::store::{Store, StoreError};
use serde_json::Value;

/// The table.
pub const TABLE: &str = "notification_preference";

/// Whose preference it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// A user, by id.
    User(String),
    /// An address, in lower case, that is not the one of a single user.
    Address(String),
}

impl Person {
    /// Whose preference of a notification is meant: of the user who has this id, or who alone has this address. Where others
    /// have it as well, be it for a device, or where the address has a preference already, it is that of the address.
    ///
    /// # Errors
    /// Those of the store.
    pub fn find(store: &dyn Store, text: &str, notification: &str) -> Result<Self, StoreError> {
        let named = Self::named(store, text)?;
        let (address, user) = match named.as_slice() {
            [address, user] => (address, user),
            [first, ..] => return Ok(first.clone()),
            [] => return Ok(Self::User(text.to_owned())),
        };
        let devices = store.records_where("notification_device", "email", text)?;
        let is_theirs = |device: &Record| {
            let whose = device.fields.get("user").and_then(Value::as_str);
            whose == Some(user.id())
        };
        let alone = devices.iter().all(is_theirs);
        match alone && store.record(&address.key(notification))?.is_none() {
            true => Ok(user.clone()),
            false => Ok(address.clone()),
        }
    }

    /// Everybody whom a text names: the user of this id, or an address and the users who have it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn named(store: &dyn Store, text: &str) -> Result<Vec<Self>, StoreError> {
        if !text.contains('@') {
            return Ok(vec![Self::User(text.to_owned())]);
        }
        let users = store.records_where("user", "email", text)?;
        let users = users.into_iter().map(|user| Self::User(user.key.id));
        let address = Self::Address(text.to_lowercase());
        Ok(std::iter::once(address).chain(users).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SqliteStore, Work};
    use serde_json::json;

    fn add(store: &SqliteStore, table: &str, id: &str, fields: &Value) {
        let change = Change::Insert {
            table: table.to_owned(),
            id: NewId::Given(id.to_owned()),
            fields: fields.as_object().cloned().unwrap(),
            journal: Vec::new(),
            actor: String::new(),
        };
        let work = Work {
            changes: vec![change],
            ..Work::default()
        };
        store.commit(&work).unwrap();
    }

    fn ada() -> Person {
        Person::User("ada".to_owned())
    }

    fn address() -> Person {
        Person::Address("ada@example.org".to_owned())
    }

    #[test]
    fn an_address_stands_for_its_user_as_long_as_nobody_else_has_it() {
        let store = SqliteStore::open_in_memory().unwrap();
        let found = |text: &str| Person::find(&store, text, "told").unwrap();
        assert_eq!(found("ada"), ada());
        assert_eq!(found("ADA@example.org"), address());
        let email = "Ada@example.org";
        add(&store, "user", "ada", &json!({"email": email}));
        assert_eq!(found("ADA@example.org"), ada());
        let device = |user: &str| json!({"user": user, "email": email});
        add(&store, "notification_device", "1", &device("ada"));
        assert_eq!(found("ada@example.org"), ada());
        add(&store, "notification_device", "2", &device("grace"));
        assert_eq!(found("ada@example.org"), address());
    }

    #[test]
    fn an_address_of_several_users_stands_for_itself_and_names_them_all() {
        let store = SqliteStore::open_in_memory().unwrap();
        for user in ["ada", "ada2"] {
            add(&store, "user", user, &json!({"email": "ada@example.org"}));
        }
        let found = Person::find(&store, "Ada@example.org", "told").unwrap();
        assert_eq!(found, address());
        let named = Person::named(&store, "Ada@example.org").unwrap();
        assert_eq!(named, [address(), ada(), Person::User("ada2".to_owned())]);
    }

    #[test]
    fn what_was_said_of_an_address_before_it_was_a_users_can_be_taken_back() {
        let store = SqliteStore::open_in_memory().unwrap();
        let off = json!({"address": "ada@example.org", "notification": "told", "active": false});
        add(&store, TABLE, "ada@example.org.told", &off);
        add(&store, "user", "ada", &json!({"email": "ada@example.org"}));
        let found = |notification| Person::find(&store, "ada@example.org", notification).unwrap();
        assert_eq!((found("told"), found("other")), (address(), ada()));
    }
}
