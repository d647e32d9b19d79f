//! Peers that are programs of their own.

use crate::said;
use bench_rule::{Taken, Watch};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, process};

/// The scripts that drive them, and the templates that they are given.
#[derive(Debug)]
pub struct Programs {
    scripts: PathBuf,
    templates: PathBuf,
    /// A folder of ours, removed when dropped.
    folder: PathBuf,
}

impl Programs {
    /// Finds the scripts.
    ///
    /// # Errors
    /// If this was not started by `tests/bench/run`.
    pub fn find() -> Result<Self, String> {
        let folder = env::temp_dir().join(format!("postrider-bench-notify-peers-{}", process::id()));
        fs::create_dir_all(&folder).map_err(said)?;
        let scripts = env::var_os("BENCH_SCRIPTS").ok_or("BENCH_SCRIPTS is not set: start it with tests/bench/run")?;
        let scripts = PathBuf::from(scripts);
        let templates = scripts.join("../templates");
        Ok(Self { scripts, templates, folder })
    }

    /// Python: jinja2, email, smtplib and SQLite, which waits for the disk three times for so many mails.
    ///
    /// # Errors
    /// If a library is missing, or the server refuses a mail.
    pub fn python(&self, port: u16, mails: usize, together: usize) -> Result<Taken, String> {
        let database = self.folder.join("loop.db");
        for suffix in ["", "-wal", "-shm"] {
            let mut file = database.clone().into_os_string();
            file.push(suffix);
            let _ = fs::remove_file(file);
        }
        let mut command = Command::new("python3");
        command.arg(self.scripts.join("loop.py"));
        command.args([port.to_string(), mails.to_string(), together.to_string(), "FULL".to_owned()]);
        timed(command.arg(&self.templates).arg(database))
    }

    /// nodemailer and handlebars, pooled, with one connection, without a store.
    ///
    /// # Errors
    /// If a library is missing, or the server refuses a mail.
    pub fn nodemailer(&self, port: u16, mails: usize) -> Result<Taken, String> {
        if env::var_os("NODE_PATH").is_none() {
            return Err("nodemailer or handlebars is not installed (npm)".into());
        }
        let mut command = Command::new("node");
        command.arg(self.scripts.join("nodemailer.cjs")).args([port.to_string(), mails.to_string()]);
        timed(command.arg(&self.templates))
    }

    /// Postfix's smtp-source, one connection; connecting is part of its time.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn smtp_source(&self, port: u16, mails: usize) -> Result<Taken, String> {
        let watch = Watch::start();
        let status = Command::new("smtp-source")
            .args(["-s", "1", "-d", "-f", "desk@example.org", "-t", "recipient@example.net"])
            .args(["-m", &mails.to_string(), "-l", "2500", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|e| format!("smtp-source: {e}"))?;
        if status.success() { Ok(watch.stop_wall()) } else { Err(format!("smtp-source: {status}")) }
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// A script prints two numbers of seconds: the wall's and the processor's.
pub(crate) fn timed(command: &mut Command) -> Result<Taken, String> {
    let output = command.stderr(Stdio::piped()).output().map_err(said)?;
    let out = String::from_utf8_lossy(&output.stdout);
    let mut seconds = out.split_whitespace().map(|w| w.parse().map(Duration::from_secs_f64));
    match (seconds.next(), seconds.next()) {
        (Some(Ok(wall)), Some(Ok(cpu))) => Ok(Taken { wall, cpu: Some(cpu) }),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
