//! `Mailbox` with a store and a journal in one database of the caller's own: one transaction for both.

#![cfg(all(feature = "sync", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::server::{Server, say};
use postrider_pop3::sync::{
    Arrived, Deletion, Journal, JournalEntry, Mailbox, Policy, Store, Summary, SyncError,
};
use postrider_pop3::{Config, Credentials, Endpoint, Security};
use std::io;
use std::sync::{Arc, Mutex};

/// A database: what is committed, and what is not yet.
#[derive(Clone, Default)]
struct Database(Arc<Mutex<Tables>>);

#[derive(Default)]
struct Tables {
    mails: Vec<(String, String, u64, Vec<u8>)>,
    journal: Vec<String>,
    open: Vec<u8>,
    finished: Vec<(String, String, u64, Vec<u8>)>,
    transactions: usize,
    /// The transaction that fails, counted from 1.
    fails_at: usize,
}

impl Store for Database {
    fn begin(&mut self) -> io::Result<()> {
        self.abort()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().open.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        let mut tables = self.0.lock().unwrap();
        let text = std::mem::take(&mut tables.open);
        let uid = message.uid.map(ToString::to_string).unwrap_or_default();
        let mail = (uid, message.content.to_string(), message.octets, text);
        tables.finished.push(mail);
        Ok(String::new())
    }

    fn abort(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().open.clear();
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        // In the transaction of the journal, which comes next.
        Ok(())
    }
}

impl Journal for Database {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        let mut tables = self.0.lock().unwrap();
        tables.finished.clear();
        let entries = tables.journal.iter().map(|line| line.parse());
        Ok(entries.collect::<Result<_, _>>().unwrap())
    }

    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        let mut tables = self.0.lock().unwrap();
        tables.transactions += 1;
        if tables.transactions == tables.fails_at {
            return Err(io::Error::other("the database is locked"));
        }
        let finished = std::mem::take(&mut tables.finished);
        tables.mails.extend(finished);
        let lines = entries.iter().map(ToString::to_string);
        tables.journal.extend(lines);
        Ok(())
    }

    fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.0.lock().unwrap().journal = entries.iter().map(ToString::to_string).collect();
        Ok(())
    }
}

/// A sync of a new process, as far as the database is concerned.
async fn sync(database: &Database, server: Server) -> (Result<Summary, SyncError>, Vec<String>) {
    let (endpoint, commands) = server.start();
    let config = Config::new(endpoint)
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials();
    let policy = Policy {
        deletion: Deletion::Now,
        connections: 1,
        ..Policy::default()
    };
    let mut mailbox = Mailbox::with_journal(config, database.clone(), database.clone())
        .unwrap()
        .policy(policy);
    let result = mailbox.sync(|_| {}).await;
    drop(mailbox);
    (result, commands.join().unwrap())
}

#[tokio::test]
async fn one_transaction_for_store_and_journal_stores_each_mail_exactly_once() {
    let database = Database::default();
    database.0.lock().unwrap().fails_at = 1;
    let (result, commands) = sync(&database, Server::new()).await;
    assert!(matches!(result, Err(SyncError::Storage(_))), "{result:?}");
    assert!(!commands.iter().any(|c| c.starts_with("DELE")));
    assert!(database.0.lock().unwrap().mails.is_empty());

    // DELE is durable before QUIT, the answer of which never comes.
    let (result, _) = sync(&database, Server::new().on("QUIT", say(""))).await;
    assert!(result.unwrap_err().is_retryable());
    let empty = Server::new()
        .on("STAT", say("+OK 0 0\r\n"))
        .on("UIDL", say("+OK\r\n.\r\n"))
        .on("LIST", say("+OK\r\n.\r\n"));
    let (result, _) = sync(&database, empty).await;
    assert_eq!(result.unwrap().stored, 0);

    let tables = database.0.lock().unwrap();
    let [(uid, sha256, octets, text)] = &tables.mails[..] else {
        panic!("{} mails", tables.mails.len());
    };
    assert_eq!((uid.as_str(), *octets), ("AAA", 17));
    assert_eq!(text, b"Subject: x\r\n\r\nb\r\n");
    assert_eq!(
        sha256,
        "c1d19a79c78cb36d0166affd09a3bd7df8bdacb35767bc15124c0c1088ca09d1"
    );
    let words: Vec<_> = tables
        .journal
        .iter()
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    assert_eq!(words, ["seen", "pending", "committed"]);
}

#[tokio::test]
async fn a_new_password_is_used_from_the_next_sync_on() {
    let (endpoint, commands) = Server::start_in_turn(vec![
        Server::new().on("PASS", say("-ERR [AUTH] no\r\n")),
        Server::new(),
    ]);
    let config = |endpoint: Endpoint, password: &str| {
        Config::new(endpoint)
            .security(Security::None)
            .credentials(Credentials::password("ada", password).unwrap())
            .danger_allow_clear_text_credentials()
    };
    let database = Database::default();
    let old = config(endpoint.clone(), "old");
    let mut mailbox = Mailbox::with_journal(old, database.clone(), database.clone()).unwrap();
    let error = mailbox.sync(|_| {}).await.unwrap_err();
    assert!(
        matches!(&error, SyncError::Pop3(e) if e.is_credential_fault()),
        "{error}"
    );
    mailbox.reconfigure(config(endpoint, "new"));
    assert_eq!(mailbox.sync(|_| {}).await.unwrap().stored, 1);
    let sent: Vec<_> = commands.join().unwrap().into_iter().flatten().collect();
    assert!(sent.contains(&"PASS old".to_owned()) && sent.contains(&"PASS new".to_owned()));
}
