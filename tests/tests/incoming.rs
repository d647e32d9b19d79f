//! A full maildrop: the daemon fetches five thousand mails from Dovecot, makes an incident of each, and is killed twice on
//! the way.
#![cfg(all(feature = "drivers", feature = "notify"))]

use postrider_notify::inbound::InboundState;
use postrider_notify::store::{SqliteStore, Store};
use postrider_tests::servers::{MailServers, PASSWORD, or_left_out, postrider};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

const MAILS: usize = 5_000;

/// The mails acted upon when the daemon is killed; it is quick, and a few more may be before the signal is there.
const KILLED_AFTER: [usize; 2] = [300, 900];

const CONFIG: &str = r#"
database = "desk.db"

[instance]
name = "Desk"
mail_domain = "mail.test"

[smtp.main]
host = "127.0.0.1"
port = 1
security = "none"
from = "desk@mail.test"

[pop3.support]
host = "@HOST@"
port = @PORT@
security = "starttls"
user = "judy"
password_file = "password"
ca_file = "ca.pem"
delete = "now"

[table.incident]
number = { prefix = "INC", digits = 7 }
[table.incident.fields]
short_description = "string"
description = "string"
caller_email = "string"

[inbound.new_incident]
class = "new"
table = "incident"
[inbound.new_incident.set]
short_description = "${mail.subject}"
description = "${mail.text}"
caller_email = "${sender.address}"
"#;

fn mail(n: usize) -> String {
    let lines = "The kettle in the kitchen is cold again, and so is the tea.\n.\n..dots\n";
    let lines = lines.repeat(n % 20);
    format!(
        "From: Guest {n} <guest{n}@example.net>\nTo: judy@mail.test\nSubject: mail {n}\nMessage-ID: <{n}@example.net>\n\nNumber {n}.\n{lines}"
    )
}

fn lay_out(servers: &MailServers) -> TempDir {
    let folder = TempDir::new().unwrap();
    let endpoint = servers.pop3();
    let config = CONFIG
        .replace("@HOST@", endpoint.host())
        .replace("@PORT@", &endpoint.port().to_string());
    fs::write(folder.path().join("postrider.toml"), config).unwrap();
    fs::write(folder.path().join("password"), PASSWORD).unwrap();
    fs::copy(servers.authority_file(), folder.path().join("ca.pem")).unwrap();
    folder
}

fn run(folder: &Path) -> Command {
    let mut command = Command::new(postrider());
    command.arg("-C").arg(folder).arg("run");
    command
}

/// Runs the daemon until it has acted upon so many mails, and kills it there.
fn killed_after(folder: &Path, mails: usize) {
    let mut daemon = run(folder).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
    let acted = lines.filter(|line| line.as_ref().is_ok_and(|line| line.contains("inbound")));
    let seen = acted.take(mails).count();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!(seen, mails, "it ended by itself");
}

#[test]
fn five_thousand_mails_of_dovecot_become_incidents_though_the_daemon_is_killed() {
    let Some(servers) = or_left_out("5,000 mails from Dovecot", MailServers::start()) else {
        return;
    };
    let mails: Vec<String> = (0..MAILS).map(mail).collect();
    servers.store("judy", mails.iter().map(String::as_str));
    let folder = lay_out(&servers);
    let begun = Instant::now();
    KILLED_AFTER
        .iter()
        .for_each(|mails| killed_after(folder.path(), *mails));
    let last = run(folder.path()).arg("--once").output().unwrap();
    assert!(
        last.status.success(),
        "{}",
        String::from_utf8_lossy(&last.stderr)
    );
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{MAILS} mails in {seconds:.1} s, {:.0} a second, two deaths included",
        MAILS as f64 / seconds
    );

    assert_eq!(servers.delivered("judy"), 0, "every mail is deleted");
    let store = SqliteStore::open(&folder.path().join("desk.db")).unwrap();
    assert_eq!(store.integrity().unwrap(), "ok");
    let rows = store.inbound_log(2 * MAILS).unwrap();
    assert_eq!(rows.len(), MAILS, "each is stored once");
    for row in &rows {
        assert_eq!(row.outcome.state, InboundState::Processed, "{row:?}");
        assert!(row.outcome.record.is_some() && !row.outcome.verdicts.is_empty());
    }
    let subjects: BTreeSet<&str> = rows.iter().map(|row| row.subject.as_str()).collect();
    assert_eq!(subjects.len(), MAILS, "none is lost");
    let incidents = store.records("incident").unwrap();
    assert_eq!(incidents.len(), MAILS, "each acts once");
}
