//! Clients that are programs of their own. Their start and their session are part of the time.

use crate::PASSWORD;
use bench_rule::{Taken, Watch};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// Python's poplib, one message after the other, thrown away.
pub fn poplib(port: u16, user: &str, count: usize) -> Result<Taken, String> {
    let scripts = env::var("BENCH_SCRIPTS").map_err(|_| "BENCH_SCRIPTS is not set: start it with tests/bench/run")?;
    let mut command = Command::new("python3");
    run(command.arg(format!("{scripts}/poplib_peer.py")).args([&port.to_string(), user, PASSWORD, &count.to_string()]))
}

/// curl, one message after the other, thrown away.
pub fn curl(port: u16, user: &str, count: usize) -> Result<Taken, String> {
    let url = format!("pop3://127.0.0.1:{port}/[1-{count}]");
    run(Command::new("curl").args(["-s", "-S", "-o", "/dev/null", "-u", &format!("{user}:{PASSWORD}"), &url]))
}

/// mpop into an mbox file. It pipelines, and has each mail on disk before it deletes it.
pub fn mpop(port: u16, user: &str, folder: &Path, keep: bool) -> Result<Taken, String> {
    let (mbox, uidls) = (folder.join("mpop.mbox"), folder.join("mpop.uidls"));
    for file in [&mbox, &uidls] {
        let _ = fs::remove_file(file);
    }
    run(Command::new("mpop")
        .args(["--quiet", "--host=127.0.0.1", "--auth=user", "--tls=off", "--pipelining=on"])
        .arg(format!("--port={port}"))
        .arg(format!("--user={user}"))
        .arg(format!("--passwordeval=echo {PASSWORD}"))
        .arg(format!("--keep={}", if keep { "on" } else { "off" }))
        .arg(format!("--uidls-file={}", uidls.display()))
        .arg(format!("--delivery=mbox,{}", mbox.display())))
}

/// fetchmail into a batch file, nothing deleted.
pub fn fetchmail(port: u16, user: &str, folder: &Path) -> Result<Taken, String> {
    let (rc, ids) = (folder.join("fetchmailrc"), folder.join("fetchmail.ids"));
    let _ = fs::remove_file(&ids);
    let text = format!(
        "poll 127.0.0.1 protocol pop3 service {port} auth password user \"{user}\" password \"{PASSWORD}\" \
         sslproto '' keep fetchall\n"
    );
    fs::write(&rc, text).and_then(|()| fs::set_permissions(&rc, fs::Permissions::from_mode(0o600))).map_err(said)?;
    run(Command::new("fetchmail")
        .env("FETCHMAILHOME", folder)
        .args(["-s", "--nosyslog", "-f"])
        .arg(&rc)
        .arg("-i")
        .arg(&ids)
        .args(["--bsmtp", "/dev/null"]))
}

/// A user that is there everywhere, which getmail wants to know by name.
const NOBODY: u32 = 65_534;

/// getmail into an mbox file, a process for each message, nothing deleted. It does not deliver as root.
///
/// It sometimes misses the end of such a process and then gives up after a minute: give it few.
pub fn getmail(port: u16, user: &str, count: usize, folder: &Path) -> Result<Taken, String> {
    let home = folder.join("getmail");
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).map_err(said)?;
    let mbox = home.join("mbox");
    fs::write(&mbox, "").map_err(said)?;
    let text = format!(
        "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {port}\nusername = {user}\n\
         password = {PASSWORD}\n[destination]\ntype = Mboxrd\npath = {}\n[options]\nread_all = true\ndelete = false\n\
         verbose = 0\nmax_messages_per_session = {count}\n",
        mbox.display()
    );
    fs::write(home.join("getmailrc"), text).map_err(said)?;
    for path in [&home, &mbox, &home.join("getmailrc")] {
        chown(path, Some(NOBODY), Some(NOBODY)).map_err(said)?;
    }
    let mut command = Command::new("getmail");
    command.uid(NOBODY).gid(NOBODY).env("HOME", &home).arg(format!("--getmaildir={}", home.display()));
    run(&mut command)
}

fn run(command: &mut Command) -> Result<Taken, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let watch = Watch::start();
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    let taken = watch.stop_wall();
    if output.status.success() {
        return Ok(taken);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}: {}", output.status, said.lines().last().unwrap_or_default()))
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
