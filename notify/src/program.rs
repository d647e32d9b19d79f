//! Programs that the configuration names: never waited for without end; what acts on a mail is ended with everything that it started.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long is waited between two looks at whether a program has ended.
pub(crate) const LOOK: Duration = Duration::from_millis(2);

/// A process group of its own, so that it can be ended with its children.
pub(crate) fn alone(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let _ = command;
}

/// Waits for its end, until `deadline`.
///
/// # Errors
/// What it did instead, in words that follow its name; it is still there then.
pub(crate) fn wait(
    child: &mut Child,
    deadline: Instant,
    timeout: Duration,
) -> Result<ExitStatus, String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK),
            Ok(None) => return Err(format!("did not end within {timeout:?}")),
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
}

/// Ends the program, and whatever it started.
pub(crate) fn end(child: &mut Child) {
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
