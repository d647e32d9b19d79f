use super::choices::Choices;
use postrider_notify::condition::{Facts, Query, TermVerdict, Truth};
use postrider_notify::directory::Directory;
use postrider_notify::event::EventKind;
use postrider_notify::record::{Fields, JournalEntry, RecordKey};
use postrider_notify::schema::{Field, FieldKind, Schema, Table};
use postrider_notify::store::StoreError;
use std::collections::BTreeMap;

/// The input is a letter for what happened (`a` inserted, `b` updated, `c` fired), a record as a line of JSON, the same before
/// the change, and an encoded query.
///
/// * A query that can be read is printed as one that reads back equal.
/// * It has an answer for every record, also for values that the schema does not promise.
/// * The answer is the one that its terms give, joined as the printed query joins them.
/// * A query that cannot be read is refused with a place inside it.
pub fn condition(input: &[u8]) {
    let mut choices = Choices::new(input);
    let kinds = [EventKind::Inserted, EventKind::Updated, EventKind::Fired];
    let kind = *choices.of(&kinds);
    let [current, previous] = [choices.line(), choices.line()].map(fields);
    let text = String::from_utf8_lossy(choices.rest());
    let schema = schema();
    let query = match Query::parse(&text, "incident", &schema) {
        Ok(query) => query,
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            }
            return;
        }
    };
    let printed = query.to_string();
    assert_eq!(
        Query::parse(&printed, "incident", &schema).as_ref(),
        Ok(&query)
    );
    let facts = Facts {
        schema: &schema,
        directory: &Ada,
        table: "incident",
        id: Some("INC0010001"),
        current: &current,
        previous: &previous,
        kind,
        now: "2026-11-23T12:00:00Z".parse().expect("a moment"),
    };
    let verdict = query.evaluate(&facts).expect("an answer");
    let terms = query.explain(&facts).expect("an answer for each term");
    assert_eq!(
        verdict.holds,
        joined(&printed, &terms),
        "{printed}: {terms:?}"
    );
}

/// What the terms give together: `^NQ` begins an alternative, `^` a clause, `^OR` joins to the one before.
fn joined(printed: &str, terms: &[TermVerdict]) -> bool {
    if printed.is_empty() {
        return terms.is_empty();
    }
    let mut truths = terms.iter().map(|term| term.truth == Truth::True);
    let mut next = || truths.next().expect("a verdict for each term");
    // In a value, `^^` is one `^`.
    let unescaped = printed.replace("^^", " ");
    let alternatives: Vec<bool> = unescaped
        .split("^NQ")
        .map(|alternative| {
            let mut clauses: Vec<bool> = Vec::new();
            for (place, term) in alternative.split('^').enumerate() {
                let truth = next();
                match clauses
                    .last_mut()
                    .filter(|_| place > 0 && term.starts_with("OR"))
                {
                    Some(clause) => *clause |= truth,
                    None => clauses.push(truth),
                }
            }
            clauses.into_iter().all(|clause| clause)
        })
        .collect();
    assert!(truths.next().is_none(), "more verdicts than terms");
    alternatives.contains(&true)
}

fn fields(line: &[u8]) -> Fields {
    serde_json::from_slice(line).unwrap_or_default()
}

fn schema() -> Schema {
    use FieldKind::{
        Boolean, Date, DateTime, Decimal, Integer, Journal, List, Reference, String as Text,
    };
    let user = || Reference("user".to_owned());
    let incident = [
        ("short_description", Text),
        ("priority", Integer),
        ("cost", Decimal),
        ("active", Boolean),
        ("opened", DateTime),
        ("due", Date),
        ("assigned_to", user()),
        ("watch_list", List("user".to_owned())),
        ("comments", Journal),
    ];
    let person = [("name", Text), ("vip", Boolean), ("manager", user())];
    let tables = [
        table("incident", "short_description", incident.into()),
        table("user", "name", person.into()),
    ];
    Schema {
        tables: tables.into_iter().map(|t| (t.name.clone(), t)).collect(),
    }
}

fn table(name: &str, display: &str, fields: Vec<(&str, FieldKind)>) -> Table {
    let fields = fields.into_iter().map(|(name, kind)| {
        let (name, label) = (name.to_owned(), name.to_owned());
        (name.clone(), Field { name, label, kind })
    });
    Table {
        name: name.to_owned(),
        label: name.to_owned(),
        number: None,
        display: Some(display.to_owned()),
        fields: fields.collect::<BTreeMap<_, _>>(),
    }
}

/// Ada, who manages herself: references may go round in circles.
struct Ada;

impl Directory for Ada {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        let ada = (key.table.as_str(), key.id.as_str()) == ("user", "ada");
        Ok(ada.then(|| fields(br#"{"name": "Ada Lovelace", "vip": true, "manager": "ada"}"#)))
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
