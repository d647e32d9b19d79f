use super::*;
mod mistakes;
mod reference;
mod values;

use std::path::PathBuf;

/// A folder with these files.
pub(super) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn load_example(parts: &ExampleParts) -> Config {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in example(parts) {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    if let Some(ca) = &parts.ca_file {
        std::fs::write(dir.path().join(ca), "-----BEGIN CERTIFICATE-----\n").unwrap();
    }
    Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_example_loads_without_a_warning() {
    let config = load_example(&ExampleParts::default());
    assert_eq!(config.warnings, []);
    let names: Vec<_> = config
        .notifications
        .iter()
        .map(|n| n.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "incident_assigned",
            "incident_commented",
            "incident_received",
            "incident_escalated"
        ]
    );
    let actions: Vec<_> = config
        .inbound_actions
        .iter()
        .map(|a| a.name.as_str())
        .collect();
    assert_eq!(actions, ["reply_comment", "new_incident"]);
    let seeds: Vec<_> = config
        .records
        .iter()
        .map(|r| format!("{}/{}", r.table, r.id))
        .collect();
    assert_eq!(
        seeds,
        [
            "user/ada",
            "user/grace",
            "group/support",
            "group_member/support.ada",
            "group_member/support.grace"
        ]
    );
    assert_eq!(config.smtp[0].endpoint.to_string(), "mail.example.org:587");
    assert_eq!(config.pop3[0].security, postrider_wire::Security::Tls);
    assert!(config.database.ends_with("postrider.db"));
}

#[test]
fn the_example_takes_what_it_is_given() {
    let parts = ExampleParts {
        smtp_host: "127.0.0.1".into(),
        smtp_port: 1,
        pop3_host: "::1".into(),
        pop3_port: 2,
        pop3_security: "starttls",
        user: "odd \"user\" \\".into(),
        password: "password_file = \"secret\"".into(),
        ca_file: Some("ca.pem".into()),
        mail_domain: "example.net".into(),
        ..ExampleParts::default()
    };
    let config = load_example(&parts);
    assert_eq!(config.pop3[0].endpoint.to_string(), "[::1]:2");
    assert_eq!(config.pop3[0].login.user, parts.user);
    assert!(config.smtp[0].ca.is_some());
    assert_eq!(
        config.smtp[0].from,
        "Example help desk <support@example.net>"
    );
}

#[test]
fn the_order_of_the_file_holds_where_order_is_equal() {
    let dir = folder(&[(
        "postrider.toml",
        &format!(
            "{}{}",
            mistakes::GOOD,
            "
[notification.zulu]
table = \"task\"
when = \"updated\"
fields = [\"owner\"]
subject = \"z\"
text = \"z\"
[notification.alpha]
table = \"task\"
when = \"updated\"
fields = [\"owner\"]
subject = \"a\"
text = \"a\"
[notification.first]
order = 1
table = \"task\"
when = \"updated\"
fields = [\"owner\"]
subject = \"f\"
text = \"f\"
"
        ),
    )]);
    let config =
        Config::load(&dir.path().join("postrider.toml")).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<_> = config
        .notifications
        .iter()
        .map(|n| n.name.as_str())
        .collect();
    assert_eq!(names, ["first", "told", "zulu", "alpha"]);
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let error = Config::load(&PathBuf::from("/nonexistent/postrider.toml")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/postrider.toml: cannot be read: "),
        "{error}"
    );
}

#[test]
fn groups_and_users_that_the_file_does_not_have_are_a_warning() {
    let text = mistakes::GOOD.replace(
        "fields = [\"owner\"]",
        "fields = [\"owner\"]\ngroups = [\"suport\"]\nusers = [\"eve@example.org\"]",
    );
    let dir = folder(&[(
        "postrider.toml",
        &(text + "[group.support]\nmembers = [\"ada\", \"adda\"]\n"),
    )]);
    let config = Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}"));
    let shown: Vec<_> = config
        .warnings
        .iter()
        .map(|w| (w.message.as_str(), w.suggestion.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("there is no [user.adda] in this file", Some("ada")),
            ("there is no [group.suport] in this file", Some("support"))
        ]
    );
}

#[test]
fn an_optional_notification_that_nobody_can_leave_is_a_warning() {
    let warnings = |from: &str, to: &str| {
        let text = mistakes::GOOD.replacen("reply_to = \"test@example.org\"\n", "", 1);
        let dir = folder(&[("postrider.toml", &text.replacen(from, to, 1))]);
        let config = Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}"));
        let warnings = config.warnings.into_iter();
        warnings.map(|w| (w.line, w.message)).collect::<Vec<_>>()
    };
    let message = "nobody can leave what goes out by this account, such as told: it has no `reply_to`, and [instance] no `unsubscribe_url`";
    assert_eq!(warnings("", ""), [(5, message.to_owned())]);
    let page = "[instance]\nunsubscribe_url = \"https://example.org/leave\"";
    assert!(warnings("[instance]", page).is_empty());
    for keys in [
        "mandatory = true",
        "force_delivery = true",
        "active = false",
    ] {
        let section = format!("[notification.told]\n{keys}");
        let found = warnings("[notification.told]", &section);
        assert!(found.is_empty(), "{keys}: {found:?}");
    }
}

#[test]
fn own_addresses_are_those_we_send_from_are_answered_at_and_read() {
    let mut config = load_example(&ExampleParts {
        user: "Box@example.net".into(),
        ..ExampleParts::default()
    });
    config.smtp[0].reply_to = Some("answers@example.org".into());
    let own = [
        "support@example.org",
        "answers@example.org",
        "box@example.net",
    ];
    assert_eq!(config.own_addresses(), own);
    config.pop3[0].login.user = "support".into();
    assert_eq!(
        config.own_addresses(),
        own[..2],
        "a user name is no address"
    );
}

#[test]
fn two_members_of_one_name_are_a_mistake() {
    let people = "[user.\"ops.ada\"]\nname = \"Ops\"\n[user.ada2]\nname = \"Ada\"\n\
                  [group.it]\nmembers = [\"ops.ada2\", \"ops.ada\"]\n[group.\"it.ops\"]\nmembers = [\"ada2\"]\n\
                  [user.\"ops.ada2\"]\nname = \"Both\"\n";
    let dir = folder(&[("postrider.toml", &(mistakes::GOOD.to_owned() + people))]);
    let said = Config::load(dir.path()).unwrap_err().to_string();
    assert!(
        said.contains("this would be the member it.ops.ada2, as ops.ada2 of the group it is"),
        "{said}"
    );
}
