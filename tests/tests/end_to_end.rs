//! The whole way through the house with servers that others wrote: `postrider` delivers to Postfix (STARTTLS, AUTH
//! through Dovecot) and fetches from Dovecot (STLS), as an operator would set it up.
#![cfg(all(feature = "drivers", feature = "notify"))]

use postrider_mime::{Message, MessageBuilder};
use postrider_pop3 as pop3;
use postrider_smtp as smtp;
use postrider_tests::servers::{MailServers, PASSWORD, SmtpPort, or_left_out, postrider};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;
use tokio::runtime::Runtime;

#[test]
fn a_notification_goes_out_over_postfix_and_the_answer_comes_in_from_dovecot() {
    let Some(servers) = or_left_out("Postfix and Dovecot, end to end", MailServers::start()) else {
        return;
    };
    let desk = Desk::open(&servers);
    desk.expect(&["check"], 0);

    // A user creates an incident and it is assigned to Alice: a mail goes out.
    desk.expect(
        &[
            "record",
            "create",
            "incident",
            "short_description=Printer on fire",
            "assigned_to=alice",
        ],
        0,
    );
    desk.expect(&["run", "--once"], 0);
    let log = desk.json(&["log", "--json"]);
    assert_eq!(log[0]["state"], "delivered", "{log:?}");
    assert_eq!(log[0]["recipient"], "alice@mail.test", "{log:?}");
    servers.await_delivery("alice", 1);
    let notice = desk.read("alice").remove(0);
    let notice = Message::parse(&notice);
    assert_eq!(
        notice.subject().unwrap_or_default(),
        "INC0010001 is yours: Printer on fire"
    );

    // Alice answers, and Bob writes to the support mailbox: a comment, and a new incident.
    desk.answer(&notice, "It is out.\r\n");
    desk.write(
        "bob",
        "support@mail.test",
        "My screen is dark",
        "All of it.\r\n",
    );
    servers.await_delivery("support", 2);
    desk.expect(&["run", "--once"], 0);
    let incident = desk.json(&["record", "show", "incident/INC0010001", "--json"]);
    assert!(
        incident[0].to_string().contains("It is out."),
        "{incident:?}"
    );
    let second = desk.json(&["record", "show", "incident/INC0010002", "--json"]);
    assert!(
        second[0].to_string().contains("My screen is dark"),
        "{second:?}"
    );

    // Bob is told that it arrived; the mailbox is empty, and a second fetch fetches nothing.
    servers.await_delivery("bob", 1);
    let acknowledgement = desk.read("bob").remove(0);
    let subject = Message::parse(&acknowledgement)
        .subject()
        .unwrap_or_default()
        .to_string();
    assert!(subject.starts_with("INC0010002"), "{subject}");
    assert_eq!(servers.delivered("support"), 0);
    let inbound = desk.json(&["inbound", "list", "--json"]).len();
    desk.expect(&["run", "--once"], 0);
    assert_eq!(desk.json(&["inbound", "list", "--json"]).len(), inbound);

    // An event by name reaches the group.
    desk.expect(
        &[
            "event",
            "fire",
            "incident.escalated",
            "--record",
            "incident/INC0010001",
        ],
        0,
    );
    desk.expect(&["run", "--once"], 0);
    servers.await_delivery("carol", 1);
}

#[test]
fn a_wrong_password_is_one_sentence_and_loses_nothing() {
    let Some(servers) = or_left_out("Postfix and Dovecot, wrong password", MailServers::start())
    else {
        return;
    };
    let desk = Desk::open(&servers);
    desk.expect(
        &[
            "record",
            "create",
            "incident",
            "short_description=x",
            "assigned_to=alice",
        ],
        0,
    );
    let wrong = |arguments: &[&str]| {
        let mut command = desk.postrider(arguments);
        command.env("SUPPORT_PASSWORD", "wrong").output().unwrap()
    };
    let check = wrong(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_ne!(check.status.code(), Some(0));
    assert!(said.contains("535"), "{said}");
    assert!(said.contains("[AUTH]") || said.contains("-ERR"), "{said}");
    assert!(
        !said.contains("wrong\n") && !said.contains("d3Jvbmc"),
        "{said}"
    );
    wrong(&["run", "--once"]);
    let log = desk.json(&["log", "--json"]);
    assert_eq!(log[0]["state"], "ready", "{log:?}");
    assert_eq!(
        log[0]["attempts"], 0,
        "the account's fault is not the mail's: {log:?}"
    );
}

/// A folder that `postrider init` made, with the operator's servers filled in.
struct Desk<'s> {
    servers: &'s MailServers,
    folder: TempDir,
    runtime: Runtime,
}

impl<'s> Desk<'s> {
    fn open(servers: &'s MailServers) -> Self {
        let folder = TempDir::new().unwrap();
        let desk = Self {
            servers,
            folder,
            runtime: Runtime::new().unwrap(),
        };
        let init = Command::new(postrider())
            .arg("init")
            .arg(desk.path("desk"))
            .output()
            .unwrap();
        assert!(init.status.success(), "{init:?}");
        let file = desk.path("desk/postrider.toml");
        fs::write(&file, desk.filled_in(&fs::read_to_string(&file).unwrap())).unwrap();
        desk
    }

    /// What an operator changes in the example: hosts, ports, the mailbox, whom to trust, and people.
    fn filled_in(&self, example: &str) -> String {
        let (smtp, pop3) = (
            self.servers.smtp(SmtpPort::AuthAfterStartTls),
            self.servers.pop3(),
        );
        let authority = self.servers.authority_file();
        example
            .replace("host = \"mail.example.org\"", "host = \"127.0.0.1\"")
            .replace("port = 587", &format!("port = {}", smtp.port()))
            .replace(
                "port = 995\nsecurity = \"tls\"",
                &format!("port = {}\nsecurity = \"starttls\"", pop3.port()),
            )
            .replace("user = \"support@example.org\"", "user = \"support\"")
            .replace(
                "# ca_file = \"ca.pem\" ",
                &format!("ca_file = {authority:?} "),
            )
            .replace("POSTRIDER_PASSWORD", "SUPPORT_PASSWORD")
            .replace("support@example.org", "support@mail.test")
            .replace("ada@example.org", "alice@mail.test")
            .replace("grace@example.org", "carol@mail.test")
            .replace("[user.ada]", "[user.alice]")
            .replace("[\"ada\", \"grace\"]", "[\"alice\", \"grace\"]")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn postrider(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(postrider());
        command.arg("-C").arg(self.path("desk")).args(arguments);
        command.env("SUPPORT_PASSWORD", PASSWORD);
        command
    }

    fn expect(&self, arguments: &[&str], code: i32) -> Output {
        let output = self.postrider(arguments).output().unwrap();
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = (shown(&output.stdout), shown(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said:?}");
        output
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.expect(arguments, 0);
        let lines = String::from_utf8(output.stdout).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Empties a user's mailbox over STLS.
    fn read(&self, user: &str) -> Vec<Vec<u8>> {
        let login = pop3::Credentials::password(user, PASSWORD).unwrap();
        let config = pop3::Config::new(self.servers.pop3())
            .credentials(login)
            .tls(self.servers.tls());
        self.runtime.block_on(async {
            let mut client = pop3::Client::connect(&config).await.unwrap();
            let mut mails = Vec::new();
            for listed in client.list().await.unwrap() {
                mails.push(client.retr_to_vec(listed.number, 1 << 20).await.unwrap());
                client.dele(listed.number).await.unwrap();
            }
            client.quit().await.unwrap();
            mails
        })
    }

    /// Answers a mail as a mail program does.
    fn answer(&self, mail: &Message<'_>, text: &str) {
        let reply_to = mail.reply_to();
        let address = reply_to.first_address().expect("a Reply-To");
        let subject = format!("Re: {}", mail.subject().unwrap_or_default());
        self.write("alice", address, &subject, text);
    }

    fn write(&self, user: &str, to: &str, subject: &str, text: &str) {
        let from = format!("{user}@mail.test");
        let mail = MessageBuilder::new()
            .from(from.as_str())
            .to(to)
            .subject(subject)
            .text(text);
        self.send(user, to, &mail.build().unwrap());
    }

    fn send(&self, user: &str, to: &str, mail: &[u8]) {
        let login = smtp::Credentials::password(user, PASSWORD).unwrap();
        let config = smtp::Config::new(self.servers.smtp(SmtpPort::AuthAfterStartTls))
            .credentials(login)
            .tls(self.servers.tls());
        let envelope = smtp::Envelope::parse(&format!("{user}@mail.test"), [to]).unwrap();
        self.runtime.block_on(async {
            let mut client = smtp::Client::connect(&config).await.unwrap();
            let outcomes = client.send(&envelope, mail).await;
            assert!(
                outcomes.iter().all(|outcome| outcome.is_accepted()),
                "{outcomes:?}"
            );
            client.quit().await;
        });
    }
}
