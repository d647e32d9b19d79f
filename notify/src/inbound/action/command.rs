//! A program as an action: JSON on its standard input, no shell, an empty environment, bounded time and output.

use crate::inbound::rule::Program;
use crate::program::wait;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Octets that a program may write to each of its outputs. One that writes more is ended.
const MOST_OUTPUT: usize = 64 * 1024;

/// How long the rest of what a program wrote is waited for once it has ended: what it left running may hold its outputs open.
const REST: Duration = Duration::from_millis(500);

/// Letters of its words that are kept.
const KEEP: usize = 300;

/// The only path that it is given; a program that needs more says where.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs it. Gives the first line that it writes; anything but success is an error in words.
pub(super) fn run(program: &Program, key: &str, payload: &str) -> Result<String, String> {
    let (name, arguments) = program.words.split_first().ok_or("there is no program")?;
    let mut command = Command::new(name);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .env("POSTRIDER_IDEMPOTENCY_KEY", key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    alone(&mut command);
    let mut child = command
        .spawn()
        .map_err(|error| format!("{name} cannot be run: {error}"))?;
    give(&mut child, payload);
    let (out, err) = (listen(child.stdout.take()), listen(child.stderr.take()));
    let deadline = Instant::now() + program.timeout;
    let status = wait(&mut child, deadline, program.timeout);
    let status = status.map_err(|why| {
        end(&mut child);
        format!("{name} {why}")
    })?;
    let until = Instant::now() + REST;
    let (out, err) = (heard(&out, until), heard(&err, until));
    if out.len() > MOST_OUTPUT || err.len() > MOST_OUTPUT {
        end(&mut child);
        return Err(format!("{name} wrote more than {MOST_OUTPUT} octets"));
    }
    if status.success() {
        return Ok(words(&out));
    }
    Err(format!("{name} failed ({status}): {}", words(&err)))
}

/// A process group of its own, so that it can be ended with its children.
fn alone(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let _ = command;
}

/// Writes the payload on a thread of its own: a program need not read it.
fn give(child: &mut Child, payload: &str) {
    if let Some(mut stdin) = child.stdin.take() {
        let payload = payload.to_owned();
        std::thread::spawn(move || {
            // It may have enough, or be gone.
            let _ = stdin.write_all(payload.as_bytes());
        });
    }
}

/// What comes out of a pipe, piece by piece, read on a thread of its own. One who writes too much finds it closed.
fn listen(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let (mut buffer, mut octets) = ([0; 4096], 0);
        while octets <= MOST_OUTPUT {
            let piece = match pipe.read(&mut buffer) {
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            if piece.is_empty() {
                return;
            }
            octets += piece.len();
            if sender.send(piece.to_vec()).is_err() {
                // Nobody listens any more. What the program left running is not to fail for that.
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
                return;
            }
        }
    });
    receiver
}

/// What came up to this moment, or to the end of the pipe.
fn heard(pieces: &Receiver<Vec<u8>>, until: Instant) -> Vec<u8> {
    let mut text = Vec::new();
    let left = || until.saturating_duration_since(Instant::now());
    while let Ok(piece) = pieces.recv_timeout(left()) {
        text.extend_from_slice(&piece);
    }
    text
}

/// Ends the program, and whatever it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        let group = format!("-{}", child.id());
        let kill = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        drop(kill);
    }
    // It may have ended in between; then there is nothing to end.
    let _ = child.kill();
    let _ = child.wait();
}

/// The first line, with nothing in it that would trouble a terminal.
fn words(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    line.trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(KEEP)
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        run(
            &Program { words, timeout },
            "key-1",
            "{\"a\": \"$(touch x)\"}",
        )
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_program_reads_the_payload_and_says_a_line() {
        let said = shell("cat; echo; echo more", LONG);
        assert_eq!(said.as_deref(), Ok("{\"a\": \"$(touch x)\"}"));
        assert_eq!(
            shell("echo $POSTRIDER_IDEMPOTENCY_KEY", LONG).as_deref(),
            Ok("key-1")
        );
        assert_eq!(shell("exit 0", LONG).as_deref(), Ok(""), "it need not read");
    }

    #[test]
    fn it_has_nothing_of_our_environment() {
        let said = shell(
            "env | cut -d= -f1 | grep -vE '^(PWD|SHLVL|_|OLDPWD)$' | sort | tr '\\n' ' '",
            LONG,
        );
        assert_eq!(said.as_deref(), Ok("LANG PATH POSTRIDER_IDEMPOTENCY_KEY"));
    }

    #[test]
    fn what_fails_is_told_in_its_own_words() {
        let said = shell("echo no such person >&2; exit 3", LONG).unwrap_err();
        assert_eq!(said, "sh failed (exit status: 3): no such person");
        let words = vec!["/nonexistent/program".to_owned()];
        let said = run(
            &Program {
                words,
                timeout: LONG,
            },
            "",
            "",
        )
        .unwrap_err();
        assert!(said.contains("cannot be run"), "{said}");
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_its_children() {
        let started = Instant::now();
        let said = shell("sleep 60 & echo $!; sleep 60", Duration::from_millis(200)).unwrap_err();
        assert!(said.contains("did not end within 200ms"), "{said}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_a_program_leaves_running_holds_no_mail_up() {
        let said = shell("sleep 60 & echo $!", LONG).unwrap();
        let left = Command::new("kill").arg(&said).status().unwrap();
        assert!(left.success(), "its line is heard: {said:?}");
        let said = shell("sleep 60 & echo $! >&2; exit 3", LONG).unwrap_err();
        let left = said.rsplit(' ').next().unwrap_or_default();
        let left = Command::new("kill").arg(left).status().unwrap();
        assert!(left.success(), "its words are heard: {said:?}");
    }

    #[test]
    fn a_program_that_says_too_much_is_stopped() {
        let said = shell("yes", Duration::from_secs(5)).unwrap_err();
        assert!(
            said.contains("wrote more than") || said.contains("signal"),
            "{said}"
        );
    }
}
