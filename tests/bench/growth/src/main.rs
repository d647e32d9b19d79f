//! Growth: the time for an input as a power of its size. Linear work has the exponent 1, quadratic work 2.
//!
//! Each input is made in four sizes, and each size is read several times in turn, in processor time. The exponent is the
//! slope of the line through the logarithms of the fastest rounds. What lies above the bar is measured again, as something else
//! may have used the processor: the fastest rounds of all count. Every input that scales in the catalogue of hostile
//! inputs is measured as well, if `POSTRIDER_CATALOGUE` names it, and in its whole size too, which may take a tenth of a second.
//! `--search` looks for inputs that nobody has thought of.

mod catalogue;
mod dialogue;
mod everything;
mod fit;
mod inbound;
mod mail;
mod search;

use bench_rule::{Bar, Bound, Contender, Options, Report, interleave};
use std::process::ExitCode;

/// What an exponent may be: caches are left behind on the way.
const AT_MOST: f64 = 1.15;
const TIMES: [usize; 4] = [1, 2, 4, 8];
/// How often an input that lies above it is measured.
const TRIES: usize = 3;
/// What the whole of a catalogue's input may take, in seconds of the processor.
const WHOLE_AT_MOST: f64 = 0.1;

/// An input that scales.
struct Input {
    name: String,
    /// What it is read by.
    read: fn(&[u8]) -> usize,
    /// It, so many times as large as at first.
    make: Box<dyn Fn(usize) -> Vec<u8>>,
    /// How many times as large it is in whole, where its time has a bound.
    whole: Option<usize>,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--search") {
        return ExitCode::from(u8::from(search::search() > 0));
    }
    let options = match Options::from_command_line() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(64);
        }
    };
    let mut report = Report::new("growth: the time as a power of the size, 1 to 8 times the input", &options);
    let inputs = mail::inputs().into_iter().chain(dialogue::inputs()).chain(inbound::inputs());
    match catalogue::inputs() {
        Some(entries) => inputs.chain(entries).for_each(|input| measure(&mut report, &options, &input)),
        None => {
            inputs.for_each(|input| measure(&mut report, &options, &input));
            let bound = Bound::AtMost(AT_MOST);
            report.bar(Bar::skipped("growth/catalogue", bound, "POSTRIDER_CATALOGUE is not set"));
        }
    }
    report.finish()
}

fn measure(report: &mut Report, options: &Options, input: &Input) {
    let name = format!("growth/{}", input.name);
    if !options.wants(&name) {
        return;
    }
    let made = TIMES.map(|times| (input.make)(times));
    let mut points = made.each_ref().map(|made| (made.len() as f64, f64::INFINITY));
    let mut exponent = f64::INFINITY;
    for _ in 0..TRIES {
        for (point, fastest) in points.iter_mut().zip(fastest(options, input.read, &made)) {
            point.1 = point.1.min(fastest);
        }
        exponent = fit::exponent(&points);
        if exponent <= AT_MOST {
            break;
        }
    }
    let (small, large) = (points[0], points[TIMES.len() - 1]);
    report.row(
        &input.name,
        "8 times",
        format!("{:.0} us for {:.0} KB", large.1, large.0 / 1e3),
        format!("n^{exponent:.2}"),
    );
    report.bar(Bar::of_ratios(&name, Bound::AtMost(AT_MOST), &[exponent], (large.1, small.1), "us"));
    if let Some(times) = input.whole {
        let taken = fastest(options, input.read, &[(input.make)(times)])[0];
        let name = format!("{name}, whole");
        let seconds = taken / 1e6;
        report.bar(Bar::of_ratios(&name, Bound::AtMost(WHOLE_AT_MOST), &[seconds], (taken, 1e6), "us"));
    }
}

/// The fastest round of each, in microseconds.
fn fastest(options: &Options, read: fn(&[u8]) -> usize, made: &[Vec<u8>]) -> Vec<f64> {
    let mut sizes: Vec<_> = made.iter().map(|made| Contender::new("size", move || read(made))).collect();
    let measured = interleave(options, &mut sizes);
    measured.iter().map(|taken| taken.rounds.iter().copied().fold(f64::INFINITY, f64::min)).collect()
}
