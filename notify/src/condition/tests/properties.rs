use super::*;
use proptest::prelude::*;

/// Texts that look like queries, about fields that exist.
fn written() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "short_description",
        "priority",
        "cost",
        "active",
        "opened",
        "due",
        "assigned_to",
        "caller.manager.name",
        "watch_list",
        "comments",
        "number",
    ]);
    let spellings: Vec<&str> = operator::SPELLINGS
        .iter()
        .map(|(spelling, _)| *spelling)
        .collect();
    let value = prop_oneof![
        Just(String::new()),
        Just("1".into()),
        Just("true".into()),
        Just("2026-11-23".into()),
        Just("1@2".into()),
        Just("Today".into()),
        Just("@week@ahead@3".into()),
        Just("impact".into()),
        Just("caller".into()),
        Just("a,b".into()),
        "[a-z^,@= ]{0,6}".prop_map(|text| text.replace('^', "^^")),
    ];
    let term =
        (path, prop::sample::select(spellings), value).prop_map(|(p, o, v)| format!("{p}{o}{v}"));
    let separator = prop::sample::select(vec!["^", "^OR", "^NQ"]);
    prop::collection::vec((separator, term), 1..5).prop_map(|parts| {
        let text: String = parts.iter().map(|(s, t)| format!("{s}{t}")).collect();
        text.trim_start_matches("^NQ")
            .trim_start_matches("^OR")
            .trim_start_matches('^')
            .to_owned()
    })
}

/// Any JSON, so also what the schema does not promise.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9:TZ-]{0,12}".prop_map(Value::from),
        Just(json!("ada")),
        Just(json!("2026-11-23T00:00:00Z")),
        Just(json!([1, "ada", null])),
        Just(json!({"a": {}})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_printed_query_reads_back_equal(text in written()) {
        let schema = schema();
        if let Ok(query) = Query::parse(&text, "incident", &schema) {
            let printed = query.to_string();
            prop_assert_eq!(Query::parse(&printed, "incident", &schema).unwrap(), query, "{}", printed);
        }
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place_inside_it(text in "[a-z_.=!<>^A-Z@ ,ä\\PC]{0,40}") {
        if let Err(errors) = Query::parse(&text, "incident", &schema()) {
            for error in errors {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?} of {:?}", error, text);
                prop_assert!(!error.message.is_empty());
            }
        }
    }

    #[test]
    fn every_query_has_an_answer_for_every_record(
        text in written(),
        values in prop::collection::vec(any_value(), 24),
        kind in prop::sample::select(vec![EventKind::Inserted, EventKind::Updated, EventKind::Fired]),
        now in any::<i32>(),
    ) {
        let schema = schema();
        if let Ok(query) = Query::parse(&text, "incident", &schema) {
            let names = || schema.tables["incident"].fields.keys().cloned();
            let (a, b) = values.split_at(12);
            let current: Fields = names().zip(a.iter().cloned()).collect();
            let previous: Fields = names().zip(b.iter().cloned()).collect();
            let facts = Facts {
                schema: &schema, directory: &People, table: "incident", id: None, current: &current, previous: &previous, kind,
                now: Timestamp::from_second(i64::from(now)).unwrap(),
            };
            let verdict = query.evaluate(&facts).unwrap();
            prop_assert!(!verdict.because.is_empty());
            let terms = query.explain(&facts).unwrap();
            prop_assert_eq!(terms.len(), query.terms().count());
        }
    }
}
