//! Subscribers: users who asked to be told, some of them only under a condition.

use super::{Search, is_false, text};
use crate::condition::{Facts, Query};
use crate::event::Event;
use crate::record::Fields;
use crate::store::StoreError;

impl Search<'_> {
    /// Everybody who subscribes to the notification.
    pub(super) fn subscribers(&mut self, event: &Event) -> Result<(), StoreError> {
        let table = "notification_subscription";
        let name = &self.notification.name;
        let directory = self.around.directory;
        for (key, fields) in directory.records_where(table, "notification", name)? {
            // The look-up is without case; the names of notifications are not.
            if text(&fields, "notification") != name || is_false(&fields, "active") {
                continue;
            }
            let via = format!("subscription {}", key.id);
            match self.unmet(&fields, event)? {
                Some(why) => {
                    self.exclude("", &via, "subscription_condition", why);
                }
                None => self.user(text(&fields, "user"), &via)?,
            }
        }
        Ok(())
    }

    /// Why the condition of a subscription does not hold.
    fn unmet(&self, subscription: &Fields, event: &Event) -> Result<Option<String>, StoreError> {
        let condition = text(subscription, "condition");
        if condition.is_empty() {
            return Ok(None);
        }
        let Some(key) = &event.what.record else {
            return Ok(Some("the event is about no record".into()));
        };
        let query = match Query::parse(condition, &key.table, self.around.schema) {
            Ok(query) => query,
            Err(errors) => {
                let why = errors.first().map_or(String::new(), ToString::to_string);
                return Ok(Some(format!("`{condition}` cannot be read: {why}")));
            }
        };
        let facts = Facts {
            schema: self.around.schema,
            directory: self.around.directory,
            table: &key.table,
            id: Some(&key.id),
            current: &event.what.current,
            previous: &event.what.previous,
            kind: event.what.kind,
            now: self.around.now,
        };
        let verdict = query.evaluate(&facts)?;
        Ok((!verdict.holds).then_some(verdict.because))
    }
}
