use super::*;

#[test]
fn mistakes_are_named_with_their_column_and_a_suggestion() {
    let cases = [
        (
            "priorty<=2",
            "column 1: the table `incident` has no field `priorty`; did you mean `priority`?",
        ),
        (
            "priority=1^assigned_to.nmae=x",
            "column 24: the table `user` has no field `nmae`; did you mean `assigned_to.name`?",
        ),
        (
            "priority.name=x",
            "column 1: `priority` is a whole number, so no `.` can follow it",
        ),
        ("priority=high", "column 10: `high` is not a whole number"),
        ("active=maybe", "column 8: `maybe` is not true or false"),
        (
            "opened>soon",
            "column 8: `soon` is not a date and time such as `2026-11-23T08:00:00Z`",
        ),
        ("priority==1", "column 10: equal is written with one `=`"),
        ("priority=<2", "column 10: `<2` is not a whole number"),
        (
            "categoryLIEKx",
            "column 9: there is no such operator; did you mean `LIKE`?",
        ),
        (
            "categoryISNOTEMPY",
            "column 9: there is no such operator; did you mean `ISNOTEMPTY`?",
        ),
        (
            "category",
            "column 9: an operator is expected here, such as `=` or `ISNOTEMPTY`",
        ),
        (
            "category=x^",
            "column 12: a field name in lower case is expected here",
        ),
        (
            "category=x^and",
            "column 15: an operator is expected here, such as `=` or `ISNOTEMPTY`",
        ),
        (
            "categoryISEMPTYx",
            "column 16: nothing may follow `ISEMPTY`",
        ),
        (
            "priorityBETWEEN1",
            "column 16: `BETWEEN` needs two values with `@` between them: `BETWEEN1@3`",
        ),
        (
            "priorityLIKE1",
            "column 1: `priority` is a whole number, which has no letters to compare",
        ),
        (
            "caller>ada",
            "column 1: `caller` is a reference to user, which is neither less nor greater than anything",
        ),
        (
            "caller.nameCHANGES",
            "column 1: an event knows the changes of its own record only, not of another one",
        ),
        (
            "prioritySAMEAScaller",
            "column 15: `priority` is a whole number and `caller` is a reference to user: they cannot be compared",
        ),
        (
            "priorityGT_FIELDimpct",
            "column 17: the table `incident` has no field `impct`; did you mean `impact`?",
        ),
        (
            "priorityONToday",
            "column 1: `priority` is a whole number, not a date",
        ),
        (
            "openedONTodya",
            "column 9: a day is expected here: `2026-11-23`, `Today`, `Yesterday` or `Tomorrow`; did you mean `Today`?",
        ),
        (
            "openedRELATIVEGT@huor@ago@1",
            "column 17: `huor` is no unit of time; did you mean `hour`?",
        ),
        (
            "openedRELATIVEGT1",
            "column 17: `@UNIT@ago@NUMBER` is expected here, such as `RELATIVEGT@hour@ago@1`",
        ),
        ("callerDYNAMICme", "column 7: `DYNAMIC` is not supported"),
        (
            "priority=1^ORDERBYpriority",
            "column 14: a condition has no order and no groups: leave this out",
        ),
        (
            "ä=1",
            "column 1: a field name in lower case is expected here",
        ),
        (
            "category=ä^prioriti=1",
            "column 12: the table `incident` has no field `prioriti`; did you mean `priority`?",
        ),
    ];
    for (query, expected) in cases {
        let errors = Query::parse(query, "incident", &schema()).expect_err(query);
        assert_eq!(errors.first().unwrap().to_string(), expected, "{query}");
    }
}

#[test]
fn all_unknown_fields_are_reported_at_once() {
    let errors = Query::parse("a=1^ORb=2^c=3", "incident", &schema()).unwrap_err();
    assert_eq!(
        errors.iter().map(|e| e.column).collect::<Vec<_>>(),
        [1, 7, 11]
    );
}

#[test]
fn a_query_is_limited_in_length_and_terms() {
    let long = vec!["priority=1"; MAX_TERMS + 1].join("^");
    let errors = Query::parse(&long, "incident", &schema()).unwrap_err();
    assert_eq!(
        errors.first().unwrap().message,
        "a condition has at most 256 terms, this one has 257"
    );
    assert!(Query::parse(&"^".repeat(MAX_LEN + 1), "incident", &schema()).is_err());
    let most = vec!["priority=1"; MAX_TERMS].join("^OR");
    assert!(Query::parse(&most, "incident", &schema()).is_ok());
}
