//! The whole file, table by table.

use super::document::{Document, Section, accept};
use super::value::duration;
use super::{
    Config, ConfigError, Instance, Places, RegisteredEvent, account, check, database, inbound,
    incoming, mailto, notification, people, repeat, sending, table, template,
};
use crate::address::is_domain;
use crate::diagnostic::Diagnostic;
use crate::schema::Schema;
use crate::template::Scripts;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use toml::de::DeTable;

/// As long as ServiceNow's outbox keeps a mail at most before it is sent.
const WEIGHT_WINDOW: Duration = Duration::from_secs(60);

/// Reads and checks a configuration; templates and other files are looked for beside it.
pub(super) fn load(file: &Path, text: &str, scripts: Scripts) -> Result<Config, ConfigError> {
    let name = file.display().to_string();
    let document = Document::new(&name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        document.fault(&span, error.message());
    }
    // What follows a syntax error is guesswork, and would be reported as mistakes that nobody made.
    if errors.is_empty() {
        let top = Section::new(&document, String::new(), 0..0, table.get_ref());
        let config = read(file, &document, &top, scripts);
        top.finish();
        if let (true, Some(mut config)) = (document.faults.borrow().is_empty(), config) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            config.places = Places::of(&name, text, table.get_ref());
            return Ok(config);
        }
    }
    let mut faults = document.faults.into_inner();
    if faults.is_empty() {
        faults.push(Diagnostic::of_file(&name, "cannot be used"));
    }
    faults.sort_by(|a, b| {
        (a.file != name, &a.file, a.line, a.column).cmp(&(
            b.file != name,
            &b.file,
            b.line,
            b.column,
        ))
    });
    Err(ConfigError { faults })
}

fn read(file: &Path, document: &Document, top: &Section<'_>, scripts: Scripts) -> Option<Config> {
    let dir = file.parent().unwrap_or(Path::new(""));
    let instance = instance(top);
    let (database, postgres) = database::read(top, dir);
    let weight_window = top
        .text("weight_window")
        .and_then(|text| duration(document, &text))
        .unwrap_or(WEIGHT_WINDOW);
    let schema = Arc::new(table::read(top));
    let smtp = account::smtp(top, dir);
    let outgoing = sending::outgoing(top);
    let pop3 = account::pop3(top, dir);
    if top.has("imap") {
        let message =
            "IMAP is out of scope: mail is read by POP3, so name the mailbox in [pop3.NAME]";
        document.fault(&top.place("imap"), message);
    }
    let events = events(top, &schema);
    let (records, mut warnings) = people::read(top, &schema);
    let mut templates = template::folder(top, dir);
    templates.scripts = scripts;
    let notifications = notification::read(top, &schema, &events, &mut templates);
    let actions = inbound::read(top, &schema, &events, &mut templates, dir);
    let policy = incoming::read(top);
    let mailtos = mailto::read(top, &schema, &mut templates);
    let (templates, faults) = templates.build();
    for fault in faults {
        document.report(fault);
    }
    check::all(document, &schema, &templates, &notifications, &actions);
    check::mailtos(document, &schema, &templates, &mailtos);
    warnings.extend(notification::warnings(document, &notifications, &records));
    let no_page = |instance: &Instance| instance.unsubscribe_url.is_empty();
    if instance.as_ref().is_none_or(no_page) {
        let found = notification::nobody_can_leave(top, &smtp, &notifications);
        warnings.extend(found);
    }
    let mut notifications: Vec<_> = notifications
        .into_iter()
        .map(|read| read.notification)
        .collect();
    notifications.sort_by_key(|notification| notification.order);
    let mut inbound_actions: Vec<_> = actions.into_iter().map(|read| read.action).collect();
    inbound_actions.sort_by_key(|action| action.order);
    Some(Config {
        path: file.to_owned(),
        instance: instance?,
        database,
        postgres,
        schema,
        weight_window,
        smtp,
        outgoing,
        pop3,
        events,
        notifications,
        inbound_actions,
        incoming: policy,
        templates,
        records,
        warnings,
        places: Places::default(),
    })
}

fn instance(top: &Section<'_>) -> Option<Instance> {
    let Some(section) = top.section("instance") else {
        if !top.has("instance") {
            top.document.fault(
                &(0..0),
                "the file needs an [instance] with `name` and `mail_domain`",
            );
        }
        return None;
    };
    let name = section.required("name");
    let url = web(&section, "url");
    let unsubscribe_url = web(&section, "unsubscribe_url");
    let preferences_url = web(&section, "preferences_url");
    let unsubscribe_listen = section.text("unsubscribe_listen").and_then(|text| {
        let parsed = text.value.parse();
        let message = "an address and a port are expected here: `127.0.0.1:8026`";
        accept(section.document, &text.span, parsed.map_err(|_| message))
    });
    let domain = section.required("mail_domain");
    if let Some(domain) = domain
        .as_ref()
        .filter(|domain| !(is_domain(&domain.value) && domain.value.is_ascii()))
    {
        section
            .document
            .fault(&domain.span, format!("`{}` is no domain", domain.value));
    }
    section.finish();
    Some(Instance {
        name: name?.value,
        url,
        mail_domain: domain?.value,
        unsubscribe_url,
        unsubscribe_listen,
        preferences_url,
    })
}

/// An address on the web; empty without one.
fn web(section: &Section<'_>, key: &'static str) -> String {
    let Some(url) = section.text(key) else {
        return String::new();
    };
    let web = url.value.starts_with("https://") || url.value.starts_with("http://");
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>?\"".contains(c);
    if !web || url.value.contains(odd) {
        section.document.fault(
            &url.span,
            "an address that begins with https:// is expected here",
        );
    }
    url.value
}

fn events(top: &Section<'_>, schema: &Schema) -> BTreeMap<String, RegisteredEvent> {
    let mut events = BTreeMap::new();
    for (name, section) in top.sections("event") {
        let table = section.text("table");
        if let Some(table) = &table {
            table::known(section.document, schema, table);
        }
        let description = section
            .text("description")
            .map_or(String::new(), |text| text.value);
        let about = table.as_ref().map(|text| text.value.as_str());
        let repeat = repeat::read(&section, schema, about);
        section.finish();
        let verb = name.value.rsplit('.').next().unwrap_or_default();
        if matches!(verb, "inserted" | "updated") {
            let message = format!(
                "`{}` is the name of a change to a record; choose another verb",
                name.value
            );
            top.document.fault(&name.span, message);
        }
        let table = table.map(|table| table.value);
        let event = RegisteredEvent {
            name: name.value.clone(),
            table,
            description,
            repeat,
        };
        events.insert(name.value, event);
    }
    events
}
