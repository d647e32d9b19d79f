//! The directory: what conditions, recipients and templates look up while an event is processed.

use crate::attachment::{Attachment, AttachmentId};
use crate::record::{Fields, JournalEntry, RecordKey};
use crate::store::{Store, StoreError};
use crate::suppression::Suppression;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// Looks up records and people. An application with its own database implements this over it.
///
/// ```
/// use postrider_notify::directory::{Directory, Stored};
/// fn accepts(_: &dyn Directory) {}
/// # fn with(stored: Stored) {
/// accepts(&stored);
/// # }
/// ```
pub trait Directory: Send + Sync {
    /// The fields of a record, `id`, `created` and `updated` included; `None` if there is no such record.
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError>;

    /// The ids of the users who are in a group.
    fn members(&self, group: &str) -> Result<Vec<String>, StoreError>;

    /// The id of the user who has this address, compared without case; of several the first who is active, else the first.
    fn user_by_address(&self, address: &str) -> Result<Option<String>, StoreError>;

    /// The journal entries of a record, oldest first.
    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError>;

    /// The files that are attached to a record, oldest first.
    fn attachments(&self, key: &RecordKey) -> Result<Vec<Attachment>, StoreError> {
        let _ = key;
        Ok(Vec::new())
    }

    /// The octets of an attachment.
    fn attachment_content(&self, id: AttachmentId) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = id;
        Ok(None)
    }

    /// What a user has said about being told: the records of `notification_preference`, `notification_device` and
    /// `user_delegate` whose `user` they are.
    fn personal(&self, user: &str) -> Result<Vec<(RecordKey, Fields)>, StoreError> {
        let _ = user;
        Ok(Vec::new())
    }

    /// The records of a table in which a field has a value, compared without ASCII case: subscriptions by notification,
    /// preferences by address.
    fn records_where(
        &self,
        table: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<(RecordKey, Fields)>, StoreError> {
        let _ = (table, field, value);
        Ok(Vec::new())
    }

    /// Why mail of this account is kept from an address, if it is.
    fn suppressed(
        &self,
        address: &str,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<Suppression>, StoreError> {
        let _ = (address, account, now);
        Ok(None)
    }

    /// The directory as it is now, for as long as a batch of events takes; `None` if it has no such thing, and each look
    /// sees what is there then.
    fn snapshot(&self) -> Result<Option<Arc<dyn Directory>>, StoreError> {
        Ok(None)
    }
}

/// The directory that the store itself is, with its built-in tables.
#[derive(Clone)]
pub struct Stored(pub Arc<dyn Store>);

impl Directory for Stored {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        Ok(self.0.record(key)?.map(|record| record.whole()))
    }

    fn members(&self, group: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.0.records_where("group_member", "group", group)?;
        // The store compares without case; ids differ by case.
        let text = |fields: &Fields, name: &str| Some(fields.get(name)?.as_str()?.to_owned());
        Ok(rows
            .iter()
            .filter(|row| text(&row.fields, "group").as_deref() == Some(group))
            .filter_map(|row| text(&row.fields, "user"))
            .collect())
    }

    fn user_by_address(&self, address: &str) -> Result<Option<String>, StoreError> {
        let mut rows = self.0.records_where("user", "email", address)?;
        // Whoever has left may have handed the address on.
        rows.sort_by_key(|row| row.fields.get("active") == Some(&Value::Bool(false)));
        Ok(rows.into_iter().next().map(|row| row.key.id))
    }

    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        self.0.journal(key)
    }

    fn attachments(&self, key: &RecordKey) -> Result<Vec<Attachment>, StoreError> {
        self.0.attachments(key)
    }

    fn attachment_content(&self, id: AttachmentId) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.attachment_content(id)
    }

    fn personal(&self, user: &str) -> Result<Vec<(RecordKey, Fields)>, StoreError> {
        let rows = self.0.personal(user)?.into_iter();
        Ok(rows.map(|row| (row.key, row.fields)).collect())
    }

    fn records_where(
        &self,
        table: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<(RecordKey, Fields)>, StoreError> {
        let rows = self.0.records_where(table, field, value)?.into_iter();
        Ok(rows.map(|row| (row.key, row.fields)).collect())
    }

    fn suppressed(
        &self,
        address: &str,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<Suppression>, StoreError> {
        self.0.suppressed(address, account, now)
    }

    fn snapshot(&self) -> Result<Option<Arc<dyn Directory>>, StoreError> {
        let snapshot = self.0.snapshot()?;
        Ok(snapshot.map(|store| Arc::new(Self(store)) as Arc<dyn Directory>))
    }
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stored(…)")
    }
}
