//! An application with tables of its own: an order and the mail about it, both or neither.
//!
//! `cargo run --example own_transaction`

#![allow(clippy::print_stdout)]

use postrider_notify::config::{Config, ExampleParts, example};
use postrider_notify::daemon;
use postrider_notify::process::Processor;
use postrider_notify::records::Records;
use postrider_notify::store::{LogFilter, SqliteStore, Store, Work, enqueue};
use rusqlite::{Connection, TransactionBehavior};
use serde_json::{Map, json};
use std::error::Error;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for (name, text) in example(&ExampleParts::default()) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        std::fs::write(path, text)?;
    }
    let config = Arc::new(Config::load(folder.path())?);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.database)?);
    let records = Records::new(Arc::clone(&store), Arc::clone(&config.schema));
    for seed in &config.records {
        records.insert(&seed.table, Some(seed.id.clone()), &seed.fields, "")?;
    }

    // The application's own connection, and its own table, in the file of the store.
    let mut own = Connection::open(&config.database)?;
    own.busy_timeout(std::time::Duration::from_secs(10))?;
    own.execute_batch("CREATE TABLE app_order (id INTEGER PRIMARY KEY, item TEXT NOT NULL)")?;
    order(&mut own, &records, "tea", false)?;
    println!("rolled back: {} events", store.due_events(now(), 9)?.len());
    order(&mut own, &records, "tea", true)?;
    println!("committed:   {} events", store.due_events(now(), 9)?.len());

    // What the daemon does with it; any process may be that.
    let events = Processor::new(config, Arc::clone(&store), daemon::signer(&*store)?);
    for event in store.due_events(now(), 9)? {
        store.settle(&[events.settle(&event, now())?])?;
    }
    let all = LogFilter {
        limit: 9,
        ..LogFilter::default()
    };
    for row in store.log(&all)? {
        println!("{}: {}", row.mail.recipient, row.mail.subject);
    }
    Ok(())
}

/// An order is written down, and somebody is told to see to it.
fn order(
    own: &mut Connection,
    records: &Records,
    item: &str,
    keep: bool,
) -> Result<(), Box<dyn Error>> {
    // Typed and checked before the transaction begins, which keeps it short.
    let fields = Map::from_iter([
        (
            "short_description".to_owned(),
            json!(format!("Order: {item}")),
        ),
        ("assigned_to".to_owned(), json!("ada")),
    ]);
    let work = Work {
        changes: vec![records.insert_change("incident", None, &fields, "shop")?],
        ..Work::default()
    };
    let mut transaction = own.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("INSERT INTO app_order (item) VALUES (?1)", [item])?;
    enqueue(&mut transaction, now(), &work)?;
    if keep {
        transaction.commit()?;
    }
    Ok(()) // dropped without a commit: neither the order nor the event
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
