//! What each inbound action said to a mail, and why: stored with the mail, and told by `explain`.

use serde_json::{Value, json};

/// What one action said to one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionVerdict {
    /// The action.
    pub action: String,
    /// What it came to: one of [`WORDS`](Self::WORDS).
    pub verdict: &'static str,
    /// The term that decided with the values it saw, or what was done.
    pub detail: String,
}

impl ActionVerdict {
    /// `ran`; `inactive`; `other_class` and `other_table`, it is not for such mail; `condition_false`; `nothing`, it ran and
    /// changed nothing; `stopped`, an earlier action was the last; `failed`; `other` was written by another version.
    pub const WORDS: [&'static str; 9] = [
        "ran",
        "inactive",
        "other_class",
        "other_table",
        "condition_false",
        "nothing",
        "stopped",
        "failed",
        "other",
    ];

    pub(crate) fn new(action: &str, verdict: &'static str, detail: impl Into<String>) -> Self {
        Self {
            action: action.to_owned(),
            verdict,
            detail: detail.into(),
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({"action": self.action, "verdict": self.verdict, "detail": self.detail})
    }

    /// From JSON; nothing that is there is an error.
    pub(crate) fn read(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let word = Self::WORDS
            .into_iter()
            .find(|word| *word == text("verdict"));
        Self {
            action: text("action").to_owned(),
            verdict: word.unwrap_or("other"),
            detail: text("detail").to_owned(),
        }
    }
}
