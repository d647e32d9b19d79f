//! Mail scripts: functions of the application that templates call as `${mail_script:name}`.

use super::functions::current;
use crate::record::{Fields, RecordKey};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

type Script = dyn Fn(&ScriptCall) -> Result<ScriptOutput, String> + Send + Sync;

/// The mail scripts that templates may call.
///
/// ```
/// use postrider_notify::template::{ScriptOutput, Scripts};
///
/// let scripts = Scripts::default().with("motto", |call| {
///     let id = call.record.as_ref().map_or("", |key| key.id.as_str());
///     Ok(ScriptOutput::Text(format!("{id} is in good hands")))
/// });
/// # let _ = scripts;
/// ```
#[derive(Clone, Default)]
pub struct Scripts {
    by_name: BTreeMap<String, Arc<Script>>,
}

/// What a script is called with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScriptCall {
    /// The record that the mail is about, if it is about one.
    pub record: Option<RecordKey>,
    /// Its fields.
    pub fields: Fields,
}

/// What a script gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptOutput {
    /// Text; escaped where it stands in HTML.
    Text(String),
    /// HTML, which the script has made safe by itself. In plain text it is turned into text.
    Html(String),
}

impl Scripts {
    /// With one more script.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        script: impl Fn(&ScriptCall) -> Result<ScriptOutput, String> + Send + Sync + 'static,
    ) -> Self {
        self.by_name.insert(name.into(), Arc::new(script));
        self
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    pub(super) fn add_to(self, env: &mut Environment<'static>) {
        let call = move |state: &State<'_, '_>, name: &str| self.call(state, name);
        env.add_function("mail_script", call);
    }

    fn call(&self, state: &State<'_, '_>, name: &str) -> Result<Value, Error> {
        let failed = |why: String| Error::new(ErrorKind::InvalidOperation, why);
        let script = self.by_name.get(name);
        let script = script.ok_or_else(|| failed(format!("there is no mail script `{name}`")))?;
        let call = current(state).map_or_else(|_| ScriptCall::default(), |record| record.call());
        let output = script(&call)
            .map_err(|why| failed(format!("the mail script `{name}` failed: {why}")))?;
        Ok(match (output, state.auto_escape()) {
            (ScriptOutput::Html(html), AutoEscape::Html) => Value::from_safe_string(html),
            (ScriptOutput::Html(html), _) => {
                Value::from(postrider_mime::html_to_text(&html).trim_end().to_owned())
            }
            (ScriptOutput::Text(text), _) => Value::from(text),
        })
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}
