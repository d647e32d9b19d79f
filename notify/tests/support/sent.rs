//! `postrider send` as a program, at a sandbox.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic
)]

use crate::support::{PASSWORD, write_example};
use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `postrider send` in a folder, with this on standard input.
pub async fn ran(dir: &Path, args: &[&str], input: &[u8]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
    command.current_dir(dir).arg("send").args(args);
    command.env("POSTRIDER_PASSWORD", PASSWORD);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let input = input.to_vec();
    let run = move || {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // A command that does not read it has ended with an error that the test sees.
        let _ = child.stdin.take().unwrap().write_all(&input);
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same with the sandbox as `--server`.
pub async fn send(sandbox: &Sandbox, args: &[&str], input: &[u8]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
    std::fs::write(dir.path().join("note.txt"), "attached\n").unwrap();
    let server = format!("smtp://support@{}", sandbox.smtp());
    let mut all = vec!["--server", &server, "--ca-file", "ca.pem"];
    all.extend(args);
    ran(dir.path(), &all, input).await
}

/// Writes the example configuration into a folder, with the sandbox as its account.
pub fn configure(sandbox: &Sandbox, dir: &Path) {
    let password = "password_env = \"POSTRIDER_PASSWORD\"";
    write_example(sandbox, dir, password, std::convert::identity);
}

pub fn content(sandbox: &Sandbox, address: &str) -> String {
    let mails = sandbox.messages(address);
    assert_eq!(mails.len(), 1, "{address}");
    String::from_utf8(mails[0].content.to_vec()).unwrap()
}

pub fn refuse(sandbox: &Sandbox, stage: Stage, nth: u64, line: &str) {
    let reply = Action::Reply(line.as_bytes().to_vec());
    sandbox.add_fault(Fault::smtp(stage, reply).nth(nth));
}

pub const BASIC: [&str; 4] = [
    "--from",
    "support@example.org",
    "--to",
    "ada@example.org,bob@example.org",
];
