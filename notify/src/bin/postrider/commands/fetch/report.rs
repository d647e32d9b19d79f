//! What a fetch says while it runs: a bar on a terminal, JSON for programs, remarks for what is out of the ordinary.

use crate::output::{self, foreign};
use postrider_pop3::UniqueId;
use postrider_pop3::sync::{LeftAlone, Summary, SyncEvent};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the bar is drawn, at most.
const PACE: Duration = Duration::from_millis(100);

const WIDTH: usize = 30;

/// Tells a person or a program how a fetch goes.
pub(super) struct Report {
    json: bool,
    bar: Option<Bar>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(Bar::new);
        Self { json, bar }
    }

    pub(super) fn event(&mut self, event: &SyncEvent) {
        if self.json {
            object(event).into_iter().for_each(output::line);
        } else if let Some(remark) = remark(event) {
            self.end();
            output::remark(remark);
        }
        if let Some(bar) = &mut self.bar {
            bar.event(event);
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.clear();
        }
    }

    pub(super) fn summary(&self, summary: &Summary, place: &Path) {
        let Summary {
            listed,
            stored,
            octets,
            duplicates,
            recognised,
            deleted,
            refused,
            left_alone,
            login_delay,
            ..
        } = summary;
        if self.json {
            output::line(json!({
                "type": "summary", "listed": listed, "stored": stored, "octets": octets,
                "duplicates": duplicates, "recognised": recognised, "deleted": deleted,
                "refused": refused, "left_alone": left_alone,
                "login_delay": login_delay.map(|delay| delay.as_secs()),
                "place": place.display().to_string(),
            }));
            return;
        }
        output::line(format!(
            "{stored} new of {listed} messages ({}) in {}; {deleted} deleted on the server",
            size(*octets),
            place.display(),
        ));
    }
}

/// What is out of the ordinary, as a sentence.
fn remark(event: &SyncEvent) -> Option<String> {
    Some(match event {
        SyncEvent::SetAside { path } => format!(
            "an earlier fetch was cut off, or something is damaged: what was taken out is in {}, what others appended included",
            path.display()
        ),
        SyncEvent::Refused { number, reply, .. } => {
            format!("message {number} was refused: {reply}")
        }
        SyncEvent::NotDeleted { number, reply } => {
            format!("message {number} was not deleted: {reply}")
        }
        SyncEvent::LeftAlone {
            number,
            octets,
            why,
            ..
        } => format!(
            "message {number} ({}) is left on the server: {}",
            size(*octets),
            reason(*why)
        ),
        SyncEvent::UidReused { uid } => format!(
            "the server uses the unique-id {} for another message now; it is fetched",
            foreign(uid.as_str())
        ),
        SyncEvent::UidlReset { vanished } => format!(
            "{vanished} known messages are gone at once: the server has probably renamed them"
        ),
        SyncEvent::Reconnecting { error } => format!("{error}; connecting again"),
        _ => return None,
    })
}

fn reason(why: LeftAlone) -> &'static str {
    match why {
        LeftAlone::TooLarge => "it is larger than --max-message",
        LeftAlone::Quarantined => "it failed too often, and is tried again in a day",
        _ => "by the rules of the sync",
    }
}

fn object(event: &SyncEvent) -> Option<Value> {
    let name = |uid: &Option<UniqueId>| uid.as_ref().map(|uid| uid.as_str().to_owned());
    Some(match event {
        SyncEvent::SetAside { path } => {
            json!({ "type": "set-aside", "path": path.display().to_string() })
        }
        SyncEvent::Stored {
            key,
            uid,
            octets,
            place,
        } => json!({
            "type": "stored", "key": key.to_string(), "uid": name(uid), "octets": octets, "place": place,
        }),
        SyncEvent::Duplicate { number, uid } => {
            json!({ "type": "duplicate", "number": number.value(), "uid": name(uid) })
        }
        SyncEvent::Recognised { number, uid } => {
            json!({ "type": "recognised", "number": number.value(), "uid": name(uid) })
        }
        SyncEvent::UidReused { uid } => json!({ "type": "uid-reused", "uid": uid.as_str() }),
        SyncEvent::UidlReset { vanished } => {
            json!({ "type": "uidl-reset", "vanished": vanished })
        }
        SyncEvent::Refused { number, uid, reply } => json!({
            "type": "refused", "number": number.value(), "uid": name(uid), "reply": reply.to_string(),
        }),
        SyncEvent::NotDeleted { number, reply } => json!({
            "type": "not-deleted", "number": number.value(), "reply": reply.to_string(),
        }),
        SyncEvent::LeftAlone {
            number,
            uid,
            octets,
            why,
        } => json!({
            "type": "left-alone", "number": number.value(), "uid": name(uid), "octets": octets,
            "why": reason(*why),
        }),
        SyncEvent::Deleted { count } => json!({ "type": "deleted", "count": count }),
        SyncEvent::Reconnecting { error } => json!({ "type": "reconnecting", "error": error }),
        // How much there is to do concerns the bar alone.
        _ => return None,
    })
}

/// A line on standard error that is drawn over and over.
struct Bar {
    total: usize,
    done: usize,
    /// Octets by LIST, and how many of them are here; what is stored, and what had been when this session began.
    octets: u64,
    received: u64,
    stored: u64,
    before: u64,
    drawn: Option<Instant>,
}

impl Bar {
    fn new() -> Self {
        Self {
            total: 0,
            done: 0,
            octets: 0,
            received: 0,
            stored: 0,
            before: 0,
            drawn: None,
        }
    }

    fn event(&mut self, event: &SyncEvent) {
        let moved = self.note(event);
        if moved && self.drawn.is_none_or(|drawn| drawn.elapsed() >= PACE) {
            self.draw();
        }
    }

    /// Whether it has moved.
    fn note(&mut self, event: &SyncEvent) -> bool {
        match event {
            // After a reconnection, what is left.
            SyncEvent::Fetching { count, octets } => {
                self.total = self.done + count;
                self.before = self.stored;
                self.received = self.stored;
                self.octets = self.stored + octets;
            }
            SyncEvent::Receiving { octets } => self.received = self.before + octets,
            SyncEvent::Stored { octets, .. } => {
                self.done += 1;
                self.stored += octets;
                self.received = self.received.max(self.stored);
            }
            SyncEvent::Duplicate { .. } | SyncEvent::Recognised { .. } => self.done += 1,
            _ => return false,
        }
        true
    }

    fn draw(&mut self) {
        self.drawn = Some(Instant::now());
        let line = self.line();
        // Nobody is left to be told when the terminal is gone.
        let _ = write!(std::io::stderr().lock(), "\r\x1b[K{line}");
    }

    fn line(&self) -> String {
        // By octets, for a few large messages are most of a mailbox; LIST's sizes are not quite right.
        let (done, all) = match self.octets {
            0 => (self.done as u64, self.total as u64),
            octets => (self.received, octets),
        };
        let full = (u128::from(done) * WIDTH as u128)
            .checked_div(u128::from(all))
            .and_then(|full| usize::try_from(full).ok())
            .unwrap_or(0)
            .min(WIDTH);
        format!(
            "[{}{}] {} of {} messages, {} of {}",
            "#".repeat(full),
            " ".repeat(WIDTH - full),
            self.done,
            self.total,
            size(self.received),
            size(self.octets)
        )
    }

    fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// Octets as people read them.
pub(crate) fn size(octets: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = octets;
    let mut unit = None;
    let mut tenths = 0;
    for name in UNITS {
        if value < 1024 {
            break;
        }
        tenths = value % 1024 * 10 / 1024;
        value /= 1024;
        unit = Some(name);
    }
    match unit {
        Some(unit) => format!("{value}.{tenths} {unit}"),
        None => format!("{octets} octets"),
    }
}

#[cfg(test)]
mod tests;
