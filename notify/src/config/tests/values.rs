//! Values of each kind, where they are right and where they are not.

use super::mistakes::{GOOD, said, said_of};
use super::*;
use crate::inbound::policy::Treatment;
use serde_json::json;

/// `GOOD` with fields of a user, and what Ada has in them.
fn ada(values: &str) -> String {
    let fields = "[table.user.fields]\nfloor = \"integer\"\nheight = \"decimal\"\nborn = \"date\"\nsince = \"datetime\"\n\
        likes = \"list task\"\nmotto = { type = \"string\", label = \"Her motto\" }\n";
    let ada = format!("{fields}\n[user.ada]\n{values}\n");
    GOOD.replacen("[user.ada]\n", &ada, 1)
}

fn loaded(text: &str) -> Config {
    let dir = folder(&[("postrider.toml", text)]);
    Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_field_holds_a_value_of_its_kind() {
    for (text, field, value) in [
        ("floor = 1_000", "floor", json!(1000)),
        ("floor = -3", "floor", json!(-3)),
        ("floor = 0x1F", "floor", json!(31)),
        ("floor = 0b101", "floor", json!(5)),
        ("height = 1.5", "height", json!(1.5)),
        ("height = 2", "height", json!(2)),
        ("active = false", "active", json!(false)),
        ("born = 1815-12-10", "born", json!("1815-12-10")),
        (
            "since = 2026-03-01T09:30:00Z",
            "since",
            json!("2026-03-01T09:30:00Z"),
        ),
        ("likes = [\"1\", \"2\"]", "likes", json!(["1", "2"])),
        ("motto = \"On.\"", "motto", json!("On.")),
    ] {
        let config = loaded(&ada(text));
        let ada = config.records.iter().find(|seed| seed.id == "ada").unwrap();
        assert_eq!(ada.fields[field], value, "{text}");
    }
    let config = loaded(&ada(""));
    let motto = &config.schema.tables["user"].fields["motto"];
    assert_eq!(motto.label, "Her motto");
}

#[test]
fn what_does_not_fit_a_field_is_pointed_at() {
    for (text, problem) in [
        (
            "floor = \"3\"",
            "a whole number is expected here, not a text",
        ),
        (
            "floor = 1.5",
            "a whole number is expected here, not a number",
        ),
        (
            "floor = 99999999999999999999",
            "a whole number is expected here, not a number",
        ),
        ("height = inf", "a number is expected here, not a number"),
        ("height = nan", "a number is expected here, not a number"),
        ("active = 1", "true or false is expected here, not a number"),
        (
            "born = 09:30:00",
            "\"09:30:00\" is not a date such as 2026-03-01",
        ),
        (
            "since = \"yesterday\"",
            "a date and time is expected here, not a text",
        ),
        ("likes = [1]", "a list of task is expected here, not a list"),
        ("motto = [\"On.\"]", "text is expected here, not a list"),
        (
            "mood = \"good\"",
            "there is no key `mood` in [user.ada]; there are `active`, `born`, `email`, `floor`, `height`, `likes`, `locale`, `motto`, `name`, `notification`, `schedule`, `since`, `time_zone`",
        ),
    ] {
        let said = said_of(&[("postrider.toml", &ada(text))]);
        let first = said.lines().next().unwrap();
        assert!(
            first.starts_with("postrider.toml:") && first.ends_with(problem),
            "{text}: {said}"
        );
    }
}

/// The first line that is said about lines before a section of `GOOD`.
fn first(before: &str, lines: &str) -> String {
    let said = said(before, &format!("{lines}\n{before}"));
    let line = said.lines().next().unwrap();
    line.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn mistakes_in_tables_accounts_and_notifications_are_named() {
    for (before, lines, problem) in [
        (
            "title = \"string\"",
            "x = 3",
            "the kind of the field is expected here, such as \"string\"",
        ),
        (
            "title = \"string\"",
            "x = { label = \"X\" }",
            "[table.task.fields.x] needs `type`",
        ),
        (
            "[table.task.fields]",
            "[table.task]\ndisplay = \"titel\"",
            "the table `task` has no field `titel`",
        ),
        (
            "[table.task.fields]",
            "[smtp.main.x]",
            "there is no key `x` in [smtp.main]; there are `active`, `ca_file`, `client_certificate_file`, `client_key_file`, `danger_accept_invalid_certs`, `danger_allow_clear_text_credentials`, `domain_rate`, `ehlo_name`, `fall_back`, `from`, `host`, `password_command`, `password_env`, `password_file`, `port`, `protocol_log`, `proxy`, `rate`, `reply_to`, `security`, `source_address`, `timeout`, `tls_pin`, `token_command`, `token_env`, `token_file`, `user`",
        ),
        (
            "port = 25",
            "rate = \"fast\"",
            "a number of mails and a time are expected here: `100/1h`",
        ),
        (
            "port = 25",
            "rate = \"0/1h\"",
            "a number of mails and a time are expected here: `100/1h`",
        ),
        (
            "port = 25",
            "rate = \"10/hour\"",
            "a time such as `30s`, `5m`, `1h` or `7d` is expected here",
        ),
        (
            "port = 25",
            "password_env = [\"A\", \"B\"]",
            "the name of an environment variable is expected here",
        ),
        (
            "port = 25",
            "password_file = \"\"",
            "the path of a file is expected here",
        ),
        (
            "port = 25",
            "password_command = []",
            "a program and its arguments is expected here",
        ),
        (
            "port = 25",
            "client_key_file = \"key.pem\"",
            "a `client_certificate_file` is needed as well",
        ),
        (
            "[notification.told]",
            "[notification.late]\nevent = \"task.late\"\ntable = \"user\"\nfields = [\"owner\"]\nsubject = \"s\"\ntext = \"t\"\n",
            "the event `task.late` is about the table `task`",
        ),
    ] {
        assert_eq!(first(before, lines), problem, "{lines}");
    }
    let missing = first("port = 25", "client_certificate_file = \"gone.pem\"");
    assert!(missing.contains("gone.pem: cannot be read: "), "{missing}");
    let missing = first("port = 25", "ca_file = \"gone.pem\"");
    assert!(missing.contains("gone.pem: cannot be read: "), "{missing}");
    let ca = GOOD.replacen("port = 25", "port = 25\nca_file = \"ca.pem\"", 1);
    let said = said_of(&[("postrider.toml", &ca), ("ca.pem", "hello")]);
    assert!(
        said.contains("there is no certificate in it (it should be PEM text)"),
        "{said}"
    );
}

const ACTION: &str = "[inbound.take]\nclass = \"new\"\ntable = \"task\"\n";

#[test]
fn mistakes_in_what_is_called_are_named() {
    for (line, problem) in [
        (
            "command = []",
            "a program and its arguments are expected here",
        ),
        (
            "command = [\"\"]",
            "a program and its arguments are expected here",
        ),
        (
            "command = [\"true\"]\ncommand_timeout = \"soon\"",
            "a time such as `30s`, `5m`, `1h` or `7d` is expected here",
        ),
        (
            "order = 10000\nattach = true",
            "a number from 0 to 9999 is expected here",
        ),
    ] {
        assert_eq!(first("[user.ada]", &format!("{ACTION}{line}\n")), problem);
    }
    let webhook = first("[user.ada]", &format!("{ACTION}webhook = \"ftp://x\"\n"));
    let expected = match cfg!(feature = "webhook") {
        true => "an address that begins with https:// is expected here",
        false => "this program was built without webhooks (feature `webhook`)",
    };
    assert_eq!(webhook, expected);
}

#[cfg(feature = "webhook")]
#[test]
fn a_webhook_that_can_never_be_called_is_a_mistake_and_its_secret_is_not_repeated() {
    let quoted = |url: &str| format!("{GOOD}\n{ACTION}webhook = {url}\n");
    let with = |url: &str| quoted(&format!("\"{url}\""));
    let log_in = "a user or a secret does not belong into this address";
    let place = "there is no host, or no port, that this could be";
    for (url, problem) in [
        ("https://user:hunter2@host/x", log_in),
        ("https://user:hun/ter2@host/x", place),
        ("https://", place),
        ("https://host:x/", place),
        ("https://host/ä", "neither blanks nor letters beyond ASCII"),
    ] {
        let said = said_of(&[("postrider.toml", &with(url))]);
        assert!(said.contains(problem), "{said}");
        assert!(said.contains("webhook = "), "its place is shown: {said}");
        assert!(!said.contains("hun"), "{said}");
    }
    for url in [
        "\"user:hunter2@host/x\"",
        "\"https:/user:hunter2@host/x\"",
        "\" https://user:p hunter2@host/x\"",
    ] {
        let said = said_of(&[("postrider.toml", &quoted(url))]);
        assert!(
            said.contains("webhook = ") && !said.contains("hun"),
            "{said}"
        );
    }
    for url in [
        "\"https://user:p'hunter2@host/x\"",
        "'https://user:p\"hunter2@host/x'",
        "\"https://user:p\\\"hunter2@host/x\"",
        "\"https://user:p hunter2@host/x\"",
    ] {
        let said = said_of(&[("postrider.toml", &quoted(url))]);
        assert!(said.contains(log_in) && !said.contains("hun"), "{said}");
    }
    let config = loaded(&with("https://host?key=x"));
    assert!(config.inbound_actions[0].webhook.is_some());
}

#[test]
fn what_is_done_with_incoming_mail_is_read_key_by_key() {
    let policy = |lines: &str| loaded(&format!("{GOOD}\n[incoming]\n{lines}\n")).incoming;
    let usual = policy("");
    let read = policy(
        "guests = \"hold\"\nspam = \"ignore\"\nsender_rate = 7\nthread_rate = 8\nrate_time = \"2m\"\nmax_attachments = 3\n\
         max_attachment_octets = 4096\nbounces = { hard = 9, soft = 2, suppress_at = 0, rest = \"1d\", forget = \"2d\" }\n\
         [incoming.guest_domains]\n\"Example.NET\" = \"accept\"",
    );
    assert_eq!(
        (read.guests, read.spam),
        (Treatment::Hold, Treatment::Ignore)
    );
    assert_eq!(read.guest_domains["example.net"], Treatment::Accept);
    assert_eq!((read.sender_rate, read.thread_rate), (7, 8));
    assert_eq!(read.loop_time.as_secs(), 120);
    assert_eq!(
        (read.max_attachments, read.max_attachment_octets),
        (3, 4096)
    );
    let bounces = read.bounces;
    assert_eq!((bounces.hard, bounces.soft, bounces.suppress_at), (9, 2, 1));
    assert_eq!(
        (bounces.rest.as_secs(), bounces.forget.as_secs()),
        (86_400, 172_800)
    );
    let one = policy("bounces = { soft = 3 }");
    assert_eq!(
        (one.bounces.soft, one.bounces.hard),
        (3, usual.bounces.hard)
    );
    for (line, problem) in [
        (
            "bounces = { hard = 2000 }",
            "a number from 0 to 1000 is expected here",
        ),
        (
            "guest_domains = { \"example.net\" = 3 }",
            "`accept`, `hold` or `ignore` is expected here, in quotes",
        ),
        (
            "strangers = \"coment\"",
            "`coment` is none of `hold`, `comment`",
        ),
    ] {
        let text = format!("{GOOD}\n[incoming]\n{line}\n");
        let said = said_of(&[("postrider.toml", &text)]);
        assert!(said.lines().next().unwrap().ends_with(problem), "{said}");
    }
}
