//! What a template is rendered with.

use super::record::{Change, Lookup, Moment, RecordView};
use crate::directory::Directory;
use crate::event::EventKind;
use crate::record::{Fields, RecordKey};
use crate::schema::Schema;
use crate::store::StoreError;
use jiff::Timestamp;
use minijinja::value::{Enumerator, Object, Serde, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The name by which a function gets at the whole context; no template can write it.
pub(super) const ALL: &str = "\0all";

/// Named values and records. Cloning it shares what was looked up.
#[derive(Clone)]
pub struct Context {
    lookup: Lookup,
    base: Arc<str>,
    values: BTreeMap<&'static str, Value>,
    current: Option<RecordView>,
    previous: Option<RecordView>,
}

impl Context {
    /// An empty one.
    pub fn new(schema: Arc<Schema>, directory: Arc<dyn Directory>) -> Self {
        Self {
            lookup: Lookup::new(schema, directory),
            base: Arc::from(""),
            values: BTreeMap::new(),
            current: None,
            previous: None,
        }
    }

    /// With `instance`, whose `url` the addresses of records begin with. Comes before the records.
    #[must_use]
    pub fn instance(mut self, name: &str, url: &str) -> Self {
        self.base = Arc::from(url.trim_end_matches('/'));
        self.value("instance", serde_json::json!({"name": name, "url": url}))
    }

    /// With the address of the page on which people see and change what they are told.
    #[must_use]
    pub fn preferences(self, url: &str) -> Self {
        self.value("preferences_url", serde_json::json!(url))
    }

    /// With a value. `null` prints as nothing.
    #[must_use]
    pub fn value(mut self, name: &'static str, value: serde_json::Value) -> Self {
        self.values.insert(name, Value::from(Serde(value)));
        self
    }

    /// With a value of the engine.
    pub(super) fn known(mut self, name: &'static str, value: Value) -> Self {
        self.values.insert(name, value);
        self
    }

    /// With an object, whose values are made when a template names them.
    pub(crate) fn object(self, name: &'static str, object: &Arc<impl Object + 'static>) -> Self {
        self.known(name, Value::from_dyn_object(Arc::clone(object)))
    }

    /// With a record, dot-walked lazily. `current` is the one that it is all about: its fields are had by their own names too.
    /// An empty id stands for a record yet to be.
    #[must_use]
    pub fn record(mut self, name: &'static str, key: RecordKey, fields: Fields) -> Self {
        let view = RecordView::new(self.lookup.clone(), key, fields, self.base.clone());
        if name == "current" {
            self.current = Some(view);
        } else {
            self.values.insert(name, Value::from_object(view));
        }
        self
    }

    /// With what an event did to the record: `previous` and `changed('field')`. Comes after the record.
    #[must_use]
    pub fn change(mut self, kind: EventKind, previous: Fields) -> Self {
        if let Some(current) = &mut self.current {
            let key = RecordKey::new(&*current.table, current.id.as_deref().unwrap_or_default());
            let view = RecordView::new(
                self.lookup.clone(),
                key,
                previous.clone(),
                self.base.clone(),
            );
            current.change = Some(Arc::new(Change { kind, previous }));
            self.previous = Some(view);
        }
        self
    }

    /// With the moment of the event and who caused it: later entries of the record's journal are not shown. Comes after the record.
    #[must_use]
    pub fn moment(mut self, created: Timestamp, actor: &str) -> Self {
        let actor = actor.to_owned();
        let moment = Arc::new(Moment { created, actor });
        for view in self.current.iter_mut().chain(&mut self.previous) {
            view.moment = Some(Arc::clone(&moment));
        }
        self
    }

    /// As a condition sees it.
    pub(super) fn in_condition(&self) -> Self {
        let mut context = self.clone();
        context.lookup.in_condition = true;
        for view in context.current.iter_mut().chain(&mut context.previous) {
            view.lookup.in_condition = true;
        }
        context
    }

    /// The error that a look-up met, if any did.
    pub(super) fn take_error(&self) -> Option<StoreError> {
        self.lookup.take_error()
    }

    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.values.get(name) {
            return Some(value.clone());
        }
        let record = |view: &Option<RecordView>| view.clone().map(Value::from_object);
        match name {
            ALL => Some(self.root()),
            "current" => record(&self.current),
            "previous" => record(&self.previous),
            name => self.current.as_ref()?.value(name),
        }
    }

    pub(super) fn root(&self) -> Value {
        Value::from_object(Root(self.clone()))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({:?})", self.current)
    }
}

#[derive(Debug)]
struct Root(Context);

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.lookup(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.lookup(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(
            self.0
                .values
                .keys()
                .map(|name| Value::from(*name))
                .collect(),
        )
    }
}
