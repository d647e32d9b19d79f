//! What a reader remembers of the mail that it fetched is forgotten in its time while it runs, in either store.
#![cfg(all(feature = "drivers", feature = "notify"))]

use jiff::Timestamp;
use postrider_notify::config::Config;
use postrider_notify::inbound::reader::{Fetched, Reader};
use postrider_notify::store::{PostgresStore, SqliteStore, Store};
use postrider_sandbox::Sandbox;
use postrider_tests::servers::{Postgres, or_left_out};
use postrider_wire::Transcript;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;

const TO: &str = "support@example.org";

const CONFIG: &str = r#"
[instance]
name = "Desk"
mail_domain = "example.org"

[smtp.main]
host = "127.0.0.1"
port = 1
security = "none"
from = "support@example.org"

[pop3.support]
host = "@HOST@"
port = @PORT@
security = "starttls"
user = "support"
password_file = "password"
ca_file = "ca.pem"
delete = "now"
remember = "1h"

[table.incident]
label = "Incident"
[table.incident.fields]
short_description = "string"
"#;

async fn sandbox() -> Sandbox {
    let builder = Sandbox::builder().mailbox(TO, "support", "secret");
    builder.start().await.unwrap()
}

fn lay_out(sandbox: &Sandbox) -> TempDir {
    let folder = TempDir::new().unwrap();
    let endpoint = sandbox.pop3();
    let config = CONFIG
        .replace("@HOST@", endpoint.host())
        .replace("@PORT@", &endpoint.port().to_string());
    fs::write(folder.path().join("postrider.toml"), config).unwrap();
    fs::write(folder.path().join("password"), "secret").unwrap();
    fs::write(folder.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
    folder
}

/// A mailbox that is open, and what its store remembers of it.
struct Desk {
    sandbox: Sandbox,
    _folder: TempDir,
    store: Arc<dyn Store>,
    reader: Reader,
}

impl Desk {
    async fn new(store: Arc<dyn Store>) -> Self {
        let sandbox = sandbox().await;
        let folder = lay_out(&sandbox);
        let config = Config::load(folder.path()).unwrap_or_else(|error| panic!("{error}"));
        let account = config.pop3[0].clone();
        let reader = Reader::new(account, Arc::clone(&store), Transcript::off());
        Self {
            sandbox,
            _folder: folder,
            store,
            reader,
        }
    }

    /// These mails arrive, and the mailbox is read so many minutes after the beginning.
    async fn fetch(&mut self, minutes: i64, mails: std::ops::Range<u32>) -> Fetched {
        for n in mails {
            let mail = format!("From: a@b\r\nMessage-ID: <{n}@b>\r\nSubject: {n}\r\n\r\n{n}\r\n");
            self.sandbox.deliver(TO, mail).unwrap();
        }
        let now = Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
        self.reader.fetch_once(now).await.unwrap()
    }

    fn lines(&self) -> usize {
        self.store.fetch_journal("support").unwrap().len()
    }
}

/// Each mail is three lines: it is here, it is to be deleted, it is deleted.
async fn what_is_fetched_is_remembered_for_its_time_and_not_for_ever(store: Arc<dyn Store>) {
    let mut desk = Desk::new(store).await;
    assert_eq!(desk.fetch(0, 0..400).await.new.len(), 400);
    assert_eq!(desk.fetch(50, 400..550).await.new.len(), 150);
    assert_eq!(desk.fetch(59, 0..0).await, Fetched::default());
    assert_eq!(desk.lines(), 3 * 550, "all of it is needed for an hour");

    // The same under other names, just in time.
    let again = desk.fetch(59, 7..9).await;
    assert_eq!(
        (again.new.len(), again.duplicates, again.deleted),
        (0, 2, 2)
    );
    assert_eq!(desk.fetch(100, 550..700).await.new.len(), 150);
    assert!(desk.lines() > 3 * 700);
    desk.fetch(111, 0..0).await;
    assert_eq!(
        desk.lines(),
        2 * (2 + 150),
        "where it is now, for each mail of the last hour"
    );

    // What is left of it does its work, here and in a process that begins anew.
    for _ in 0..2 {
        let again = desk.fetch(112, 600..650).await;
        assert_eq!((again.new.len(), again.duplicates), (0, 50));
        let account = desk.reader.account().clone();
        drop(desk.reader);
        desk.reader = Reader::new(account, Arc::clone(&desk.store), Transcript::off());
    }
}

#[tokio::test]
async fn sqlite_forgets_what_was_fetched_in_its_time() {
    let store = SqliteStore::open_in_memory().unwrap();
    what_is_fetched_is_remembered_for_its_time_and_not_for_ever(Arc::new(store)).await;
}

#[tokio::test]
async fn postgresql_forgets_what_was_fetched_in_its_time() {
    let Some(server) = or_left_out("PostgreSQL, what was fetched", Postgres::start()) else {
        return;
    };
    let store = tokio::task::spawn_blocking(move || {
        let store = PostgresStore::open(&server.url(), None, None).unwrap();
        (store, server)
    });
    let (store, _server) = store.await.unwrap();
    what_is_fetched_is_remembered_for_its_time_and_not_for_ever(Arc::new(store)).await;
}
