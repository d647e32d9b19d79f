//! A sync that lives until it is killed, or done.

use crate::points::Point;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// As Linux and the BSDs number it.
const SIGKILL: i32 = 9;

/// What stands in front of each line that a life says; the test harness prints others.
const MARK: &str = "life says: ";

/// What a life is told.
pub(crate) const FOLDER: &str = "POSTRIDER_LIFE_FOLDER";
pub(crate) const PORT: &str = "POSTRIDER_LIFE_PORT";
pub(crate) const STORE: &str = "POSTRIDER_LIFE_STORE";
pub(crate) const DIES_AT: &str = "POSTRIDER_LIFE_DIES_AT";

/// Where a sync stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Maildir,
    Mbox,
}

/// What a sync is begun with.
pub(crate) struct Begin<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) port: u16,
    pub(crate) kind: Kind,
    pub(crate) dies_at: Option<Point>,
}

/// A process, killed at the latest when the test ends.
pub(crate) struct Life(Child);

impl Begin<'_> {
    /// Begins it.
    pub(crate) fn life(&self) -> Life {
        self.begin(Command::new(std::env::current_exe().unwrap()))
    }

    /// The same where no file may grow beyond 2 KiB: to whoever writes, the disk is full.
    pub(crate) fn on_a_full_disk(&self) -> Life {
        let mut shell = Command::new("sh");
        // The blocks of `ulimit` have 512 octets, and in some shells 1,024.
        let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"";
        shell.args(["-c", script]);
        shell.arg(std::env::current_exe().unwrap());
        self.begin(shell)
    }

    fn begin(&self, mut program: Command) -> Life {
        let dies_at = self.dies_at.map(|point| format!("{point:?}"));
        let child = program
            .args(["--exact", "points::a_life_that_syncs"])
            .args(["--ignored", "--nocapture"])
            .env(FOLDER, self.folder)
            .env(PORT, self.port.to_string())
            .env(STORE, format!("{:?}", self.kind))
            .env(DIES_AT, dies_at.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Life(child.unwrap())
    }
}

impl Life {
    /// Ends it by SIGKILL, and by nothing else.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        let ended = self.0.wait().unwrap();
        assert_eq!(ended.signal(), Some(SIGKILL), "{ended}");
    }

    /// What it says.
    pub(crate) fn said(&mut self) -> Said {
        let out = self.0.stdout.take().unwrap();
        Said(BufReader::new(out).lines())
    }

    /// What it says last, when it has come to its end.
    pub(crate) fn last_words(mut self) -> String {
        let last = self.said().last().unwrap_or_default();
        let ended = self.0.wait().unwrap();
        assert!(ended.success(), "{ended}: {last}");
        last
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
