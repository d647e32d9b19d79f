//! Typical mistakes, and every word of what is said about them.

use super::*;

/// A configuration without a mistake, to put one into.
pub(super) const GOOD: &str = r#"[instance]
name = "Test"
mail_domain = "example.org"

[smtp.main]
host = "localhost"
port = 25
from = "test@example.org"
reply_to = "test@example.org"
[table.task.fields]
title = "string"
priority = "integer"
owner = "reference user"
notes = "journal"

[user.ada]
name = "Ada"
email = "ada@example.org"

[event."task.late"]
table = "task"

[notification.told]
table = "task"
when = "updated"
condition = "priority<=2"
fields = ["owner"]
subject = "${title}"
text = "Hello"
"#;

/// Loads `GOOD` with a replacement; gives what is said.
pub(super) fn said(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    said_of(&[("postrider.toml", &GOOD.replacen(from, to, 1))])
}

pub(super) fn said_of(files: &[(&str, &str)]) -> String {
    let dir = folder(files);
    let error = Config::load(dir.path()).expect_err("loads").to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    let said = said(from, to);
    assert_eq!(
        said,
        expected.trim_start_matches('\n'),
        "\n--- it says ---\n{said}\n---"
    );
}

#[test]
fn the_good_one_is_good() {
    let dir = folder(&[("postrider.toml", GOOD)]);
    let config = Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.warnings, []);
}

#[test]
fn a_misspelt_key() {
    check(
        "port = 25",
        "prot = 25",
        r"
postrider.toml:7:1: there is no key `prot` in [smtp.main]
  |
7 | prot = 25
  | ^^^^ did you mean `port`?",
    );
}

#[test]
fn a_misspelt_table() {
    check(
        "[instance]",
        "[instnace]",
        r"
postrider.toml:1:1: the file needs an [instance] with `name` and `mail_domain`
  |
1 | [instnace]
  | ^

postrider.toml:1:2: there is no key `instnace` at the top of the file
  |
1 | [instnace]
  |  ^^^^^^^^ did you mean `instance`?",
    );
}

#[test]
fn broken_toml() {
    let said = said("name = \"Ada\"", "name = \"Ada");
    let expected = "postrider.toml:17:12: invalid basic string, expected `\"`\n   |\n17 | name = \"Ada\n   |            ^";
    assert_eq!(said, expected, "{said}");
}

#[test]
fn a_value_of_the_wrong_type() {
    check(
        "port = 25",
        "port = \"25\"",
        r#"
postrider.toml:7:8: a whole number is expected here, not a text
  |
7 | port = "25"
  |        ^^^^"#,
    );
    check(
        "port = 25",
        "port = 70000",
        r"
postrider.toml:7:8: a number from 1 to 65535 is expected here
  |
7 | port = 70000
  |        ^^^^^",
    );
}

#[test]
fn a_missing_key() {
    check(
        "from = \"test@example.org\"\n",
        "",
        r"
postrider.toml:5:7: [smtp.main] needs `from`
  |
5 | [smtp.main]
  |       ^^^^",
    );
}

#[test]
fn a_password_in_the_file_is_refused_and_not_shown() {
    check(
        "port = 25",
        "user = \"u\"\npassword = \"hunter2\"",
        r#"
postrider.toml:8:1: a password does not belong into this file, which many may read: say where it is with `password_env = "VARIABLE"`, `password_file = "PATH"` or `password_command = ["PROGRAM", "ARGUMENT"]`
  |
8 | password = *********
  | ^^^^^^^^"#,
    );
    let broken = said("port = 25", "password = \"hunter2");
    assert!(!broken.contains("hunter2"), "{broken}");
}

#[test]
fn a_password_in_clear_text_over_the_network() {
    check(
        "port = 25",
        "security = \"none\"\nuser = \"u\"\npassword_env = \"P\"",
        r#"
postrider.toml:7:1: the password would cross the network in clear text: use `starttls` or `tls`, or say `danger_allow_clear_text_credentials = true`
  |
7 | security = "none"
  | ^^^^^^^^"#,
    );
    let loud = GOOD.replace("port = 25", "security = \"none\"\nuser = \"u\"\npassword_env = \"P\"\ndanger_allow_clear_text_credentials = true");
    assert!(Config::load(folder(&[("postrider.toml", &loud)]).path()).is_ok());
}

#[test]
fn a_misspelt_field_in_a_condition() {
    check(
        "priority<=2",
        "priorty<=2^ORtitle=x",
        r#"
postrider.toml:26:14: the table `task` has no field `priorty`
   |
26 | condition = "priorty<=2^ORtitle=x"
   |              ^^^^^^^ did you mean `priority`?"#,
    );
}

#[test]
fn a_misspelt_operator_in_a_condition() {
    check(
        "priority<=2",
        "titleSTARTWITHx",
        r#"
postrider.toml:26:19: there is no such operator
   |
26 | condition = "titleSTARTWITHx"
   |                   ^^^^^^^^^^ did you mean `STARTSWITH`?"#,
    );
}

#[test]
fn a_misspelt_field_in_a_subject() {
    check(
        "${title}",
        "${owner.nmae}",
        r#"
postrider.toml:28:20: the table `user` has no field `nmae`
   |
28 | subject = "${owner.nmae}"
   |                    ^^^^ did you mean `owner.name`?"#,
    );
}

#[test]
fn a_field_that_holds_nobody() {
    check(
        "[\"owner\"]",
        "[\"owner\", \"priority\", \"onwer\"]",
        r#"
postrider.toml:27:21: `priority` is a whole number; a user, a group, a list of them or an address is expected
   |
27 | fields = ["owner", "priority", "onwer"]
   |                     ^^^^^^^^

postrider.toml:27:33: the table `task` has no field `onwer`
   |
27 | fields = ["owner", "priority", "onwer"]
   |                                 ^^^^^ did you mean `owner`?"#,
    );
}

#[test]
fn a_template_that_is_not_there() {
    let text = GOOD.replace("text = \"Hello\"", "template = \"tsk\"");
    let said = said_of(&[("postrider.toml", &text), ("templates/task.txt", "x")]);
    let expected = "postrider.toml:29:12: there is neither tsk.html nor tsk.txt among the templates
   |
29 | template = \"tsk\"
   |            ^^^^^ did you mean `task`?";
    assert_eq!(said, expected, "{said}");
}

#[test]
fn a_broken_template_in_the_folder() {
    let text = GOOD.replace("text = \"Hello\"", "template = \"task\"");
    let files = [
        ("postrider.toml", text.as_str()),
        ("templates/task.html", "<p>\n{% if title %}${title}\n</p>\n"),
        ("templates/task.txt", "a\n  ${ttile}"),
    ];
    let said = said_of(&files);
    let expected = "templates/task.html:2:4: `if` is never closed: `{% endif %}` is missing
  |
2 | {% if title %}${title}
  |    ^^

templates/task.txt:2:5: the table `task` has no field `ttile`
  |
2 |   ${ttile}
  |     ^^^^^ did you mean `title`?";
    assert_eq!(said, expected, "{said}");
}

#[test]
fn an_event_that_is_not_registered() {
    check(
        "table = \"task\"\nwhen = \"updated\"",
        "event = \"task.lat\"",
        r#"
postrider.toml:24:9: there is no [event."task.lat"] in this file
   |
24 | event = "task.lat"
   |         ^^^^^^^^^^ did you mean `task.late`?"#,
    );
}

#[test]
fn when_misspelt() {
    check(
        "when = \"updated\"",
        "when = [\"inserted\", \"udpated\"]",
        r#"
postrider.toml:25:21: `udpated` is none of `inserted`, `updated`
   |
25 | when = ["inserted", "udpated"]
   |                     ^^^^^^^^^ did you mean `updated`?"#,
    );
}

#[test]
fn a_reference_to_a_table_that_is_not_there() {
    check(
        "reference user",
        "reference usr",
        r#"
postrider.toml:13:9: there is no table `usr`
   |
13 | owner = "reference usr"
   |         ^^^^^^^^^^^^^^^ did you mean `user`?

postrider.toml:27:12: `owner` is a reference to usr; a user, a group, a list of them or an address is expected
   |
27 | fields = ["owner"]
   |            ^^^^^"#,
    );
    check(
        "\"journal\"",
        "\"jurnal\"",
        r#"
postrider.toml:14:9: `jurnal` is no kind of field: string, integer, decimal, boolean, datetime, date, journal, reference TABLE and list TABLE are
   |
14 | notes = "jurnal"
   |         ^^^^^^^^ did you mean `journal`?"#,
    );
}

#[test]
fn nobody_to_tell_and_nothing_to_say() {
    check(
        "fields = [\"owner\"]\nsubject = \"${title}\"\ntext = \"Hello\"\n",
        "subject = \"x\"\n",
        r"
postrider.toml:23:15: [notification.told] tells nobody: it needs `fields`, `users`, `groups`, `subscribers`, `parm1` or `parm2`
   |
23 | [notification.told]
   |               ^^^^

postrider.toml:23:15: [notification.told] says nothing: it needs a `template`, `html` or `text`
   |
23 | [notification.told]
   |               ^^^^",
    );
}

#[test]
fn an_inbound_action_with_mistakes() {
    let text = format!(
        "{GOOD}{}",
        r#"
[inbound.new]
class = "nwe"
table = "task"
comment = "titel"
[inbound.set]
class = "new"
table = "task"
fire = "task.lte"
[inbound.set.set]
titel = "${mail.subjct}"
title = "${current.title}"
[inbound.person]
class = "new"
table = "user"
fire = "task.late"
"#
    );
    let said = said_of(&[("postrider.toml", &text)]);
    let messages: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("postrider.toml:"))
        .collect();
    assert_eq!(
        messages,
        [
            "postrider.toml:32:9: `nwe` is none of `new`, `reply`, `forward`, `calendar`",
            "postrider.toml:34:11: the table `task` has no journal field `titel`",
            "postrider.toml:38:8: there is no [event.\"task.lte\"] in this file",
            "postrider.toml:40:1: the table `task` has no field `titel`",
            "postrider.toml:40:17: `mail` has no `subjct`",
            "postrider.toml:41:12: there is no record here",
            "postrider.toml:45:8: the event `task.late` is about the table `task`",
        ],
        "{said}"
    );
}

#[test]
fn an_expression_with_a_mistake() {
    check(
        "condition = \"priority<=2\"",
        "expression = \"priority <= 2 and changed('titel')\"",
        r#"
postrider.toml:26:41: the table `task` has no field `titel`
   |
26 | expression = "priority <= 2 and changed('titel')"
   |                                         ^^^^^^^ did you mean `title`?"#,
    );
}

#[test]
fn an_account_with_a_mistake_is_in_the_file_all_the_same() {
    for account in ["", "account = \"main\"\n"] {
        let text = GOOD.replace("from = \"test@example.org\"", "from = \"nobody\"");
        let text = text.replace(
            "[notification.told]\n",
            &format!("[notification.told]\n{account}"),
        );
        assert_ne!(text, GOOD);
        let said = said_of(&[("postrider.toml", &text)]);
        assert!(said.contains("from = "), "{said}");
        assert!(!said.contains("there is no [smtp"), "{said}");
    }
    let start = GOOD.find("[smtp.main]").unwrap();
    let length = GOOD[start + 1..].find("\n[").unwrap() + 1;
    let without = GOOD.replace(&GOOD[start..start + length], "");
    let said = said_of(&[("postrider.toml", &without)]);
    assert!(
        said.contains("there is no [smtp.NAME] in this file"),
        "{said}"
    );
}

#[test]
fn an_escaped_text_is_pointed_at_as_a_whole() {
    check(
        "subject = \"${title}\"",
        "subject = \"\\u0024{ttle}\"",
        r#"
postrider.toml:28:11: the table `task` has no field `ttle`
   |
28 | subject = "\u0024{ttle}"
   |           ^^^^^^^^^^^^^^ did you mean `title`?"#,
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = GOOD
        .replace("port", "prot")
        .replace("priority<=2", "priorty<=2")
        .replace("[\"owner\"]", "[\"onwer\"]")
        .replace("${title}", "${ttile}");
    let said = said_of(&[("postrider.toml", &text)]);
    assert_eq!(said.matches("did you mean").count(), 4, "{said}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_makes_it_panic(at in 0usize..700, cut in 0usize..20, with in "[\\[\\]=\"{}.a-z0-9$\n]{0,8}") {
        let at = at.min(GOOD.len());
        let end = (at + cut).min(GOOD.len());
        let text = format!("{}{with}{}", &GOOD[..at], &GOOD[end..]);
        let result = load::load(std::path::Path::new("postrider.toml"), &text, Scripts::default());
        if let Err(error) = result {
            proptest::prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn every_variant_is_checked_at_load() {
    check(
        "text = \"Hello\"",
        "text = \"Hello\"\nlocale.de.subject = \"${titel}\"",
        r#"
postrider.toml:30:24: the table `task` has no field `titel`
   |
30 | locale.de.subject = "${titel}"
   |                        ^^^^^ did you mean `title`?"#,
    );
    let config = GOOD.replace("text = \"Hello\"", "template = \"told\"");
    let said = said_of(&[
        ("postrider.toml", &config),
        ("templates/told.txt", "Hello"),
        ("templates/told.de-AT.txt", "Hallo ${owner.nam}"),
    ]);
    assert!(
        said.starts_with("templates/told.de-AT.txt:1:15: "),
        "{said}"
    );
    let said = said_of(&[
        (
            "postrider.toml",
            &format!("{config}locale.german.text = \"x\"\n"),
        ),
        ("templates/told.txt", "Hello"),
    ]);
    assert!(
        said.contains("`german` is no locale; one is `de` or `de-AT`"),
        "{said}"
    );
    assert!(
        said.contains("write the file told.german.html or .txt"),
        "{said}"
    );
}

#[test]
fn an_importance_is_one_of_three_words() {
    check(
        "text = \"Hello\"",
        "text = \"Hello\"\nimportance = \"hihg\"",
        r#"
postrider.toml:30:14: `hihg` is none of `low`, `normal`, `high`
   |
30 | importance = "hihg"
   |              ^^^^^^ did you mean `high`?"#,
    );
}

#[cfg(feature = "postgres")]
#[test]
fn the_address_of_a_database_holds_no_password() {
    let with = |line: &str| format!("{line}\n{GOOD}");
    let said = said_of(&[(
        "postrider.toml",
        &with("database = \"postgres://ada:secret@localhost/desk\""),
    )]);
    assert!(said.contains("`database_password_env"), "{said}");
    let said = said_of(&[(
        "postrider.toml",
        &with("database_password_env = \"X\"\ndatabase = \"desk.db\""),
    )]);
    assert!(said.contains("postgres://USER@HOST/DATABASE"), "{said}");
    let dir = folder(&[(
        "postrider.toml",
        &with("database = \"postgres://ada@localhost/desk\"\ndatabase_password_file = \"secret\""),
    )]);
    let config = Config::load(dir.path()).unwrap();
    let address = config.postgres.unwrap();
    assert_eq!(address.url, "postgres://ada@localhost/desk");
    assert!(address.password.is_some() && address.ca.is_none());
}
