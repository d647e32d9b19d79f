use crate::bar::{Bar, Bound, Verdict};
use crate::{Measured, Options, Turns};
use std::process::ExitCode;

/// What a run found: a table for people, and the bars as JSON lines.
#[derive(Debug)]
pub struct Report {
    options: Options,
    title: String,
    rows: Vec<[String; 4]>,
    bars: Vec<Bar>,
    notes: Vec<String>,
}

impl Report {
    /// An empty report.
    pub fn new(title: &str, options: &Options) -> Self {
        Self { options: options.clone(), title: title.into(), rows: Vec::new(), bars: Vec::new(), notes: Vec::new() }
    }

    /// A row of the table for each contender; `amount` of `unit` is what one piece of work moves, such as megabytes.
    pub fn rows(&mut self, work: &str, measured: &[Measured], amount: f64, unit: &str) {
        for contender in measured {
            self.row_of(work, contender, amount, unit, &measured[0]);
        }
    }

    /// A row of the table for one contender, compared with another.
    pub fn row_of(&mut self, work: &str, contender: &Measured, amount: f64, unit: &str, against: &Measured) {
        let took = contender.median();
        let rate = figure(amount / took * 1e6);
        self.rows.push([
            work.into(),
            contender.name.into(),
            format!("{} {} = {rate} {unit}/s", figure(took), contender.unit),
            format!("{:.2}", took / against.median()),
        ]);
    }

    /// Rows for turns, on the wall and of the processor, and a note for each who failed; `amount` is for one thing.
    pub fn turns(&mut self, work: &str, turns: &Turns, amount: f64, unit: &str) {
        self.rows(work, &turns.wall, amount, unit);
        self.rows(&format!("{work}, processor"), &turns.cpu, amount, unit);
        for (who, why) in &turns.failed {
            self.note(format!("{work}: {who} left out: {why}"));
        }
    }

    /// A bar against the fastest of some peers; skipped if none of them, or not even we, could be measured.
    pub fn faster(&mut self, name: &str, at_least: f64, measured: &[Measured], ours: &str, peers: &[&str]) {
        self.bar(match (Measured::find(measured, ours), Measured::best(measured, peers)) {
            (Some(ours), Some(peer)) => Bar::faster(&format!("{name} vs {}", peer.name), at_least, ours, peer),
            _ => Bar::skipped(&format!("{name} vs {}", peers.join(", ")), Bound::AtLeast(at_least), "see the notes"),
        });
    }

    /// A bar on the share of what the cheapest of some peers takes.
    pub fn share(&mut self, name: &str, at_most: f64, measured: &[Measured], ours: &str, peers: &[&str]) {
        self.bar(match (Measured::find(measured, ours), Measured::best(measured, peers)) {
            (Some(ours), Some(peer)) => Bar::share(&format!("{name} vs {}", peer.name), at_most, ours, peer),
            _ => Bar::skipped(&format!("{name} vs {}", peers.join(", ")), Bound::AtMost(at_most), "see the notes"),
        });
    }

    /// A row of the table with any figure.
    pub fn row(&mut self, work: &str, who: &str, what: String, against: String) {
        self.rows.push([work.into(), who.into(), what, against]);
    }

    /// Adds a bar.
    pub fn bar(&mut self, bar: Bar) {
        self.bars.push(bar);
    }

    /// Adds a line below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Prints everything. The exit code is 0 unless a bar does not hold and `--strict` was said.
    pub fn finish(self) -> ExitCode {
        println!("== {}", self.title);
        self.print_rows();
        println!();
        for bar in &self.bars {
            println!("{}", line(bar));
        }
        for note in &self.notes {
            println!("note: {note}");
        }
        println!();
        for bar in &self.bars {
            println!("{}", bar.json());
        }
        let failed = self.bars.iter().filter(|b| b.holds() == Some(false)).count();
        if failed > 0 && self.options.strict { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn print_rows(&self) {
        let heading = ["work", "who", "figure", "to ours"].map(String::from);
        let all = || std::iter::once(&heading).chain(&self.rows);
        let width = |column: usize| all().map(|r| r[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..4).map(width).collect();
        let mut last = "";
        for row in all() {
            let work = if row[0] == last { "" } else { &row[0] };
            println!(
                "{:<w0$}  {:<w1$}  {:<w2$}  {:>w3$}",
                work,
                row[1],
                row[2],
                row[3],
                w0 = widths[0],
                w1 = widths[1],
                w2 = widths[2],
                w3 = widths[3]
            );
            last = &row[0];
        }
    }
}

fn line(bar: &Bar) -> String {
    let bound = match bar.bound {
        Bound::AtLeast(bound) => format!(">= {bound}"),
        Bound::AtMost(bound) => format!("<= {bound}"),
    };
    match &bar.verdict {
        Verdict::Measured { ratio, spread, .. } => format!(
            "{} {:<48} {:>9} {bound:<9} ({} to {})",
            if bar.holds() == Some(true) { "ok  " } else { "MISS" },
            bar.name,
            figure(*ratio),
            figure(spread.0),
            figure(spread.1),
        ),
        Verdict::Skipped(why) => format!("skip {:<48} {:>9} {bound:<9} {why}", bar.name, "-"),
    }
}

/// Three digits that count.
fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
