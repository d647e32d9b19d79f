use super::*;

fn subject(schema: &Schema) -> Subject<'_> {
    Subject {
        schema,
        table: Some("incident"),
        values: &[
            ("event", &["name", "parm1", "parm2", "actor"]),
            ("recipient", &["name", "address", "id"]),
            ("instance", &["name", "url"]),
        ],
        event: true,
        scripts: &[],
    }
}

/// What is wrong with an expression.
pub(super) fn expression(source: &str) -> Vec<Diagnostic> {
    let schema = schema();
    templates(&[]).check_expression(Origin::value(source), source, &subject(&schema))
}

/// What is wrong with templates that compile.
pub(super) fn template(files: &[(&str, &str)], name: &str) -> Vec<Diagnostic> {
    let schema = schema();
    templates(files).check(name, &subject(&schema))
}

/// Summary and suggestion of the only mistake.
fn only(source: &str) -> (String, Option<String>) {
    let faults = template(&[("t.txt", source)], "t.txt");
    assert_eq!(faults.len(), 1, "{source}: {faults:?}");
    (faults[0].summary(), faults[0].suggestion.clone())
}

fn right(source: &str) {
    let faults = template(&[("t.txt", source), ("part.txt", "")], "t.txt");
    assert!(faults.is_empty(), "{source}: {faults:?}");
}

#[test]
fn what_is_right_passes() {
    right(
        "${number} ${current.assigned_to.manager.email} ${assigned_to.URI_REF} ${URI} ${current.URI} ${previous.priority}",
    );
    right(
        "${event.parm1} ${recipient.name} ${instance.url} ${comments:3} ${changed('priority')} ${created} ${updated}",
    );
    right("{% for u in watch_list %}${u.name} ${loop.index}{% endfor %}{% set x = priority %}${x}");
    right(
        "{% macro m(a) %}${a}{% endmacro %}${m(1)}{% include 'part.txt' %}${short_description|default('x')|upper}",
    );
    right(
        "{% if priority is not none and priority <= 2 %}{% endif %}{% if caller == assigned_to %}{% endif %}{% if assigned_to.id == 'ada' %}{% endif %}",
    );
    right(
        "{% if 'ada' in watch_list|map(attribute='id')|list %}{% endif %}${range(3)|join}{% filter upper %}x{% endfilter %}",
    );
    right("{% if short_description is startingwith('x') and priority is number %}{% endif %}");
}

#[test]
fn unknown_fields_are_named_where_they_stand() {
    let cases = [
        (
            "a\n ${shrt_description}",
            "t.txt:2:4: the table `incident` has no field `shrt_description`",
            Some("short_description"),
        ),
        (
            "${assigned_to.nmae}",
            "t.txt:1:15: the table `user` has no field `nmae`",
            Some("assigned_to.name"),
        ),
        (
            "${current.assigned_to.maneger.name}",
            "t.txt:1:23: the table `user` has no field `maneger`",
            Some("current.assigned_to.manager.name"),
        ),
        (
            "${priority.x}",
            "t.txt:1:3: `priority` is a whole number, so no `.` can follow it",
            None,
        ),
        (
            "${event.parm3}",
            "t.txt:1:9: `event` has no `parm3`",
            Some("event.parm1"),
        ),
        (
            "${evnt.parm1}",
            "t.txt:1:3: the table `incident` has no field `evnt`",
            Some("event"),
        ),
        (
            "${changed('priorty')}",
            "t.txt:1:11: the table `incident` has no field `priorty`",
            Some("priority"),
        ),
        (
            "${coments:3}",
            "t.txt:1:1: the table `incident` has no field `coments`",
            Some("comments"),
        ),
        (
            "${priority:3}",
            "t.txt:1:1: `priority` is a whole number, not a journal",
            None,
        ),
        (
            "${number|uper}",
            "t.txt:1:10: there is no filter `uper`",
            Some("upper"),
        ),
        (
            "{% filter uper %}{% endfilter %}",
            "t.txt:1:11: there is no filter `uper`",
            Some("upper"),
        ),
        (
            "{% if active is not defind %}{% endif %}",
            "t.txt:1:21: there is no test `defind`",
            Some("defined"),
        ),
        (
            "${chnged('priority')}",
            "t.txt:1:3: there is no function `chnged`",
            Some("changed"),
        ),
        (
            "{% include 'prat.txt' %}",
            "t.txt:1:12: there is no template 'prat.txt'",
            None,
        ),
        (
            "{% if assigned_to == 'ada' %}{% endif %}",
            "t.txt:1:7: `assigned_to` is a record, and a text never equals one",
            Some("assigned_to.id"),
        ),
        (
            "{% if 'ada' != current.caller %}{% endif %}",
            "t.txt:1:16: `current.caller` is a record, and a text never equals one",
            Some("current.caller.id"),
        ),
        (
            "{% if assigned_to == none %}{% endif %}",
            "t.txt:1:7: `assigned_to` is a record, so it is never `none`",
            Some("not assigned_to"),
        ),
        (
            "{% if 'ada' in watch_list %}{% endif %}",
            "t.txt:1:16: `watch_list` is a list of records, and a text is none of them",
            Some("watch_list | map(attribute='id')"),
        ),
        (
            "{% if priority <= 2 %}{% endif %}",
            "t.txt:1:7: `priority` may be empty, and empty counts as less than everything",
            Some("priority is not none and priority"),
        ),
    ];
    for (source, summary, hint) in cases {
        let (found, suggestion) = only(source);
        assert_eq!(
            (found.as_str(), suggestion.as_deref()),
            (summary, hint),
            "{source}"
        );
    }
}

#[test]
fn text_that_is_not_escaped_stays_out_of_html() {
    let files = [
        ("t.html", "{% include 'part.txt' %}"),
        ("part.txt", "${short_description}"),
    ];
    let faults = template(&files, "t.html");
    assert_eq!(
        faults[0].summary(),
        "t.html:1:12: 'part.txt' is not escaped as HTML, so an .html template cannot use it"
    );
}

#[test]
fn an_unknown_mail_script_is_found() {
    let (found, _) = only("a ${mail_script:motto}");
    assert_eq!(found, "t.txt:1:3: there is no mail script `motto`");
}

#[test]
fn a_made_up_record_shows_what_no_name_gives_away() {
    let tried = |source: &str| {
        let record = json!({"watch_list": ["ada"], "short_description": "x"});
        let fault = templates(&[("t.txt", source)]).try_out("t.txt", &context(record));
        fault.map(|fault| fault.summary())
    };
    let expected = "t.txt:1:32: `u.nmae` is not there";
    assert_eq!(
        tried("{% for u in watch_list %}X X ${u.nmae}{% endfor %}").as_deref(),
        Some(expected)
    );
    assert!(tried("{% for u in watch_list %}${u.name.upper()}{% endfor %}").is_some());
    assert!(
        tried("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}")
            .is_some()
    );
    assert_eq!(
        tried("${short_description|int}"),
        None,
        "another record may hold a number there"
    );
}

#[test]
fn the_layout_is_checked_for_the_table_of_the_notification() {
    let files = [
        ("layout.txt", "${nope}{% block a %}{% endblock %}"),
        (
            "t.txt",
            "{% extends 'layout.txt' %}{% block a %}{% endblock %}",
        ),
    ];
    let faults = template(&files, "t.txt");
    assert_eq!(
        faults[0].summary(),
        "layout.txt:1:3: the table `incident` has no field `nope`"
    );
}

#[test]
fn without_a_record_its_names_are_not_there() {
    let schema = schema();
    let subject = Subject {
        table: None,
        ..subject(&schema)
    };
    let faults = |source: &str| {
        let faults = templates(&[("t.txt", source)]).check("t.txt", &subject);
        faults
            .into_iter()
            .map(|fault| fault.message)
            .collect::<Vec<_>>()
    };
    assert_eq!(faults("${current.number}"), ["there is no record here"]);
    assert_eq!(faults("${number}"), ["there is no `number` here"]);
    assert!(faults("${event.parm1}").is_empty());
}

#[test]
fn syntax_errors_have_a_place() {
    let cases = [
        ("a\n${x y}", "t.txt:2:5: syntax error: "),
        (
            "{% if x %}",
            "t.txt:1:4: `if` is never closed: `{% endif %}` is missing",
        ),
        ("${x", "t.txt:1:3: syntax error: "),
        ("a ${comments:3} ${x y}", "t.txt:1:21: syntax error: "),
        (
            "${NOTIF_PREFS+x}",
            "t.txt:1:1: `${NOTIF_PREFS+link_text=\"TEXT\"}` is expected",
        ),
    ];
    for (source, expected) in cases {
        let (_, faults) = loaded(&[("t.txt", source)]);
        assert!(
            faults[0].summary().starts_with(expected),
            "{source}: {}",
            faults[0]
        );
    }
    assert!(
        expression("priority = 1")[0]
            .summary()
            .starts_with("template:1:10: syntax error"),
        "{:?}",
        expression("priority = 1")
    );
}

#[test]
fn a_template_inside_another_file_is_pointed_at_there() {
    let toml = "[notification.x]\nsubject = \"${nope}\"\n";
    let start = toml.find("${").unwrap();
    let origin = Origin {
        file: "p.toml".into(),
        text: toml.into(),
        span: start..start + 7,
        exact: true,
    };
    let mut builder = Builder::default();
    builder.add("x.subject".into(), origin, "${nope}");
    let (templates, faults) = builder.build();
    assert_eq!(faults, []);
    let schema = schema();
    let faults = templates.check("x.subject", &subject(&schema));
    assert_eq!(
        faults[0].to_string(),
        "p.toml:2:14: the table `incident` has no field `nope`\n  |\n2 | subject = \"${nope}\"\n  |              ^^^^"
    );
}
