//! Servers that others wrote, on loopback, for as long as a test lasts.
//!
//! Where they cannot be had, a test says so aloud and is left out; with `POSTRIDER_REQUIRE_SERVERS` set, it fails instead.
//! `POSTRIDER_NO_SERVERS` leaves all of them out.
//!
//! ```no_run
//! use postrider_tests::servers::{MailServers, SmtpPort, or_left_out};
//!
//! if let Some(servers) = or_left_out("my test", MailServers::shared()) {
//!     println!("Postfix listens on {}", servers.smtp(SmtpPort::Full));
//! }
//! ```

mod certificate;
mod dovecot;
mod mail;
mod postfix;
mod postgres;
mod postrider;
mod program;
mod sink;

pub use mail::{MAILBOXES, MailServers, PASSWORD};
pub use postfix::SmtpPort;
pub use postgres::Postgres;
pub use postrider::postrider;
pub use sink::SmtpSink;

use std::fmt;
use std::io::Write;

/// Why a server cannot be had here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAvailable(String);

impl NotAvailable {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for NotAvailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAvailable {}

/// The server, or `None` after saying aloud that `test` is left out, and why.
///
/// # Panics
/// If there is no server although `POSTRIDER_REQUIRE_SERVERS` is set.
pub fn or_left_out<T>(test: &str, found: Result<T, NotAvailable>) -> Option<T> {
    found
        .map_err(|why| {
            let required = std::env::var_os("POSTRIDER_REQUIRE_SERVERS").is_some();
            assert!(!required, "{test} needs a server: {why}");
            left_out(test, &why);
        })
        .ok()
}

/// The path of an installed program, such as an interpreter that reads what we write.
///
/// # Errors
/// If it is not installed, or `POSTRIDER_NO_SERVERS` is set.
pub fn program(name: &str) -> Result<std::path::PathBuf, NotAvailable> {
    program::find(name)
}

/// Whether servers may be looked for at all: `tests/run --quick` forbids it.
fn wanted() -> Result<(), NotAvailable> {
    match std::env::var_os("POSTRIDER_NO_SERVERS") {
        Some(_) => Err(NotAvailable::new("POSTRIDER_NO_SERVERS is set")),
        None => Ok(()),
    }
}

/// Says that something is left out, past the capture of a passing test's output: nobody would read it there.
pub fn left_out(what: &str, why: &dyn fmt::Display) {
    let _ = writeln!(std::io::stderr(), "left out: {what}: {why}");
}
