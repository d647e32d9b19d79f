//! Programs that the configuration names: never waited for without end.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long is waited between two looks at whether a program has ended.
pub(crate) const LOOK: Duration = Duration::from_millis(2);

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
