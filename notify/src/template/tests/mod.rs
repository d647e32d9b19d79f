mod checks;
mod traps;

use super::*;
use crate::directory::Directory;
use crate::event::EventKind;
use crate::record::{Fields, JournalEntry, RecordKey};
use crate::schema::made::table;
use crate::schema::{FieldKind, Schema};
use crate::store::StoreError;
use serde_json::{Value as Json, json};

struct People;

impl Directory for People {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        Ok(match key.id.as_str() {
            "ada" => Some(fields(
                json!({"name": "Ada <b>Lovelace</b>", "email": "ada@example.org", "manager": "grace", "pin": "4711"}),
            )),
            "grace" => Some(fields(
                json!({"name": "Grace Hopper", "email": "grace@example.org"}),
            )),
            "broken" => return Err(StoreError::Corrupt("as planned".into())),
            _ => None,
        })
    }
    fn members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
    fn user_by_address(&self, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        let entry = |text: &str, author: &str, minute: &str| JournalEntry {
            record: key.clone(),
            field: "comments".into(),
            text: text.into(),
            author: author.into(),
            created: format!("2026-11-23T10:{minute}:00Z").parse().unwrap(),
        };
        Ok(vec![
            entry("first", "grace", "01"),
            entry("second", "eve@example.org", "02"),
            entry("third", "grace", "03"),
        ])
    }
}

fn fields(value: Json) -> Fields {
    match value {
        Json::Object(map) => map,
        _ => Fields::new(),
    }
}

fn schema() -> Schema {
    use FieldKind::*;
    let user = || Reference("user".into());
    let incident = vec![
        ("short_description", String),
        ("priority", Integer),
        ("active", Boolean),
        ("opened", DateTime),
        ("assigned_to", user()),
        ("caller", user()),
        ("watch_list", List("user".into())),
        ("comments", Journal),
    ];
    let people = vec![("name", String), ("email", String), ("manager", user())];
    let tables = [
        table("incident", Some("INC"), "short_description", incident),
        table("user", None, "name", people),
    ];
    Schema {
        tables: tables.into_iter().map(|t| (t.name.clone(), t)).collect(),
    }
}

fn context(current: Json) -> Context {
    Context::new(Arc::new(schema()), Arc::new(People))
        .instance("Desk", "https://desk.example.org/")
        .record(
            "current",
            RecordKey::new("incident", "INC0010001"),
            fields(current),
        )
        .change(EventKind::Updated, fields(json!({"priority": 3})))
        .value(
            "event",
            json!({"name": "incident.updated", "parm1": "", "parm2": "", "actor": "eve"}),
        )
}

/// Templates by name, which must compile.
fn templates(files: &[(&str, &str)]) -> Templates {
    let (templates, faults) = loaded(files);
    assert_eq!(
        faults,
        [],
        "{}",
        faults.first().map_or(String::new(), ToString::to_string)
    );
    templates
}

fn loaded(files: &[(&str, &str)]) -> (Templates, Vec<Diagnostic>) {
    let mut builder = Builder::default();
    for (name, text) in files {
        builder.add((*name).to_owned(), Origin::file(name, text), text);
    }
    builder.build()
}

fn text(template: &str, current: Json) -> String {
    templates(&[])
        .render_value(template, &context(current))
        .unwrap()
}

fn html(template: &str, current: Json) -> String {
    templates(&[("t.html", template)])
        .render("t.html", &context(current))
        .unwrap()
}

#[test]
fn fields_are_had_by_short_and_by_long_names_and_walked() {
    let record = json!({"short_description": "Printer", "assigned_to": "ada", "priority": 2, "active": true, "watch_list": ["grace", "nobody"]});
    assert_eq!(
        text("${number}: ${short_description}", record.clone()),
        "INC0010001: Printer"
    );
    assert_eq!(
        text(
            "${assigned_to.manager.name} ${current.assigned_to.id}",
            record.clone()
        ),
        "Grace Hopper ada"
    );
    assert_eq!(
        text("${assigned_to}, ${active}, ${priority + 1}", record.clone()),
        "Ada <b>Lovelace</b>, true, 3"
    );
    assert_eq!(
        text(
            "${watch_list}; {% for u in watch_list %}<${u.email}>{% endfor %}",
            record.clone()
        ),
        "Grace Hopper, nobody; <grace@example.org><>"
    );
    assert_eq!(
        text(
            "${previous.priority} ${changed('priority')} ${changed('assigned_to')} ${changed('opened')}",
            record
        ),
        "3 true true false"
    );
}

#[test]
fn what_is_unset_prints_as_nothing_however_far_it_is_walked() {
    assert_eq!(
        text(
            "[${short_description}${priority}${assigned_to}${assigned_to.manager.name}${watch_list}]",
            json!({})
        ),
        "[]"
    );
    assert_eq!(
        text("{% if assigned_to %}yes{% else %}no{% endif %}", json!({})),
        "no"
    );
    assert_eq!(
        text(
            "{% if assigned_to %}yes{% endif %}",
            json!({"assigned_to": "nobody"})
        ),
        "yes"
    );
    assert_eq!(
        text(
            "${assigned_to} ${assigned_to.name}",
            json!({"assigned_to": "nobody"})
        ),
        "nobody "
    );
}

#[test]
fn journals_are_shown_newest_first() {
    assert_eq!(
        text("${comments:2}", json!({})),
        "2026-11-23 10:03 UTC Grace Hopper\nthird\n\n2026-11-23 10:02 UTC eve@example.org\nsecond"
    );
    assert_eq!(text("${comments}", json!({})), "third", "the last one");
    assert_eq!(
        text("${comments}", json!({"comments": "just made"})),
        "just made"
    );
}

#[test]
fn a_journal_ends_with_the_event() {
    let at = |minute: &str, actor: &str, current: Json| {
        let created = format!("2026-11-23T10:{minute}:00Z").parse().unwrap();
        let context = context(current).moment(created, actor);
        let template = "${comments:1}${comments}";
        templates(&[]).render_value(template, &context).unwrap()
    };
    let second = "2026-11-23 10:02 UTC eve@example.org\nsecond";
    let made = json!({"comments": "second"});
    assert_eq!(at("02", "eve@example.org", made), format!("{second}second"));
    assert_eq!(at("02", "", json!({})), format!("{second}second"));
    assert_eq!(at("00", "", json!({})), "");
    assert!(at("59", "", json!({})).ends_with("third"));
}

#[test]
fn addresses_of_records() {
    let record = || json!({"assigned_to": "ada", "short_description": "a & b"});
    assert_eq!(
        text("${URI} ${assigned_to.URI} ${caller.URI}", record()),
        "https://desk.example.org/incident/INC0010001 https://desk.example.org/user/ada "
    );
    assert_eq!(
        text("${URI_REF}", record()),
        "a & b <https://desk.example.org/incident/INC0010001>"
    );
    assert_eq!(
        html("${URI_REF}", record()),
        "<a href=\"https://desk.example.org/incident/INC0010001\">a &amp; b</a>"
    );
    assert_eq!(
        text("${URI+view=ess}", record()),
        "https://desk.example.org/incident/INC0010001?view=ess"
    );
}

#[test]
fn text_of_a_record_is_never_expanded_again() {
    let evil = json!({"short_description": "${assigned_to.email} {% raw %} {## x ##} ${7*7}", "assigned_to": "ada"});
    assert_eq!(
        text("${short_description}", evil.clone()),
        "${assigned_to.email} {% raw %} {## x ##} ${7*7}"
    );
    assert_eq!(
        html("${short_description}", evil),
        "${assigned_to.email} {% raw %} {## x ##} ${7*7}"
    );
}

#[test]
fn html_is_escaped_by_the_name_of_the_template_and_in_what_it_includes() {
    let record = json!({"short_description": "<script>alert('x')</script> & \"a/b\"", "assigned_to": "ada", "watch_list": ["ada"]});
    let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;a/b&quot;";
    assert_eq!(html("${short_description}", record.clone()), escaped);
    assert_eq!(
        html(
            "${assigned_to.name} ${assigned_to} ${watch_list}",
            record.clone()
        ),
        ["Ada &lt;b&gt;Lovelace&lt;/b&gt;"; 3].join(" ")
    );
    assert_eq!(
        html("${short_description|upper}", record.clone()),
        escaped
            .to_uppercase()
            .replace("&LT;", "&lt;")
            .replace("&GT;", "&gt;")
            .replace("&AMP;", "&amp;")
            .replace("&QUOT;", "&quot;")
    );
    assert_eq!(
        html("${'<b>'|safe}${number}", record.clone()),
        "<b>INC0010001"
    );
    let files = [
        (
            "layout.html",
            "<h1>${instance.name}</h1>{% block body %}{% endblock %}",
        ),
        (
            "child.html",
            "{% extends 'layout.html' %}{% block body %}${short_description}{% endblock %}",
        ),
    ];
    assert_eq!(
        templates(&files)
            .render("child.html", &context(record))
            .unwrap(),
        format!("<h1>Desk</h1>{escaped}")
    );
}

#[test]
fn conditions_say_what_they_saw() {
    let ask = |expression: &str, record: Json| {
        templates(&[])
            .verdict(expression, &context(record))
            .unwrap()
    };
    let verdict = ask(
        "current.priority <= 2 and changed('priority')",
        json!({"priority": 2}),
    );
    assert_eq!(
        (verdict.holds, verdict.because.as_str()),
        (true, "current.priority is 2")
    );
    let verdict = ask("priority <= 2", json!({"priority": 4}));
    assert_eq!(
        (verdict.holds, verdict.because.as_str()),
        (false, "`priority <= 2` is false: priority is 4")
    );
    assert!(
        ask(
            "assigned_to.id == 'ada' and assigned_to.manager.name is startingwith('Gr')",
            json!({"assigned_to": "ada"})
        )
        .holds
    );
    assert!(ask("comments", json!({"comments": "x"})).holds);
    assert!(
        !ask("comments", json!({})).holds,
        "only the entry of this event counts"
    );
}

#[test]
fn an_error_of_the_store_is_no_error_of_the_template() {
    let error = templates(&[])
        .render_value(
            "${assigned_to.name}",
            &context(json!({"assigned_to": "broken"})),
        )
        .unwrap_err();
    assert!(
        matches!(error, TemplateError::Store(StoreError::Corrupt(_))),
        "{error}"
    );
}

#[test]
fn values_of_inbound_maps() {
    let context = Context::new(Arc::new(schema()), Arc::new(People))
        .value("mail", json!({"subject": "a <b> ${x}", "text": null}));
    assert_eq!(
        templates(&[])
            .render_value("${mail.subject}${mail.text}", &context)
            .unwrap(),
        "a <b> ${x}"
    );
    assert_eq!(
        templates(&[])
            .evaluate("mail.subject is startingwith('a')", &context)
            .ok(),
        Some(true)
    );
    let error = templates(&[])
        .render_value("ok\n  ${mail.nope}", &context)
        .unwrap_err();
    assert_eq!(error.to_string(), "template:2:5: `mail.nope` is not there");
}

#[test]
fn mail_scripts_are_called_with_the_record() {
    let scripts = Scripts::default()
        .with("text", |call| {
            Ok(ScriptOutput::Text(format!(
                "<{}>",
                call.record.as_ref().unwrap().id
            )))
        })
        .with("html", |call| {
            Ok(ScriptOutput::Html(format!("<b>{}</b>", call.fields.len())))
        })
        .with("bad", |_| Err("no luck".into()));
    let mut builder = Builder {
        scripts,
        ..Builder::default()
    };
    let source = "${mail_script:text} ${mail_script:html}";
    for name in ["t.html", "t.txt"] {
        builder.add(name.into(), Origin::file(name, source), source);
    }
    let (templates, faults) = builder.build();
    assert_eq!(faults, []);
    let context = context(json!({"priority": 1}));
    assert_eq!(
        templates.render("t.html", &context).unwrap(),
        "&lt;INC0010001&gt; <b>1</b>"
    );
    assert_eq!(
        templates.render("t.txt", &context).unwrap(),
        "<INC0010001> 1"
    );
    let error = templates
        .render_value("${mail_script:bad}", &context)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "template:1:1: the mail script `bad` failed: no luck"
    );
}

#[test]
fn a_moment_is_shown_by_the_clock_of_the_recipient() {
    let of = |zone: &str| {
        let current = json!({"opened": "2026-07-01T10:00:00Z", "priority": 1});
        context(current).value("recipient", json!({"time_zone": zone}))
    };
    let render = |zone: &str, template: &str| templates(&[]).render_value(template, &of(zone));
    let vienna = render("Europe/Vienna", "${opened|local}").unwrap();
    assert_eq!(vienna, "2026-07-01 12:00 CEST");
    let german = render("Europe/Vienna", "${opened|local('%d.%m.%Y %H:%M')}").unwrap();
    assert_eq!(german, "01.07.2026 12:00");
    for nowhere in ["", "Mars/Base"] {
        assert_eq!(
            render(nowhere, "${opened|local}").unwrap(),
            "2026-07-01 10:00 UTC"
        );
    }
    assert_eq!(
        render("", "${'2026-07-01'|local('%d.%m.')}").unwrap(),
        "01.07."
    );
    assert_eq!(render("", "<${none|local}>").unwrap(), "<>");
    let error = render("", "${priority|local}").unwrap_err().to_string();
    assert!(error.contains("neither a moment nor a date"), "{error}");
    assert!(render("", "${opened|local('%')}").is_err());
}
