//! A record as a template sees it: its fields by name, its references followed when they are asked for.

use super::script::ScriptCall;
use crate::condition::{changed, set};
use crate::directory::Directory;
use crate::event::EventKind;
use crate::record::{Fields, JournalEntry, RecordKey};
use crate::schema::{FieldKind, Schema, Table};
use crate::store::StoreError;
use crate::walk::{field_names, is_id, kind_of};
use jiff::Timestamp;
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Serde, Value};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where records come from, and what was looked up already.
#[derive(Clone)]
pub(super) struct Lookup {
    shared: Arc<Shared>,
    /// In a condition, an unset number or date is undefined instead of none, so that the engine does not take it for
    /// less than every other; see the traps in the module documentation.
    pub(super) in_condition: bool,
}

struct Shared {
    schema: Arc<Schema>,
    directory: Arc<dyn Directory>,
    seen: Mutex<HashMap<RecordKey, Option<Arc<Fields>>>>,
    journals: Mutex<HashMap<RecordKey, Arc<[JournalEntry]>>>,
    error: Mutex<Option<StoreError>>,
}

impl Lookup {
    pub(super) fn new(schema: Arc<Schema>, directory: Arc<dyn Directory>) -> Self {
        let shared = Shared {
            schema,
            directory,
            seen: Mutex::default(),
            journals: Mutex::default(),
            error: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            in_condition: false,
        }
    }

    /// The first error that a look-up met. Templates see an unset field instead.
    pub(super) fn take_error(&self) -> Option<StoreError> {
        let mut error = self
            .shared
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        error.take()
    }

    fn fail(&self, error: StoreError) {
        let mut first = self
            .shared
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
    }

    fn record(&self, key: &RecordKey) -> Option<Arc<Fields>> {
        let seen = || {
            self.shared
                .seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = seen().get(key) {
            return known.clone();
        }
        let found = self.shared.directory.record(key).unwrap_or_else(|error| {
            self.fail(error);
            None
        });
        let found = found.map(Arc::new);
        seen().insert(key.clone(), found.clone());
        found
    }

    /// The whole journal of a record. It may be long, and each recipient's mail shows some of it.
    fn journal(&self, key: &RecordKey) -> Arc<[JournalEntry]> {
        let journals = || {
            self.shared
                .journals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = journals().get(key) {
            return Arc::clone(known);
        }
        let found = self.shared.directory.journal(key).unwrap_or_else(|error| {
            self.fail(error);
            Vec::new()
        });
        let found: Arc<[JournalEntry]> = found.into();
        journals().insert(key.clone(), Arc::clone(&found));
        found
    }

    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.shared.schema.tables.get(name)
    }
}

/// What the event did to the record.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) kind: EventKind,
    pub(super) previous: Fields,
}

/// When the event was, and whose it is: its journal ends there.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) created: Timestamp,
    pub(super) actor: String,
}

/// A record, or the place of one that an unset reference leaves: it prints as nothing and counts as false.
#[derive(Clone)]
pub(super) struct RecordView {
    pub(super) lookup: Lookup,
    pub(super) table: String,
    pub(super) id: Option<String>,
    /// Known from the start for the record of an event, else looked up when first asked for.
    fields: OnceLock<Option<Arc<Fields>>>,
    pub(super) change: Option<Arc<Change>>,
    /// Known for the record of an event.
    pub(super) moment: Option<Arc<Moment>>,
    /// What its address begins with.
    base: Arc<str>,
}

impl RecordView {
    pub(super) fn new(lookup: Lookup, key: RecordKey, fields: Fields, base: Arc<str>) -> Self {
        let fields = OnceLock::from(Some(Arc::new(fields)));
        let id = (!key.id.is_empty()).then_some(key.id);
        Self {
            lookup,
            table: key.table,
            id,
            fields,
            change: None,
            moment: None,
            base,
        }
    }

    /// The record that a reference leads to.
    pub(super) fn reference(&self, table: &str, id: Option<&str>) -> Self {
        Self {
            lookup: self.lookup.clone(),
            table: table.to_owned(),
            id: id.map(str::to_owned),
            fields: OnceLock::new(),
            change: None,
            moment: None,
            base: self.base.clone(),
        }
    }

    fn fields(&self) -> Option<&Fields> {
        let found = self.fields.get_or_init(|| {
            let id = self.id.as_deref()?;
            self.lookup.record(&RecordKey::new(&*self.table, id))
        });
        found.as_deref()
    }

    /// What a mail script is called with.
    pub(super) fn call(&self) -> ScriptCall {
        let id = self
            .id
            .as_deref()
            .map(|id| RecordKey::new(&*self.table, id));
        ScriptCall {
            record: id,
            fields: self.fields().cloned().unwrap_or_default(),
        }
    }

    fn raw(&self, table: &Table, name: &str) -> Option<Json> {
        let value = self.fields().and_then(|fields| fields.get(name).cloned());
        let id = || Some(Json::from(self.id.as_deref()?));
        value.or_else(|| is_id(table, name).then(id)?)
    }

    /// A field; `None` if the table has none of that name.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let table = self.lookup.table(&self.table)?;
        let Some(kind) = kind_of(table, name) else {
            return match name {
                "URI" => Some(Value::from(self.address().unwrap_or_default())),
                "URI_REF" => Some(Value::from_object(Link {
                    url: self.address(),
                    text: self.display(),
                })),
                _ => None,
            };
        };
        match (kind, set(self.raw(table, name))) {
            (FieldKind::Reference(to), Some(Json::String(id))) => {
                Some(Value::from_object(self.reference(&to, Some(&id))))
            }
            (FieldKind::Reference(to), _) => Some(Value::from_object(self.reference(&to, None))),
            (FieldKind::List(to), Some(Json::Array(ids))) => {
                let ids = ids.iter().filter_map(Json::as_str);
                Some(
                    ids.map(|id| Value::from_object(self.reference(&to, Some(id))))
                        .collect(),
                )
            }
            (FieldKind::List(_), _) => Some(Value::from(Vec::<Value>::new())),
            (FieldKind::Journal, None) => Some(self.last_entry(name)),
            (kind, Some(value)) => Some(typed(&kind, value)),
            (kind, None) if self.lookup.in_condition && is_ordered(&kind) => None,
            (_, None) => Some(Value::from(())),
        }
    }

    fn last_entry(&self, field: &str) -> Value {
        // In a condition only the entry counts that the event made.
        if self.lookup.in_condition {
            return Value::from(());
        }
        let last = self.entries(&[field], 1).pop();
        last.map_or(Value::from(()), |entry| Value::from(entry.text))
    }

    /// The last journal entries of some fields, newest first. What was written after the event is not among them: the other
    /// fields are the event's as well.
    pub(super) fn entries(&self, fields: &[&str], count: usize) -> Vec<JournalEntry> {
        let Some(id) = self.id.as_deref() else {
            return Vec::new();
        };
        let all = self.lookup.journal(&RecordKey::new(&*self.table, id));
        let moment = self.moment.as_deref();
        let written = moment.map_or(all.len(), |moment| self.written_by(moment, &all));
        let until_then = all.iter().take(written).rev();
        let wanted = until_then.filter(|entry| fields.contains(&&*entry.field));
        wanted.take(count).cloned().collect()
    }

    /// How many entries there were at the event. Several events may be of one moment: the entry that an event made is the last
    /// one for it. The order counts, so that a clock that was ahead once hides nothing.
    fn written_by(&self, moment: &Moment, entries: &[JournalEntry]) -> usize {
        let made = |entry: &JournalEntry| {
            let text = self
                .fields()
                .and_then(|now| now.get(&entry.field)?.as_str());
            let is_text = |text: &str| {
                let before = text.strip_suffix(&*entry.text);
                before.is_some_and(|before| before.is_empty() || before.ends_with("\n\n"))
            };
            entry.created == moment.created
                && entry.author == moment.actor
                && text.is_some_and(is_text)
        };
        let last = entries.iter().rposition(made);
        let last = last.or_else(|| entries.iter().rposition(|e| e.created <= moment.created));
        last.map_or(0, |last| last + 1)
    }

    /// Whether the event gave a field another value; `None` if there is no such field.
    pub(super) fn changed(&self, name: &str) -> Option<bool> {
        let table = self.lookup.table(&self.table)?;
        let kind = kind_of(table, name)?;
        let Some(change) = self.change.as_deref() else {
            return Some(false);
        };
        if is_id(table, name) {
            return Some(change.kind == EventKind::Inserted);
        }
        let before = set(change.previous.get(name).cloned());
        let now = set(self.fields().and_then(|fields| fields.get(name).cloned()));
        Some(changed(change.kind, &kind, before.as_ref(), now.as_ref()).unwrap_or(false))
    }

    /// Where the record is shown: `URL/TABLE/ID`.
    pub(super) fn address(&self) -> Option<String> {
        let id = self.id.as_deref()?;
        let key = RecordKey::new(&*self.table, id);
        (!self.base.is_empty()).then(|| address(&self.base, &key))
    }

    /// What people call it: its display field, else its id.
    pub(super) fn display(&self) -> String {
        let table = self.lookup.table(&self.table);
        let display = table.and_then(|table| table.display.as_deref());
        let text = display.and_then(|name| self.fields()?.get(name)?.as_str());
        text.or(self.id.as_deref()).unwrap_or_default().to_owned()
    }
}

fn is_ordered(kind: &FieldKind) -> bool {
    use FieldKind::{Date, DateTime, Decimal, Integer};
    matches!(kind, Integer | Decimal | Date | DateTime)
}

/// A value with the type that the schema promises, also if the record holds it as text.
fn typed(kind: &FieldKind, value: Json) -> Value {
    let parsed = match (kind, &value) {
        (FieldKind::Integer, Json::String(text)) => {
            text.trim().parse::<i64>().ok().map(Value::from)
        }
        (FieldKind::Decimal, Json::String(text)) => {
            text.trim().parse::<f64>().ok().map(Value::from)
        }
        (FieldKind::Boolean, Json::String(text)) => {
            text.trim().parse::<bool>().ok().map(Value::from)
        }
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::from(Serde(value)))
}

/// Where a record is shown, below the address of the instance.
pub(crate) fn address(url: &str, key: &RecordKey) -> String {
    let url = url.trim_end_matches('/');
    format!("{url}/{}/{}", key.table, encoded(&key.id))
}

/// An id as it stands in a URL path.
fn encoded(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

impl fmt::Debug for RecordView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.table,
            self.id.as_deref().unwrap_or_default()
        )
    }
}

impl Object for RecordView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.value(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.value(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let table = self.lookup.table(&self.table);
        let names = table.map(|table| field_names(table).map(Value::from).collect());
        Enumerator::Values(names.unwrap_or_default())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.id.is_some()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some((&self.table, &self.id).cmp(&(&other.table, &other.id)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

/// A link: in HTML an `a` element, elsewhere the text with its address behind it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) url: Option<String>,
    pub(super) text: String,
}

impl Object for Link {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => write!(f, "{} <{url}>", self.text),
            None => f.write_str(&self.text),
        }
    }
}
