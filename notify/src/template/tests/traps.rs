//! One test for each way in which the engine alone would surprise.

use super::*;

#[test]
fn trap_none_and_true_print_as_people_write_them() {
    assert_eq!(
        text(
            "[${none}${true}${false}${priority}]",
            json!({"priority": null})
        ),
        "[truefalse]"
    );
}

#[test]
fn trap_an_unset_number_is_not_less_than_another() {
    let ask = |expression: &str| {
        templates(&[])
            .verdict(expression, &context(json!({})))
            .unwrap()
    };
    for expression in [
        "priority <= 2",
        "priority > 0",
        "2 >= current.priority",
        "opened < '2026'",
        "not (priority <= 2)",
    ] {
        let verdict = ask(expression);
        assert!(!verdict.holds, "{expression}");
        assert!(
            verdict
                .because
                .contains("an empty field compares with nothing"),
            "{}",
            verdict.because
        );
    }
    assert!(ask("priority is none").holds);
    assert!(ask("priority is not defined").holds);
    assert!(!ask("priority is not none and priority <= 2").holds);
}

#[test]
fn trap_numbers_are_numbers_even_where_the_record_holds_text() {
    assert_eq!(
        templates(&[])
            .evaluate("priority <= 2", &context(json!({"priority": "1"})))
            .ok(),
        Some(true)
    );
    assert_eq!(
        templates(&[])
            .evaluate("active", &context(json!({"active": "false"})))
            .ok(),
        Some(false)
    );
}

#[test]
fn trap_an_unknown_name_is_found_when_loading_even_as_the_last_operand() {
    for expression in [
        "current.nope",
        "active and current.nope",
        "nope",
        "changed('nope')",
        "active and changed('nope')",
        "previous.nope",
    ] {
        let faults = super::checks::expression(expression);
        assert_eq!(faults.len(), 1, "{expression}: {faults:?}");
        assert_eq!(
            faults[0].message, "the table `incident` has no field `nope`",
            "{expression}"
        );
    }
}

#[test]
fn trap_a_misspelt_block_does_not_vanish() {
    let files = [
        (
            "layout.html",
            "{% block title %}{% endblock %}{% block body %}{% endblock %}",
        ),
        (
            "child.html",
            "{% extends 'layout.html' %}{% block titel %}x{% endblock %}{% block body %}{% block inner %}y{% endblock %}{% endblock %}",
        ),
    ];
    let faults = super::checks::template(&files, "child.html");
    let shown: Vec<_> = faults
        .iter()
        .map(|fault| (fault.summary(), fault.suggestion.clone()))
        .collect();
    let message =
        "child.html:1:37: `layout.html` has no block `titel`, so what stands in it would vanish";
    assert_eq!(shown, [(message.to_owned(), Some("title".to_owned()))]);
}

#[test]
fn trap_debug_is_not_there() {
    let error = templates(&[])
        .render_value("${debug()}", &context(json!({})))
        .unwrap_err();
    assert!(error.to_string().starts_with("template:1:3: "), "{error}");
    assert_eq!(
        super::checks::template(&[("t.txt", "${debug()}")], "t.txt")[0].message,
        "there is no function `debug`"
    );
}

#[test]
fn trap_a_style_sheet_is_no_comment() {
    let css = "@media screen{#main{color:red}}{{x}} ${number}";
    assert_eq!(
        html(css, json!({})),
        "@media screen{#main{color:red}}{{x}} INC0010001"
    );
    assert_eq!(text("a{## comment ${nope} ##}b", json!({})), "ab");
}

#[test]
fn trap_a_slash_is_not_escaped() {
    assert_eq!(
        html("${short_description}", json!({"short_description": "a/b"})),
        "a/b"
    );
}

#[test]
fn trap_blocks_leave_no_empty_lines() {
    let template = "{% if active %}\nyes\n  {% else %}\nno\n{% endif %}\nend";
    assert_eq!(text(template, json!({"active": true})), "yes\nend");
}

#[test]
fn trap_a_long_chain_of_operators_is_refused_before_it_is_compiled() {
    for chain in [
        vec!["1"; 8_000].join(" - "),
        format!("{}true", "not ".repeat(9_000)),
        vec!["a"; 3_000].join("|"),
    ] {
        let (_, faults) = loaded(&[("t.txt", &format!("${{{chain}}}"))]);
        assert!(
            faults[0].message.starts_with("an expression has at most"),
            "{}",
            faults[0].message
        );
        assert!(!super::checks::expression(&chain).is_empty());
        assert!(
            templates(&[])
                .evaluate(&chain, &context(json!({})))
                .is_err()
        );
    }
    let most = vec!["1"; MAX_OPERATORS].join("+");
    assert_eq!(
        text(&format!("${{{most}}}"), json!({})),
        MAX_OPERATORS.to_string()
    );
    let long = "{% if a %}".to_owned() + &"{% elif a %}".repeat(1_000) + "{% endif %}";
    assert!(!loaded(&[("t.txt", &long)]).1.is_empty());
}

#[test]
fn the_most_operators_and_elifs_compile_on_a_small_stack() {
    let not = "not ".repeat(MAX_OPERATORS) + "true";
    let elif = format!(
        "{{% if true %}}{}{{% endif %}}",
        "{% elif true %}".repeat(limits::MAX_ELIFS)
    );
    let run = move || {
        assert_eq!(text(&format!("${{{not}}}"), json!({})), "true");
        assert_eq!(text(&elif, json!({})), "");
    };
    std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn time_and_memory_are_bounded() {
    for endless in [
        "${'x' * 1000000000}",
        "{% for i in range(100000000) %}x{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    ] {
        let error = templates(&[])
            .render_value(endless, &context(json!({})))
            .unwrap_err();
        assert!(error.to_string().contains("too"), "{endless}: {error}");
    }
    let (itself, _) = loaded(&[("t.txt", "{% include 't.txt' %}")]);
    assert!(itself.render("t.txt", &context(json!({}))).is_err());
}

#[test]
fn what_calls_or_extends_itself_ends_in_an_error() {
    for endless in [
        "{% macro again() %}${again()}{% endmacro %}${again()}",
        "{% for x in [1] recursive %}${loop([1])}{% endfor %}",
    ] {
        let result = templates(&[]).render_value(endless, &context(json!({})));
        assert!(result.is_err(), "{endless}");
    }
    let (itself, _) = loaded(&[("t.txt", "{% extends 't.txt' %}")]);
    assert!(itself.render("t.txt", &context(json!({}))).is_err());
}

#[test]
fn no_path_leads_to_what_the_schema_does_not_name() {
    // The store has a PIN, of the record and of the person, and the schema none.
    let record = || json!({"assigned_to": "ada", "pin": "4711"});
    for path in [
        "${current['p' ~ 'in']}",
        "${assigned_to['p' ~ 'in']}",
        "${assigned_to|attr('pin')}",
        "${assigned_to.get('pin')}",
    ] {
        let result = templates(&[]).render_value(path, &context(record()));
        let error = result.unwrap_err().to_string();
        assert!(!error.contains("4711"), "{path}: {error}");
    }
    let all = "{% for name in assigned_to %}${name}=${assigned_to[name]} {% endfor %}${current} ${assigned_to}";
    let shown = text(all, record());
    assert!(shown.contains("email=ada@example.org"), "{shown}");
    assert!(!shown.contains("4711") && !shown.contains("pin"), "{shown}");
    for path in ["current.pin", "assigned_to.pin"] {
        assert!(!super::checks::expression(path).is_empty(), "{path}");
    }
}

#[test]
fn a_result_has_a_most_size() {
    let long = "x".repeat(MAX_OUTPUT / 2 + 1);
    let result = templates(&[]).render_value(
        "${short_description}${short_description}",
        &context(json!({"short_description": long})),
    );
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("more than 1048576 octets") || error.contains("too much"),
        "{error}"
    );
}

#[test]
fn a_literal_dollar_brace() {
    assert_eq!(
        text(
            "${'${'}number} {% raw %}${number}{% endraw %} $5",
            json!({})
        ),
        "${number} ${number} $5"
    );
}

#[test]
fn records_among_other_values_are_sorted_without_a_panic() {
    let record = || json!({"assigned_to": "ada", "watch_list": ["grace", "ada"]});
    let sorted = "${[current, {'a': 1}, assigned_to, URI_REF, 1, 'x', none, caller, watch_list, [1]]|sort|length}";
    assert_eq!(text(sorted, record()), "10");
    assert_eq!(
        text(
            "${watch_list|sort|map(attribute='id')|join(',')} ${current == {'a': 1}} ${current < {}}",
            record()
        ),
        "ada,grace false false"
    );
}
