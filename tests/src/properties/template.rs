mod mail;

use super::choices::Choices;
use super::desk::desk;
use postrider_notify::config::Config;
use postrider_notify::directory::Directory;
use postrider_notify::record::{Fields, JournalEntry, RecordKey};
use postrider_notify::store::StoreError;
use postrider_notify::template::Context;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// The first line is what somebody wrote into a record, the rest a template.
///
/// * A template gives a text of bounded length, or says where it is wrong.
/// * What stands in a record is never a template: it comes out as it is, however it looks (no double expansion).
/// * A condition made of the same text has an answer, or says where it is wrong.
/// * The mail of a notification has the header that it is to have and two parts, whatever its template is and whatever stands in the
///   record and in the recipient's name: no line end gets into a field, no part begins in a text.
pub fn template(input: &[u8]) {
    static DESK: LazyLock<Config> = LazyLock::new(desk);
    let mut choices = Choices::new(input);
    let written = String::from_utf8_lossy(choices.line()).into_owned();
    let text = String::from_utf8_lossy(choices.rest());
    let context = Context::new(Arc::clone(&DESK.schema), Arc::new(Nobody));
    let record = RecordKey::new("incident", "INC0010001");
    let context = context.record("current", record, fields(&written));
    let render = |template: &str| DESK.templates.render_value(template, &context);
    let shown = render("<${short_description}>${current.short_description}");
    let shown = shown.expect("a template that is right");
    assert_eq!(shown, format!("<{written}>{written}"));
    // All of it, for the line ends.
    mail::of_record(&String::from_utf8_lossy(input));
    match render(&text) {
        Ok(rendered) => {
            assert!(rendered.len() <= 8 << 20, "{} octets", rendered.len());
            // To read a configuration takes long, and what is text throughout is had by a record, too.
            if text.contains("${") || text.contains("{%") {
                mail::of_template(&text, &written);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Err(error) = DESK.templates.evaluate(&text, &context) {
        assert!(!error.to_string().is_empty());
    }
}

/// A record in which somebody wrote something.
fn fields(written: &str) -> Fields {
    let fields = [
        ("short_description", Value::from(written)),
        ("priority", Value::from(written.len())),
        ("assigned_to", Value::from("ada")),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// A directory without anybody in it.
struct Nobody;

impl Directory for Nobody {
    fn record(&self, _: &RecordKey) -> Result<Option<Fields>, StoreError> {
        Ok(None)
    }

    fn members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn user_by_address(&self, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    fn journal(&self, _: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        Ok(Vec::new())
    }
}
