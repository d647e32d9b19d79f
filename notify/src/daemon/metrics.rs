//! Counters in the text format of Prometheus, made from what the daemon tells.

use super::LogEvent;
use crate::store::Backlog;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Counts events by their name, and by account where they have one; and what waits for a person.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<BTreeMap<(&'static str, String), u64>>,
    backlog: Mutex<Option<Backlog>>,
}

impl Metrics {
    /// Counts an event.
    pub fn count(&self, event: &LogEvent) {
        let account = event.fields.iter().find(|(key, _)| *key == "account");
        let account = account.map(|(_, value)| value.clone()).unwrap_or_default();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((event.name, account)).or_default() += 1;
    }

    /// Takes note of what waits now.
    pub fn waits(&self, now: Backlog) {
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        *backlog = Some(now);
    }

    /// The counters as text: `postrider_events_total{event="delivered",account="main"} 12`, and the gauge
    /// `postrider_waiting_for_a_person{what="held"} 3`.
    pub fn text(&self) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
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
        let backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(backlog) = &*backlog {
            text += "# HELP postrider_waiting_for_a_person Inbound mail that is held, and outgoing mail that was given up or refused.\n# TYPE postrider_waiting_for_a_person gauge\n";
            let Backlog {
                dead, failed, held, ..
            } = backlog;
            for (what, count) in [("held", held), ("dead", dead), ("failed", failed)] {
                let _ = writeln!(
                    text,
                    "postrider_waiting_for_a_person{{what=\"{what}\"}} {count}"
                );
            }
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
        let backlog = Backlog {
            held: 3,
            ..Backlog::default()
        };
        metrics.waits(backlog);
        let text = metrics.text();
        assert!(
            text.contains("{event=\"delivered\",account=\"a\\\"b\"} 2\n"),
            "{text}"
        );
        assert!(
            text.contains("{event=\"started\",account=\"\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("{what=\"held\"} 3\n"), "{text}");
    }
}
