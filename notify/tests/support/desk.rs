//! The `postrider` command, run on an incident desk.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used
)]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Exactly this sentence and this exit code.
    pub fn says(&self, code: i32, sentence: &str) {
        assert_eq!(self.err.trim_end(), format!("postrider: {sentence}"));
        assert_eq!(self.code, code);
    }
}

pub fn postrider() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
    command.env_remove("NO_COLOR");
    command
}

/// Runs the command in a folder.
pub fn run(dir: &Path, args: &[&str]) -> Ran {
    Ran::of(postrider().current_dir(dir).args(args).output().unwrap())
}

/// The same while servers of this test are running.
pub async fn ran(dir: &Path, args: &[&str]) -> Ran {
    let mut command = postrider();
    command.current_dir(dir).args(args);
    let output = tokio::task::spawn_blocking(move || command.output());
    Ran::of(output.await.unwrap().unwrap())
}

pub fn json(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub fn as_it_is(text: String) -> String {
    text
}

/// One bound for every wait, so that no test waits long.
pub fn impatient(text: String) -> String {
    let text = text.replace("[smtp.main]", "[smtp.main]\ntimeout = \"1s\"");
    text.replace("[pop3.support]", "[pop3.support]\ntimeout = \"1s\"")
}
