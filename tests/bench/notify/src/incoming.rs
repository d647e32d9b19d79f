//! A maildrop of Dovecot's until each of its mails is an incident.

use crate::said;
use bench_rule::{Taken, Watch};
use postrider_notify::config::Config;
use postrider_notify::daemon::{Daemon, Observer};
use postrider_notify::inbound::InboundState;
use postrider_notify::store::{SqliteStore, Store};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::{env, fs, process};

const CONFIG: &str = r#"
database = "desk.db"

[instance]
name = "Bench"
mail_domain = "example.org"

[smtp.main]
host = "127.0.0.1"
port = 1
security = "none"
from = "desk@example.org"

[pop3.support]
host = "127.0.0.1"
port = @PORT@
security = "none"
danger_allow_clear_text_credentials = true
user = "@USER@"
password_file = "password"
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

/// One pass of the daemon over a maildrop of so many mails, and a look whether each of them is an incident.
///
/// # Errors
/// Those of the store, and any mail that is none.
pub fn ours(port: u16, user: &str, password: &str, mails: usize) -> Result<Taken, String> {
    let desk = Desk::new(port, user, password)?;
    let observer: Observer = Arc::new(|_| {});
    let daemon = Daemon::new(Arc::clone(&desk.config), Arc::clone(&desk.store), observer).map_err(said)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(said)?;
    let watch = Watch::start();
    let summary = runtime.block_on(daemon.run_once()).map_err(said)?;
    let taken = watch.stop_wall();
    match summary.fetched {
        fetched if fetched == mails => desk.expect(mails).map(|()| taken),
        fetched => Err(format!("{fetched} of {mails} mails were fetched")),
    }
}

/// A desk on a database of its own, removed when dropped.
pub(crate) struct Desk {
    folder: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Arc<dyn Store>,
}

impl Desk {
    pub(crate) fn new(port: u16, user: &str, password: &str) -> Result<Self, String> {
        let folder = env::temp_dir().join(format!("postrider-bench-incoming-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(said)?;
        fs::write(folder.join("password"), password).map_err(said)?;
        let text = CONFIG.replace("@PORT@", &port.to_string()).replace("@USER@", user);
        fs::write(folder.join("postrider.toml"), text).map_err(said)?;
        let config = Arc::new(Config::load(&folder).map_err(said)?);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.join("desk.db")).map_err(said)?);
        Ok(Self { folder, config, store })
    }

    /// Looks whether so many mails are stored, and each of them is an incident.
    pub(crate) fn expect(&self, mails: usize) -> Result<(), String> {
        let rows = self.store.inbound_log(2 * mails).map_err(said)?;
        let acted = rows.iter().filter(|row| row.outcome.state == InboundState::Processed).count();
        let incidents = self.store.records("incident").map_err(said)?.len();
        match (rows.len(), acted, incidents) {
            (a, b, c) if [a, b, c] == [mails; 3] => Ok(()),
            found => Err(format!("of {mails} mails: stored, acted upon, incidents: {found:?}")),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The loop that one writes by hand in Python, which commits after so many mails.
///
/// # Errors
/// If it fails, or does not find all mails.
pub fn python(script: &Path, port: u16, user: &str, password: &str, mails: usize, together: usize) -> Result<Taken, String> {
    let database = env::temp_dir().join(format!("postrider-bench-incoming-{}.db", process::id()));
    let remove = || {
        for suffix in ["", "-wal", "-shm"] {
            let mut file = database.clone().into_os_string();
            file.push(suffix);
            let _ = fs::remove_file(file);
        }
    };
    remove();
    let mut command = Command::new("python3");
    command.arg(script).args([port.to_string(), user.into(), password.into(), mails.to_string(), together.to_string()]);
    let taken = crate::programs::timed(command.arg(&database));
    remove();
    taken
}
