//! Empties or mirrors a mailbox into a Maildir, on one thread and without a runtime.
//!
//! `cargo run --example fetch --features blocking -- pop.example.org ada Mail` with the password in `PASSWORD`. Nothing is deleted
//! on the server; run it again, and only what is new is fetched.

#![allow(clippy::print_stdout)]

use postrider_pop3::sync::{Mailbox, Maildir, SyncEvent};
use postrider_pop3::{Config, Credentials, Endpoint};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, user, folder] = arguments.as_slice() else {
        return Err("usage: fetch HOST USER FOLDER, with the password in PASSWORD".into());
    };
    let config = Config::new(Endpoint::new(host, 995)?)
        .credentials(Credentials::password(user, std::env::var("PASSWORD")?)?);
    let journal = format!("{folder}.journal");
    let mut mailbox = Mailbox::open(config, journal, Maildir::open(folder)?)?;
    let summary = mailbox.sync_blocking(|event| match event {
        SyncEvent::Stored { octets, place, .. } => println!("{place}: {octets} octets"),
        other => println!("{other:?}"),
    })?;
    println!("{} new of {}", summary.stored, summary.listed);
    Ok(())
}
