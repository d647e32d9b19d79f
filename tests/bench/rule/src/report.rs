use crate::bar::{Bar, Bound, Verdict};
use crate::{Measured, Options};
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
