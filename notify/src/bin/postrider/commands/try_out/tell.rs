//! Telling the story: headings, what was said on the wire, what was checked, and a table at the end.

use crate::output::{self, Style, foreign, lines, paint};
use postrider_wire::{Line, Speaker, Transcript};
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

/// What did not turn out as it should.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl<E: std::error::Error> From<E> for Broken {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Tells the story and remembers what was checked.
#[derive(Default)]
pub(super) struct Teller {
    steps: usize,
    checked: Vec<Vec<String>>,
}

impl Teller {
    /// Begins a part of the story.
    pub(super) fn part(&self, text: &str) {
        output::line(format!("\n{}", paint(Style::Head, &format!("══ {text}"))));
    }

    /// Begins a step.
    pub(super) fn step(&mut self, text: &str) {
        self.steps += 1;
        let heading = format!("── {}. {text}", self.steps);
        output::line(format!("\n{}", paint(Style::Head, &heading)));
    }

    /// Says something; every line is indented.
    pub(super) fn say(&self, text: impl Display) {
        for line in lines(&text.to_string()).lines() {
            output::line(format!("   {line}").trim_end());
        }
    }

    /// Shows a dialogue, every line of it.
    pub(super) fn dialogue(&self, dialogue: &Dialogue) {
        self.lines(&dialogue.take());
    }

    /// Shows a dialogue from the log-in on; greeting, capabilities and TLS were seen before.
    pub(super) fn dialogue_after_login(&self, dialogue: &Dialogue) {
        let lines = dialogue.take();
        let at = after_login(&lines);
        if at > 0 {
            let skipped = format!("   *  … {at} lines of greeting, STARTTLS and log-in, as before");
            output::line(paint(Style::Dim, &skipped));
        }
        self.lines(lines.get(at..).unwrap_or_default());
    }

    fn lines(&self, lines: &[Line]) {
        for line in lines {
            let shown = format!("   {line}");
            output::line(match line.speaker {
                Speaker::Note => paint(Style::Dim, &shown),
                _ => shown,
            });
        }
    }

    /// Checks something; what is true is said, what is not ends the story.
    pub(super) fn check(
        &mut self,
        holds: bool,
        what: impl Display,
        otherwise: impl Display,
    ) -> Result<(), Broken> {
        let what = what.to_string();
        if !holds {
            return Err(Broken(format!(
                "this should hold and does not: {what} ({otherwise})"
            )));
        }
        output::line(format!("   {} {}", paint(Style::Good, "✓"), foreign(&what)));
        self.checked.push(vec![self.steps.to_string(), what]);
        Ok(())
    }

    /// The table of everything that was checked.
    pub(super) fn summary(&self) {
        self.part("What was checked");
        output::line(output::table(&["STEP", "HOLDS"], &self.checked));
    }
}

/// Where the dialogue behind the log-in begins, and behind the capabilities that are asked for once more.
fn after_login(lines: &[Line]) -> usize {
    let says = |line: &Line, who: Speaker, words: &str| {
        line.speaker == who && line.text.starts_with(words)
    };
    let auth = lines
        .iter()
        .rposition(|line| says(line, Speaker::Client, "AUTH"));
    let Some(auth) = auth else {
        return 0;
    };
    let rest = || lines.iter().enumerate().skip(auth + 1);
    let next = rest().find(|(_, line)| line.speaker == Speaker::Client);
    match next {
        Some((at, line)) if says(line, Speaker::Client, "CAPA") => {
            let end = rest()
                .skip(at - auth)
                .find(|(_, line)| says(line, Speaker::Server, "."));
            end.map_or(at, |(end, _)| end + 1)
        }
        Some((at, _)) => at,
        None => 0,
    }
}

/// A transcript whose lines are shown once.
#[derive(Clone)]
pub(super) struct Dialogue {
    pub(super) transcript: Transcript,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Dialogue {
    pub(super) fn new() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let transcript = Transcript::to(move |line| {
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        });
        Self { transcript, lines }
    }

    fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
