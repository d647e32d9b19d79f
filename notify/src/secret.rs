//! Reading secrets from where the configuration says that they are.
//!
//! A secret is read anew for each connection, so that it can be changed without a restart.
//! Errors name the source and never the value.

use crate::account::SecretSource;
use crate::program::{LOOK, wait};
use postrider_wire::Secret;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// The longest a secret may be. A larger file is the wrong file.
const MAX_LEN: u64 = 64 * 1024;

/// How long a command may take to print the secret; it may ask a key store over a network.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

impl SecretSource {
    /// Reads the secret. This blocks: a command may be run.
    ///
    /// # Errors
    /// [`SecretError`], which names the source and says what to do, never the value.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Value(secret) => Ok(secret.clone()),
            Self::Env(name) => match std::env::var(name) {
                Ok(value) => first_line(value.into_bytes(), self),
                Err(std::env::VarError::NotPresent) => Err(SecretError::NoVariable(name.clone())),
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(SecretError::Unreadable(self.clone(), "is not UTF-8".into()))
                }
            },
            Self::File(path) => {
                let open = std::fs::File::open(path);
                let bytes = open.and_then(|file| read_limited(file, MAX_LEN));
                let bytes = bytes.map_err(|error| SecretError::File(path.clone(), error))?;
                first_line(bytes, self)
            }
            Self::Command(words) => first_line(run(words, self)?, self),
        }
    }
}

/// A secret that could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment variable is not set.
    NoVariable(String),
    /// The file cannot be read.
    File(PathBuf, std::io::Error),
    /// The command did not deliver.
    Command(String, String),
    /// What is there is no secret.
    Unreadable(SecretSource, String),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVariable(name) => {
                write!(
                    f,
                    "the environment variable {name} is not set: set it to the password or token"
                )
            }
            Self::File(path, error) => {
                write!(f, "cannot read the secret in {}: {error}", path.display())
            }
            Self::Command(program, what) => write!(f, "the secret command {program:?} {what}"),
            Self::Unreadable(source, what) => write!(f, "the secret in {} {what}", Named(source)),
        }
    }
}

impl std::error::Error for SecretError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(_, error) => Some(error),
            _ => None,
        }
    }
}

/// A source as an administrator knows it.
struct Named<'s>(&'s SecretSource);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SecretSource::Value(_) => f.write_str("the configuration"),
            SecretSource::Env(name) => write!(f, "the environment variable {name}"),
            SecretSource::File(path) => write!(f, "the file {}", path.display()),
            SecretSource::Command(words) => write!(f, "the output of {:?}", program(words)),
        }
    }
}

/// The first line without its end: files and commands end with a newline that is not part of the secret.
fn first_line(mut bytes: Vec<u8>, source: &SecretSource) -> Result<Secret, SecretError> {
    if let Some(end) = memchr::memchr2(b'\r', b'\n', &bytes) {
        bytes.truncate(end);
    }
    if bytes.is_empty() {
        return Err(SecretError::Unreadable(source.clone(), "is empty".into()));
    }
    Ok(Secret::new(bytes))
}

fn program(words: &[String]) -> &str {
    words.first().map_or("", String::as_str)
}

fn run(words: &[String], source: &SecretSource) -> Result<Vec<u8>, SecretError> {
    let failed = |what: String| SecretError::Command(program(words).to_owned(), what);
    let (first, rest) = words
        .split_first()
        .ok_or_else(|| SecretError::Unreadable(source.clone(), "has no program".into()))?;
    let mut child = Command::new(first)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    let deadline = Instant::now() + COMMAND_TIMEOUT;
    let line = listen(child.stdout.take());
    let status = wait(&mut child, deadline, COMMAND_TIMEOUT).map_err(|why| {
        // It may have ended in between; then there is nothing to end.
        let _ = child.kill();
        let _ = child.wait();
        failed(why)
    })?;
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    // What it started may hold the pipe open, and say nothing any more.
    let left = deadline.saturating_duration_since(Instant::now());
    match line.recv_timeout(left.max(LOOK)) {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(error)) => Err(failed(format!("cannot be read: {error}"))),
        Err(_) => Err(failed(
            "ended without a line, and what it started did not".into(),
        )),
    }
}

/// The first line of a pipe, read on a thread of its own, so that a command that never ends cannot hold us. What follows is read and
/// forgotten, so that the command is not held either.
fn listen(pipe: Option<impl Read + Send + 'static>) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let Some(pipe) = pipe else { return };
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        let read = pipe
            .by_ref()
            .take(MAX_LEN + 1)
            .read_until(b'\n', &mut line)
            .and_then(|_| within(line, MAX_LEN));
        // Nobody listens any more if the command failed.
        let _ = sender.send(read);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    });
    receiver
}

fn read_limited(source: impl Read, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    within(bytes, limit)
}

fn within(bytes: Vec<u8>, limit: u64) -> std::io::Result<Vec<u8>> {
    if bytes.len() as u64 > limit {
        let large = format!("it holds more than {limit} octets");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, large));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|&w| w.to_owned()).collect())
    }

    #[test]
    fn the_first_line_of_each_source_is_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "hunter2\r\nnot this\n").unwrap();
        let read = |source: SecretSource| source.read().unwrap().expose_secret().to_vec();
        assert_eq!(read(SecretSource::File(path)), b"hunter2");
        assert_eq!(read(command(&["printf", "tok en\nx"])), b"tok en");
        // Cargo sets this one for every test.
        let set = SecretSource::Env("CARGO_PKG_NAME".into());
        assert_eq!(read(set), b"postrider-notify");
        assert_eq!(read(SecretSource::Value("v".into())), b"v");
    }

    #[test]
    fn errors_name_the_source_and_never_the_value() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "\nhunter2").unwrap();
        let said = |source: SecretSource| source.read().unwrap_err().to_string();
        assert_eq!(
            said(SecretSource::Env("POSTRIDER_NOT_SET".into())),
            "the environment variable POSTRIDER_NOT_SET is not set: set it to the password or token"
        );
        assert_eq!(
            said(SecretSource::File(empty.clone())),
            format!("the secret in the file {} is empty", empty.display())
        );
        let missing = said(SecretSource::File(dir.path().join("none")));
        assert!(missing.contains("/none: No such file"), "{missing}");
        let failed = said(command(&["sh", "-c", "echo hunter2; exit 3"]));
        assert_eq!(failed, "the secret command \"sh\" failed: exit status: 3");
        let absent = said(command(&["/nonexistent/pass"]));
        assert!(absent.contains("cannot be run"), "{absent}");
    }

    #[test]
    fn what_a_command_leaves_running_holds_nobody_up() {
        let started = Instant::now();
        let left = command(&["sh", "-c", "sleep 25 & echo hunter2"]);
        assert_eq!(left.read().unwrap().expose_secret(), b"hunter2");
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    /// The process group of a line of `/proc/PID/stat`: who is in none of the terminal's cannot ask there.
    #[cfg(target_os = "linux")]
    fn group(stat: &str) -> &str {
        let (_, behind_name) = stat.rsplit_once(") ").unwrap();
        behind_name.split(' ').nth(2).unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_command_may_ask_at_the_terminal() {
        let theirs = command(&["cat", "/proc/self/stat"]).read().unwrap();
        let theirs = String::from_utf8(theirs.expose_secret().to_vec()).unwrap();
        let ours = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert_eq!(group(&theirs), group(&ours));
    }

    #[test]
    fn lines_behind_the_first_are_not_waited_for_and_hold_nothing_up() {
        let long = command(&["sh", "-c", "echo hunter2; head -c 300000 /dev/zero"]);
        assert_eq!(long.read().unwrap().expose_secret(), b"hunter2");
        let endless = command(&["head", "-c", "100000", "/dev/zero"]).read();
        let error = endless.unwrap_err().to_string();
        assert!(error.contains("more than 65536 octets"), "{error}");
    }

    #[test]
    fn a_file_that_is_too_large_is_not_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, vec![b'x'; MAX_LEN as usize + 1]).unwrap();
        let error = SecretSource::File(path).read().unwrap_err().to_string();
        assert!(error.contains("more than 65536 octets"), "{error}");
    }
}
