//! A process that lives until it is killed.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};

/// As Linux and the BSDs number it.
const SIGKILL: i32 = 9;

/// What stands in front of each line that a life says; the test harness prints others.
const MARK: &str = "life says: ";

/// A process, killed at the latest when the test ends.
pub(crate) struct Life(pub(crate) Child);

impl Life {
    /// Ends it by SIGKILL, and by nothing else.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        let ended = self.0.wait().unwrap();
        assert_eq!(ended.signal(), Some(SIGKILL), "{ended}");
    }

    /// What it says, to be read to the end: nobody who writes to it is to find it closed.
    pub(crate) fn said(&mut self) -> Said {
        let out = self.0.stdout.take().unwrap();
        Said(BufReader::new(out).lines())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines that a life says, until its end.
pub(crate) struct Said(Lines<BufReader<ChildStdout>>);

impl Iterator for Said {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut lines = self.0.by_ref().map_while(Result::ok);
        lines.find_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
    }
}

/// This program once more, for one of its ignored tests, with these variables.
pub(crate) fn begin(test: &str, variables: &[(&str, String)]) -> Life {
    let variables = variables.iter().map(|(name, value)| (*name, value));
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    Life(child.unwrap())
}

/// Says a line to whoever began this life.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("{MARK}{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Says that it is time, and does nothing more until this process is killed, or whoever would do that is gone.
pub(crate) fn halt() -> ! {
    say("reached");
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::exit(1)
}
