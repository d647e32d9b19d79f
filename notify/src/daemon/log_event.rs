//! What the daemon does, one event a line, for whoever listens. The library itself prints nothing.

use jiff::Timestamp;
use postrider_wire::escape::Escaped;
use std::fmt;

/// Something that happened. `Display` is one line: time, level, name, then `key=value` pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// What happened: `sent`, `paused`, `fetched`.
    pub name: &'static str,
    /// The particulars. Values may hold anything; showing them escapes control characters.
    pub fields: Vec<(&'static str, String)>,
    /// The names of those that are numbers.
    numbers: Vec<&'static str>,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Work as usual.
    Info,
    /// Something did not work, and is tried again or waits for a decision.
    Warning,
    /// Somebody must do something.
    Error,
}

impl LogEvent {
    /// An event that happens now.
    pub fn new(level: Level, name: &'static str) -> Self {
        Self {
            at: Timestamp::now(),
            level,
            name,
            fields: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Adds a particular; an empty value is left out.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        if !value.is_empty() {
            self.fields.push((key, value));
        }
        self
    }

    /// Adds a particular that is a number, and is one in JSON.
    #[must_use]
    pub fn with_number(mut self, key: &'static str, value: impl TryInto<i64>) -> Self {
        self.numbers.push(key);
        let value = value.try_into().unwrap_or(i64::MAX);
        self.with(key, value)
    }
}

impl Level {
    /// Its word in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl LogEvent {
    /// The same as an object: `at`, `level`, `event` (what happened), then the particulars by their names, the number of an event as `event_id`.
    pub fn json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("at".to_owned(), self.at.to_string().into());
        object.insert("level".to_owned(), self.level.name().into());
        object.insert("event".to_owned(), self.name.into());
        for (key, value) in &self.fields {
            let number = self.numbers.contains(key).then(|| value.parse::<i64>());
            let value = match number {
                Some(Ok(number)) => number.into(),
                _ => value.as_str().into(),
            };
            let key = match object.contains_key(*key) {
                true => format!("{key}_id"),
                false => (*key).to_owned(),
            };
            object.insert(key, value);
        }
        object.into()
    }
}

impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.name();
        let second = self.at.as_second();
        let at = Timestamp::from_second(second).unwrap_or(self.at);
        write!(f, "{at} {level} {}", self.name)?;
        for (key, value) in &self.fields {
            let shown = Escaped(value.as_bytes()).to_string();
            let bare = shown
                .chars()
                .all(|c| !c.is_whitespace() && !matches!(c, '"' | '='));
            if bare {
                write!(f, " {key}={shown}")?;
            } else {
                write!(f, " {key}=\"{}\"", shown.replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let mut event = LogEvent::new(Level::Warning, "paused")
            .with("account", "main")
            .with("reason", "535 \"no\"\r\n\x1b[2J entry")
            .with("nothing", "");
        event.at = Timestamp::UNIX_EPOCH;
        assert_eq!(
            event.to_string(),
            r#"1970-01-01T00:00:00Z warning paused account=main reason="535 \"no\"\x0d\x0a\x1b[2J entry""#
        );
    }

    #[test]
    fn a_number_is_one_in_json_and_what_only_looks_like_one_is_none() {
        let event = LogEvent::new(Level::Info, "settled")
            .with_number("event", 17)
            .with("said", "250");
        let object = event.json();
        assert_eq!(object["event_id"], 17);
        assert_eq!(object["said"], "250");
        assert!(event.to_string().ends_with(" event=17 said=250"));
    }
}
