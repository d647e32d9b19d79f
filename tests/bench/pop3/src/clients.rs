//! Clients in this process: postrider-pop3 and async-pop.

use crate::PASSWORD;
use bench_rule::{Taken, Watch};
use postrider_pop3::sync::{Deletion, Mailbox, Mboxrd, Policy};
use postrider_pop3::{Client, Config, Credentials, Endpoint, MessageNumber, Retrieved, Security};
use std::ops::ControlFlow;
use std::path::Path;

/// How a mailbox is to be opened.
fn config(port: u16, user: &str) -> Result<Config, String> {
    let credentials = Credentials::password(user, PASSWORD).map_err(said)?;
    Ok(Config::new(Endpoint::new("127.0.0.1", port).map_err(said)?)
        .security(Security::None)
        .danger_allow_clear_text_credentials()
        .credentials(credentials))
}

/// Fetches so many messages and throws them away. The session is part of the time.
pub fn drain(port: u16, user: &str, count: usize) -> Result<Taken, String> {
    let config = config(port, user)?;
    let numbers: Vec<_> = (1..=count as u32).filter_map(|n| MessageNumber::new(n).ok()).collect();
    let mut whole = 0;
    let taken = runtime()?.block_on(async {
        let watch = Watch::start();
        let mut client = Client::connect(&config).await.map_err(said)?;
        let count = |retrieved: Retrieved<'_>| {
            whole += usize::from(matches!(retrieved, Retrieved::End { .. }));
            ControlFlow::Continue(())
        };
        client.retr_many(&numbers, count).await.map_err(said)?;
        client.quit().await.map_err(said)?;
        Ok::<_, String>(watch.stop())
    })?;
    if whole == count { Ok(taken) } else { Err(format!("{whole} of {count} messages")) }
}

/// The same with async-pop, which holds each message whole.
pub fn async_pop(port: u16, user: &str, count: usize) -> Result<Taken, String> {
    runtime()?.block_on(async {
        let watch = Watch::start();
        let mut client = async_pop::connect_plain(("127.0.0.1", port)).await.map_err(said)?;
        client.login(user, PASSWORD).await.map_err(said)?;
        for number in 1..=count {
            client.retr(number).await.map_err(said)?;
        }
        client.quit().await.map_err(said)?;
        Ok(watch.stop())
    })
}

/// Moves so many messages into an mbox file, each durable before it is deleted.
pub fn sync(port: u16, user: &str, count: usize, folder: &Path) -> Result<Taken, String> {
    let (mbox, journal) = (folder.join("ours.mbox"), folder.join("ours.journal"));
    for file in [&mbox, &journal] {
        let _ = std::fs::remove_file(file);
    }
    let watch = Watch::start();
    let store = Mboxrd::open(mbox).map_err(said)?;
    let mut mailbox = Mailbox::open(config(port, user)?, journal, store)
        .map_err(said)?
        .policy(Policy { deletion: Deletion::Now, ..Policy::default() });
    let summary = runtime()?.block_on(mailbox.sync(drop)).map_err(said)?;
    let taken = watch.stop_wall();
    if (summary.stored, summary.deleted) == (count, count) {
        Ok(taken)
    } else {
        Err(format!("{} stored and {} deleted of {count}", summary.stored, summary.deleted))
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(said)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
