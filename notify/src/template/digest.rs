//! What the templates of a digest know: `digest`, which is all of it, `items` and `count`.

use super::Context;
use jiff::Timestamp;
use minijinja::value::Value;
use std::collections::BTreeMap;

/// One part of a digest.
pub(crate) struct DigestItem<'a> {
    pub(crate) subject: &'a str,
    /// Rendered already, and not escaped again.
    pub(crate) html: String,
    pub(crate) text: &'a str,
    /// The address of its record.
    pub(crate) uri: &'a str,
    /// The id of its record.
    pub(crate) record: &'a str,
    pub(crate) created: Timestamp,
}

impl Context {
    /// With a digest of these items, all of which are `all`: HTML, which is not escaped again, or text.
    #[must_use]
    pub(crate) fn digest(self, items: &[DigestItem<'_>], all: &str, html: bool) -> Self {
        let all = match html {
            true => Value::from_safe_string(all.to_owned()),
            false => Value::from(all),
        };
        let list: Vec<Value> = items.iter().map(value).collect();
        self.known("digest", all)
            .known("count", Value::from(items.len()))
            .known("items", Value::from(list))
    }
}

fn value(item: &DigestItem<'_>) -> Value {
    let fields = [
        ("subject", Value::from(item.subject)),
        ("html", Value::from_safe_string(item.html.clone())),
        ("text", Value::from(item.text)),
        ("URI", Value::from(item.uri)),
        ("record", Value::from(item.record)),
        ("created", Value::from(item.created.to_string())),
    ];
    Value::from(BTreeMap::from(fields))
}
