use super::*;
use crate::schema::{Field, Numbering};
use crate::store::SqliteStore;
use serde_json::json;

fn schema() -> Schema {
    let field = |name: &str, kind| {
        let (name, label) = (name.to_owned(), name.to_owned());
        (name.clone(), Field { name, label, kind })
    };
    let user = || "user".to_owned();
    Schema::with_built_ins([Table {
        name: "incident".to_owned(),
        label: "Incident".to_owned(),
        number: Some(Numbering {
            prefix: "INC".to_owned(),
            digits: 7,
        }),
        display: None,
        fields: [
            field("priority", FieldKind::Integer),
            field("assigned_to", FieldKind::Reference(user())),
            field("group", FieldKind::Reference("group".to_owned())),
            field("watch_list", FieldKind::List(user())),
            field("comments", FieldKind::Journal),
        ]
        .into(),
    }])
}

fn records() -> Records {
    let store = Arc::new(SqliteStore::open_in_memory().unwrap());
    let records = Records::new(store, Arc::new(schema()));
    let people = [
        (
            "user",
            "ada",
            json!({"name": "Ada Lovelace", "email": "ada@example.org"}),
        ),
        (
            "user",
            "grace",
            json!({"name": "Grace Hopper", "active": "true"}),
        ),
        (
            "group",
            "support",
            json!({"name": "Support", "manager": "ada"}),
        ),
    ];
    for (table, id, values) in people {
        let id = Some(id.to_owned());
        records
            .insert(table, id, values.as_object().unwrap(), "")
            .unwrap();
    }
    records
}

fn insert(records: &Records, table: &str, values: Value) -> Result<RecordKey, RecordError> {
    records.insert(table, None, values.as_object().unwrap(), "ada")
}

#[test]
fn loose_values_are_typed_numbered_and_read_back() {
    let records = records();
    let values = json!({"priority": "1", "assigned_to": "ada", "comments": "Help"});
    let key = insert(&records, "incident", values).unwrap();
    assert_eq!(key, RecordKey::new("incident", "INC0010001"));
    let fields = records.get(&key).unwrap().unwrap().fields;
    assert_eq!(
        Value::from(fields),
        json!({"priority": 1, "assigned_to": "ada"})
    );
    assert_eq!(records.store.journal(&key).unwrap()[0].author, "ada");
    records
        .update(&key, json!({"priority": ""}).as_object().unwrap(), "ada")
        .unwrap();
    let fields = records.get(&key).unwrap().unwrap().fields;
    assert_eq!(Value::from(fields), json!({"assigned_to": "ada"}));
}

#[test]
fn a_member_is_named_after_group_and_user() {
    let key = insert(
        &records(),
        "group_member",
        json!({"group": "support", "user": "ada"}),
    );
    assert_eq!(key.unwrap().id, "support.ada");
}

#[test]
fn a_reference_to_nobody_a_missing_id_and_a_wrong_table_are_refused() {
    let records = records();
    let refused = |table: &str, values| insert(&records, table, values).unwrap_err().to_string();
    assert_eq!(
        refused("incident", json!({"assigned_to": "linus"})),
        "incident.assigned_to: there is no record user/linus"
    );
    assert_eq!(
        refused("incident", json!({"watch_list": "ada,linus"})),
        "incident.watch_list: there is no record user/linus"
    );
    assert_eq!(
        refused("incidents", json!({})),
        "there is no table `incidents`; did you mean `incident`?"
    );
    assert!(refused("user", json!({"name": "x"})).contains("needs an id"));
    assert!(refused("group_member", json!({"group": "support"})).contains("needs an id"));
    for id in ["", "a b", "a,b", "a\n", &"x".repeat(201)] {
        let error = records.insert("user", Some(id.to_owned()), &Fields::new(), "");
        assert!(matches!(error, Err(RecordError::BadId(_))), "{id:?}");
    }
    let nobody = RecordKey::new("user", "nobody");
    let error = records.update(&nobody, &Fields::new(), "").unwrap_err();
    assert_eq!(error.to_string(), "there is no record user/nobody");
}

#[test]
fn a_walk_follows_references_and_ends_where_there_is_nothing() {
    let records = records();
    let values = json!({"group": "support", "priority": 2});
    let key = insert(&records, "incident", values).unwrap();
    let fields = records.get(&key).unwrap().unwrap().fields;
    let walk = |path: &str| records.walk(&key, &fields, path);
    assert_eq!(
        walk("group.manager.email").unwrap(),
        Some(json!("ada@example.org"))
    );
    assert_eq!(walk("number").unwrap(), Some(json!("INC0010001")));
    assert_eq!(walk("group.manager.locale").unwrap(), None);
    assert_eq!(walk("assigned_to.email").unwrap(), None);
    let error = walk("group.managr.email").unwrap_err();
    assert!(matches!(error, RecordError::Path(_)), "{error}");
}

fn line(record: Value) -> String {
    format!("{record}\n")
}

fn import(records: &Records, text: &str) -> Result<usize, String> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    records
        .import(&mut text.as_bytes(), now)
        .map_err(|e| e.to_string())
}

#[test]
fn what_is_exported_is_imported_as_it_was_and_tells_nobody() {
    let records = records();
    let values =
        json!({"priority": 1, "assigned_to": "ada", "watch_list": ["ada"], "comments": "Help"});
    let key = insert(&records, "incident", values).unwrap();
    let mut lines = Vec::new();
    assert_eq!(records.export(&mut lines).unwrap(), 4);

    let store = Arc::new(SqliteStore::open_in_memory().unwrap());
    let other = Records::new(store.clone(), Arc::new(schema()));
    assert_eq!(import(&other, std::str::from_utf8(&lines).unwrap()), Ok(4));
    assert_eq!(other.get(&key).unwrap(), records.get(&key).unwrap());
    assert_eq!(
        other.store.journal(&key).unwrap(),
        records.store.journal(&key).unwrap()
    );
    let mut again = Vec::new();
    other.export(&mut again).unwrap();
    assert_eq!(again, lines);
    assert!(
        store
            .due_events(jiff::Timestamp::MAX, 9)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_import_types_its_values_and_may_refer_to_what_comes_later() {
    let records = records();
    let text = line(
        json!({"table": "group", "id": "ops", "fields": {"manager": "linus", "active": "yes"}}),
    ) + "\n"
        + &line(json!({"table": "user", "id": "linus", "fields": {}}));
    assert_eq!(import(&records, &text), Ok(2));
    let ops = records
        .get(&RecordKey::new("group", "ops"))
        .unwrap()
        .unwrap();
    assert_eq!(
        Value::from(ops.fields),
        json!({"manager": "linus", "active": true})
    );
    assert_eq!(ops.created, jiff::Timestamp::UNIX_EPOCH);
}

#[test]
fn one_bad_line_stops_the_whole_import_and_is_named() {
    let records = records();
    let good = line(json!({"table": "user", "id": "linus", "fields": {}}));
    for (bad, words) in [
        (
            json!({"table": "group", "id": "ops", "fields": {"manager": "nobody"}}),
            "group.manager: there is no record user/nobody",
        ),
        (
            json!({"table": "usr", "id": "x", "fields": {}}),
            "there is no table `usr`; did you mean `user`?",
        ),
        (
            json!({"table": "incident", "id": "x", "fields": {"priority": "high"}}),
            r#"incident.priority: "high" is not a whole number"#,
        ),
        (
            json!({"table": "incident", "id": "x", "fields": {"comments": "a"}}),
            r#"this is no exported record: `comments` is a journal, its entries stand under "journal""#,
        ),
        (
            json!({"table": "user", "id": "x y", "fields": {}}),
            r#""x y" cannot be an id: at most 200 letters, no white space, no comma"#,
        ),
        (
            json!({"table": "user", "id": "x", "fields": {}, "created": "soon"}),
            r#"this is no exported record: "soon" is not a date and time"#,
        ),
    ] {
        let text = format!("{good}{}", line(bad));
        assert_eq!(import(&records, &text), Err(format!("line 2: {words}")));
    }
    assert!(
        import(&records, &format!("{good}{{"))
            .unwrap_err()
            .starts_with("line 2: this is no exported record: ")
    );
    assert_eq!(records.get(&RecordKey::new("user", "linus")).unwrap(), None);
}
