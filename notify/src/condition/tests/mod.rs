mod mistakes;
mod properties;

use super::*;
use crate::directory::Directory;
use crate::event::EventKind;
use crate::record::{Fields, JournalEntry, RecordKey};
use crate::schema::FieldKind;
use crate::schema::made::table;
use crate::store::StoreError;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Two users, ada and her manager grace.
struct People;

impl Directory for People {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        Ok(match (key.table.as_str(), key.id.as_str()) {
            ("user", "ada") => Some(fields(
                json!({"name": "Ada Lovelace", "email": "ada@example.org", "manager": "grace"}),
            )),
            ("user", "grace") => Some(fields(
                json!({"name": "Grace Hopper", "vip": true, "manager": "grace"}),
            )),
            _ => None,
        })
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

fn fields(value: Value) -> Fields {
    match value {
        Value::Object(map) => map,
        _ => Fields::new(),
    }
}

fn schema() -> Schema {
    use FieldKind::*;
    let user = || Reference("user".into());
    let incident = vec![
        ("short_description", String),
        ("category", String),
        ("priority", Integer),
        ("impact", Integer),
        ("cost", Decimal),
        ("active", Boolean),
        ("opened", DateTime),
        ("due", Date),
        ("assigned_to", user()),
        ("caller", user()),
        ("watch_list", List("user".into())),
        ("comments", Journal),
    ];
    let people = vec![
        ("name", String),
        ("email", String),
        ("vip", Boolean),
        ("manager", user()),
    ];
    let tables = [
        table("incident", Some("INC"), "short_description", incident),
        table("user", None, "name", people),
    ];
    Schema {
        tables: tables.into_iter().map(|t| (t.name.clone(), t)).collect(),
    }
}

const NOW: &str = "2026-11-23T12:00:00Z";

fn ask_change(query: &str, kind: EventKind, previous: Value, current: Value) -> Verdict {
    let schema = schema();
    let (current, previous) = (fields(current), fields(previous));
    let facts = Facts {
        schema: &schema,
        directory: &People,
        table: "incident",
        id: Some("INC0010001"),
        current: &current,
        previous: &previous,
        kind,
        now: NOW.parse().unwrap(),
    };
    let query =
        Query::parse(query, "incident", &schema).unwrap_or_else(|e| panic!("{query}: {e:?}"));
    query.evaluate(&facts).unwrap()
}

fn ask(query: &str, current: Value) -> bool {
    ask_change(query, EventKind::Inserted, json!({}), current).holds
}

fn check(current: &Value, holds: &[&str], fails: &[&str]) {
    for query in holds {
        assert!(
            ask(query, current.clone()),
            "{query} should hold for {current}"
        );
    }
    for query in fails {
        assert!(
            !ask(query, current.clone()),
            "{query} should not hold for {current}"
        );
    }
}

#[test]
fn or_binds_tighter_than_and() {
    let query = "priority=1^ORpriority=2^impact!=6";
    assert!(ask(query, json!({"priority": 1, "impact": 3})));
    assert!(ask(query, json!({"priority": 2, "impact": 3})));
    assert!(
        !ask(query, json!({"priority": 1, "impact": 6})),
        "(1 or 2) and not 6"
    );
    assert!(!ask(query, json!({"priority": 3, "impact": 3})));
}

#[test]
fn nq_begins_a_new_alternative() {
    let query = "priority=1^impact=1^NQpriority=2^impact=2";
    assert!(ask(query, json!({"priority": 2, "impact": 2})));
    assert!(!ask(query, json!({"priority": 1, "impact": 2})));
}

#[test]
fn an_empty_query_holds_and_a_closing_eq_is_dropped() {
    assert!(ask("", json!({})));
    assert!(ask("priority=1^EQ", json!({"priority": 1})));
    assert_eq!(
        Query::parse("priority=1^EQ", "incident", &schema())
            .unwrap()
            .to_string(),
        "priority=1"
    );
}

#[test]
fn text_is_compared_without_case() {
    let record = json!({"short_description": "The Printer is on fire", "category": "NETWORK"});
    let holds = [
        "category=network",
        "category!=software",
        "short_descriptionLIKEPRINTER",
        "short_description*printer",
        "short_descriptionNOT LIKEmouse",
        "short_descriptionNOTLIKEmouse",
        "short_description!*mouse",
        "short_descriptionSTARTSWITHthe p",
        "short_descriptionENDSWITHFire",
        "short_description%fire",
        "categoryINhardware, network",
        "categoryNOT INhardware,software",
        "category<nf",
        "categoryBETWEENm@o",
    ];
    check(
        &record,
        &holds,
        &[
            "short_descriptionSTARTSWITHprinter",
            "categoryNOTINnetwork",
            "category>nf",
        ],
    );
}

#[test]
fn numbers_are_compared_as_numbers() {
    let record = json!({"priority": 10, "impact": 2, "cost": 2.5});
    check(
        &record,
        &[
            "priority>9",
            "priority>=10",
            "priorityBETWEEN10@10",
            "priorityBETWEEN1@10",
            "priorityGT_FIELDimpact",
            "cost<3",
            "impactLT_FIELDcost",
            "costGT_OR_EQUALS_FIELDimpact",
            "impactLT_OR_EQUALS_FIELDpriority",
            "priorityIN1,10",
        ],
        &[
            "priority<9",
            "priority<=9",
            "priorityBETWEEN11@12",
            "impactGT_FIELDpriority",
        ],
    );
}

#[test]
fn not_equal_also_holds_for_an_empty_field_and_order_never_does() {
    check(
        &json!({}),
        &[
            "active!=true",
            "priority!=1",
            "priorityNOT IN1,2",
            "short_descriptionNOT LIKEx",
            "priority=",
            "priority=NULL",
            "priorityISEMPTY",
        ],
        &[
            "priority<=2",
            "priority>0",
            "priority<0",
            "priorityBETWEEN0@9",
            "active=false",
            "active=true",
            "priority!=",
            "priorityISNOTEMPTY",
            "priority!=NULL",
        ],
    );
}

#[test]
fn empty_string_anything_and_same_as() {
    check(
        &json!({"short_description": "", "category": "a", "caller": "ada", "assigned_to": "ada"}),
        &[
            "short_descriptionEMPTYSTRING",
            "short_descriptionISEMPTY",
            "priorityANYTHING",
            "callerSAMEASassigned_to",
            "dueSAMEASopened",
            "categoryNSAMEASshort_description",
        ],
        &["categoryEMPTYSTRING", "callerNSAMEASassigned_to"],
    );
    check(&json!({}), &[], &["short_descriptionEMPTYSTRING"]);
}

#[test]
fn dates_days_and_relative_moments() {
    check(
        &json!({"opened": "2026-11-23T11:30:00Z", "due": "2026-11-24"}),
        &[
            "openedRELATIVEGT@hour@ago@1",
            "openedRELATIVELE@minute@ago@30",
            "openedRELATIVELT@day@ahead@1",
            "dueRELATIVEGE@quarter@ago@1",
            "openedONToday",
            "openedON2026-11-23",
            "openedONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()",
            "dueONTomorrow",
            "dueNOTONToday",
            "openedNOTONYesterday",
            "opened>2026-11-23 11:00:00",
            "opened>=2026-11-23",
            "due>2026-11-23",
            "openedLT_FIELDdue",
            "dueBETWEEN2026-11-24@2026-11-30",
        ],
        &[
            "openedRELATIVELT@hour@ago@1",
            "openedRELATIVEGT@minute@ago@29",
            "dueONToday",
            "openedNOTONToday",
        ],
    );
    check(
        &json!({}),
        &["dueNOTONToday"],
        &["dueONToday", "openedRELATIVEGT@year@ago@4000000000"],
    );
}

#[test]
fn paths_are_walked_and_references_are_searched_by_their_display_value() {
    check(
        &json!({"assigned_to": "ada", "caller": "nobody"}),
        &[
            "assigned_to=ada",
            "assigned_to.manager.name=grace hopper",
            "assigned_to.manager.vip=true",
            "assigned_toLIKElovelace",
            "assigned_toSTARTSWITHAda",
            "caller.nameISEMPTY",
            "number=INC0010001",
            "idISNOTEMPTY",
            "assigned_to.id=ada",
        ],
        &[
            "assigned_to=Ada",
            "assigned_toLIKEhopper",
            "caller.vip=true",
        ],
    );
}

#[test]
fn a_list_contains_whole_ids() {
    check(
        &json!({"watch_list": ["ada", "grace"]}),
        &[
            "watch_listLIKEada",
            "watch_list=ada,grace",
            "watch_listNOT LIKEad",
        ],
        &["watch_listLIKEad", "watch_listISEMPTY"],
    );
    check(
        &json!({"watch_list": []}),
        &["watch_listISEMPTY"],
        &["watch_listLIKEada"],
    );
}

#[test]
fn changes_compare_with_the_record_before() {
    let holds = |query, kind, before, after| ask_change(query, kind, before, after).holds;
    let (old, new) = (json!({"priority": 3}), json!({"priority": 1}));
    for query in [
        "priorityCHANGES",
        "priorityVALCHANGES",
        "priorityCHANGESFROM3",
        "priorityCHANGESTO1",
    ] {
        assert!(
            holds(query, EventKind::Updated, old.clone(), new.clone()),
            "{query}"
        );
        assert!(
            !holds(query, EventKind::Updated, new.clone(), new.clone()),
            "{query} without a change"
        );
        assert!(
            !holds(query, EventKind::Fired, old.clone(), new.clone()),
            "{query} of a fired event"
        );
    }
    assert!(!holds(
        "priorityCHANGESFROM2",
        EventKind::Updated,
        old.clone(),
        new.clone()
    ));
    assert!(!holds("priorityCHANGESTO2", EventKind::Updated, old, new));
    assert!(holds(
        "priorityCHANGESFROM",
        EventKind::Updated,
        json!({}),
        json!({"priority": 1})
    ));
    assert!(holds(
        "priorityCHANGES",
        EventKind::Inserted,
        json!({}),
        json!({"priority": 1})
    ));
    assert!(!holds(
        "priorityCHANGES",
        EventKind::Inserted,
        json!({}),
        json!({})
    ));
    assert!(!holds(
        "numberCHANGES",
        EventKind::Updated,
        json!({}),
        json!({})
    ));
}

#[test]
fn the_same_comment_twice_is_a_change_each_time() {
    let hello = || json!({"comments": "hello"});
    assert!(ask_change("commentsCHANGES", EventKind::Updated, hello(), hello()).holds);
    assert!(!ask_change("commentsCHANGES", EventKind::Updated, hello(), json!({})).holds);
}

#[test]
fn a_doubled_caret_is_a_caret() {
    let record = json!({"short_description": "a^ORpriority=1"});
    assert!(ask("short_description=a^^ORpriority=1", record.clone()));
    assert!(ask(
        "short_descriptionENDSWITH=1^short_descriptionLIKE^^",
        record
    ));
    assert!(ask(
        "short_description=x^^^category=b",
        json!({"short_description": "x^", "category": "b"})
    ));
}

#[test]
fn the_verdict_names_the_first_deciding_term_and_what_it_saw() {
    let because = |query, record| ask_change(query, EventKind::Inserted, json!({}), record).because;
    assert_eq!(
        because("priority<=2^impact=1", json!({"priority": 4})),
        "`priority<=2` is false: priority is 4"
    );
    assert_eq!(
        because("priority=1^ORimpact=1", json!({"priority": 4})),
        "`priority=1^ORimpact=1` is false: priority is 4, impact is empty"
    );
    assert_eq!(
        because("priority=1^NQpriority=2", json!({})),
        "`priority=1` is false: priority is empty; `priority=2` is false: priority is empty"
    );
    assert_eq!(
        because(
            "priority=1^category=a",
            json!({"priority": 1, "category": "A"})
        ),
        "priority is 1, category is \"A\""
    );
    assert_eq!(
        because("assigned_toLIKEhop", json!({"assigned_to": "ada"})),
        "`assigned_toLIKEhop` is false: assigned_to is \"ada\" (Ada Lovelace)"
    );
    let verdict = ask_change(
        "priorityCHANGES",
        EventKind::Updated,
        json!({"priority": 1}),
        json!({"priority": 1}),
    );
    assert_eq!(
        verdict.because,
        "`priorityCHANGES` is false: priority is 1, was 1"
    );
    let verdict = ask_change(
        "priorityCHANGES",
        EventKind::Fired,
        json!({}),
        json!({"priority": 1}),
    );
    assert_eq!(
        verdict.because,
        "`priorityCHANGES` is false: priority is 1, and the event changes no record"
    );
}

#[test]
fn every_term_is_explained() {
    let schema = schema();
    let (current, previous) = (fields(json!({"priority": 1})), Fields::new());
    let facts = Facts {
        schema: &schema,
        directory: &People,
        table: "incident",
        id: None,
        current: &current,
        previous: &previous,
        kind: EventKind::Inserted,
        now: NOW.parse().unwrap(),
    };
    let query = Query::parse("priority=1^ORimpact>2^category=a", "incident", &schema).unwrap();
    let truths: Vec<_> = query
        .explain(&facts)
        .unwrap()
        .into_iter()
        .map(|v| (v.term, v.truth))
        .collect();
    let expected = [
        ("priority=1", Truth::True),
        ("impact>2", Truth::NotComparable),
        ("category=a", Truth::False),
    ];
    assert_eq!(
        truths,
        expected.map(|(term, truth)| (term.to_owned(), truth))
    );
}

#[test]
fn every_operator_is_in_the_reference() {
    let reference = include_str!("../../../CONFIGURATION.md");
    let supported = operator::SPELLINGS
        .iter()
        .filter(|(_, operator)| *operator != operator::Operator::Unsupported);
    for (spelling, _) in supported {
        assert!(reference.contains(&format!("`{spelling}")), "{spelling}");
    }
}
