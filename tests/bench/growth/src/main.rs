//! Growth: the time for an input as a power of its size. Linear work has the exponent 1, quadratic work 2.
//!
//! Each input is made in four sizes, and each size is read several times in turn, in processor time. The exponent is the
//! slope of the line through the logarithms of the fastest rounds. Every input that scales in the catalogue of hostile
//! inputs is measured as well, if `POSTRIDER_CATALOGUE` names it. `--search` looks for inputs that nobody has thought of.

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

/// An input that scales.
struct Input {
    name: String,
    /// What it is read by.
    read: fn(&[u8]) -> usize,
    /// It, so many times as large as at first.
    make: Box<dyn Fn(usize) -> Vec<u8>>,
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
    let read = input.read;
    let mut sizes: Vec<_> = made.iter().zip(["1", "2", "4", "8"]).map(|(m, n)| Contender::new(n, || read(m))).collect();
    let measured = interleave(options, &mut sizes);
    let fastest = |rounds: &[f64]| rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let points: Vec<(f64, f64)> =
        made.iter().zip(&measured).map(|(m, taken)| (m.len() as f64, fastest(&taken.rounds))).collect();
    let exponent = fit::exponent(&points);
    let (small, large) = (points[0], points[TIMES.len() - 1]);
    report.row(
        &input.name,
        "8 times",
        format!("{:.0} us for {:.0} KB", large.1, large.0 / 1e3),
        format!("n^{exponent:.2}"),
    );
    report.bar(Bar::of_ratios(&name, Bound::AtMost(AT_MOST), &[exponent], (large.1, small.1), "us"));
}
