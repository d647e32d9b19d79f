//! Forgetting what is older than the configuration keeps (`[outgoing] keep_log`).

use super::signal::Listener;
use super::{Daemon, Level, LogEvent};
use crate::blocking::with_store;
use crate::store::StoreError;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How often old things are looked for.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

impl Daemon {
    /// Forgets at the start, and then once an hour.
    pub(super) async fn upkeep_loop(self: Arc<Self>, mut listener: Listener) {
        while !listener.is_stopped() {
            if let Err(error) = self.forget(Timestamp::now()).await {
                // Nothing hangs on it: the next hour is soon enough.
                self.say(LogEvent::new(Level::Warning, "not_trimmed").with("reason", error));
            }
            listener.rest(INTERVAL).await;
        }
    }

    /// Forgets what is done with and older than the log is kept. Says so where there was any.
    pub(super) async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(keep) = self.config.outgoing.keep_log else {
            return Ok(());
        };
        let before = now.checked_sub(keep).unwrap_or(Timestamp::MIN);
        let trimmed = with_store(&self.store, move |store| store.trim(before)).await?;
        if trimmed.events + trimmed.inbound > 0 {
            let event = LogEvent::new(Level::Info, "trimmed")
                .with_number("events", trimmed.events)
                .with_number("inbound", trimmed.inbound);
            self.say(event);
        }
        Ok(())
    }
}
