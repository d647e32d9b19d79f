//! Counters in the text format of Prometheus, made from what the daemon tells.

use super::LogEvent;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Counts events by their name, and by account where they have one.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<BTreeMap<(&'static str, String), u64>>);

impl Metrics {
    /// Counts an event.
    pub fn count(&self, event: &LogEvent) {
        let account = event.fields.iter().find(|(key, _)| *key == "account");
        let account = account.map(|(_, value)| value.clone()).unwrap_or_default();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((event.name, account)).or_default() += 1;
    }

    /// The counters as text: `postrider_events_total{event="delivered",account="main"} 12`.
    pub fn text(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::from(
            "# HELP postrider_events_total What the daemon did, by the names of its log.\n# TYPE postrider_events_total counter\n",
        );
        for ((name, account), count) in counts.iter() {
            let account = account.replace('\\', "\\\\").replace('"', "\\\"");
            let account = account.replace('\n', "\\n");
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "postrider_events_total{{event=\"{name}\",account=\"{account}\"}} {count}"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn events_are_counted_by_name_and_account() {
        let metrics = Metrics::default();
        let sent = LogEvent::new(Level::Info, "delivered").with("account", "a\"b");
        metrics.count(&sent);
        metrics.count(&sent);
        metrics.count(&LogEvent::new(Level::Info, "started"));
        let text = metrics.text();
        assert!(
            text.contains("{event=\"delivered\",account=\"a\\\"b\"} 2\n"),
            "{text}"
        );
        assert!(
            text.contains("{event=\"started\",account=\"\"} 1\n"),
            "{text}"
        );
    }
}
