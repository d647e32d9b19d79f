//! Reading secrets from where the configuration says that they are.
//!
//! A secret is read anew for each connection, so that it can be changed without a restart.
//! Errors name the source and never the value.

use crate::account::SecretSource;
use postrider_wire::Secret;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
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
    let output = child.stdout.take();
    // The pipe is read on a thread of its own, so that a command that never ends cannot hold us.
    let reader = std::thread::spawn(move || output.map(|out| read_limited(out, MAX_LEN)));
    wait(&mut child).map_err(failed)?;
    match reader.join() {
        Ok(Some(Ok(bytes))) => Ok(bytes),
        Ok(Some(Err(error))) => Err(failed(format!("cannot be read: {error}"))),
        Ok(None) | Err(_) => Err(failed("gave no output".into())),
    }
}

fn wait(child: &mut Child) -> Result<(), String> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("failed: {status}")),
            Ok(None) if started.elapsed() < COMMAND_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(None) => {
                // It may have ended in between; then there is nothing to kill.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!(
                    "did not end within {} s",
                    COMMAND_TIMEOUT.as_secs()
                ));
            }
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
}

fn read_limited(source: impl Read, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
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
    fn a_file_that_is_too_large_is_not_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, vec![b'x'; MAX_LEN as usize + 1]).unwrap();
        let error = SecretSource::File(path).read().unwrap_err().to_string();
        assert!(error.contains("more than 65536 octets"), "{error}");
    }
}
