//! Who wrote a mail: an active user, or a guest.

use super::mail::Address;
use crate::record::Record;
use crate::store::{Store, StoreError};
use serde_json::Value;

/// The writer of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The address.
    pub address: String,
    /// The user's name, or the display name in the mail.
    pub name: String,
    /// The user whose address it is; `None` for a guest.
    pub user: Option<String>,
}

impl Author {
    /// Looks the address up among the active users, without case.
    /// An address that several users share belongs to nobody: guessing would let one write as the other.
    ///
    /// # Errors
    /// [`StoreError`] if the users cannot be read.
    pub fn find(store: &dyn Store, from: &Address) -> Result<Self, StoreError> {
        let mut users = store.records_where("user", "email", &from.address)?;
        users.retain(is_active);
        let user = match users.as_slice() {
            [user] => Some(user),
            _ => None,
        };
        let name = user
            .and_then(|user| user.fields.get("name"))
            .and_then(Value::as_str)
            .unwrap_or(&from.name);
        Ok(Self {
            address: from.address.clone(),
            name: name.to_owned(),
            user: user.map(|user| user.key.id.clone()),
        })
    }

    /// The name under which changes are made: the user id, or the address of a guest.
    pub fn actor(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.address)
    }

    /// The domain of the address; empty without one.
    pub fn domain(&self) -> &str {
        self.address
            .rsplit_once('@')
            .map_or("", |(_, domain)| domain)
    }

    /// True if the address is this one. Case is ignored, as everybody does.
    pub fn is(&self, address: &str) -> bool {
        self.address.eq_ignore_ascii_case(address)
    }
}

fn is_active(user: &Record) -> bool {
    user.fields.get("active") != Some(&Value::Bool(false))
}
