//! From a maildrop of Dovecot's to incidents, beside the loop that one writes in Python.

use bench_notify::incoming;
use bench_pop3::{Dovecot, PASSWORD};
use bench_rule::{Bar, Bound, Options, Report, Trial, Turns};
use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;

const NAME: &str = "notify/incoming";
const EACH: &str = "python, 2 commits a mail";
const MANY: &str = "python, 50 mails a commit";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(64)
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let options = Options::from_command_line()?;
    let mut report =
        Report::new("notify, incoming: fetch, store, delete, classify, an incident each; time for one mail", &options);
    if !options.wants(NAME) {
        return Ok(report.finish());
    }
    let scripts = std::env::var_os("BENCH_SCRIPTS").ok_or("BENCH_SCRIPTS is not set: start it with tests/bench/run")?;
    let script = PathBuf::from(scripts).join("fetch.py");
    match Dovecot::start() {
        Err(why) => report.bar(Bar::skipped(NAME, Bound::AtLeast(10.0), why.to_string())),
        Ok(dovecot) => measure(&options, &mut report, &RefCell::new(dovecot), &script)?,
    }
    Ok(report.finish())
}

/// Where our time goes, for one mail.
fn steps(report: &mut Report, mails: usize, filled: impl Fn() -> Result<u16, String>) -> Result<(), String> {
    let port = filled()?;
    let fetched = bench_pop3::clients::drain(port, "durable", mails)?;
    for (step, took) in bench_notify::steps::steps(port, "durable", PASSWORD, mails, fetched)? {
        let each = format!("{:.1} us", took.as_secs_f64() * 1e6 / mails as f64);
        report.row("where our time goes, one after another", step, each, String::new());
    }
    Ok(())
}

fn measure(
    options: &Options,
    report: &mut Report,
    dovecot: &RefCell<Dovecot>,
    script: &std::path::Path,
) -> Result<(), String> {
    let (all, some, few) = if options.quick { (2_000, 500, 100) } else { (5_000, 1_000, 500) };
    let filled = |count| -> Result<u16, String> {
        let mut dovecot = dovecot.borrow_mut();
        dovecot.fill("durable", count, 5_200).map_err(|e| e.to_string())?;
        Ok(dovecot.port)
    };
    let python = |mails, together| incoming::python(script, filled(mails)?, "durable", PASSWORD, mails, together);
    let turns = Turns::take(
        if options.quick { 3 } else { 5 },
        &mut [
            Trial::new("postrider", all, || incoming::ours(filled(all)?, "durable", PASSWORD, all)),
            Trial::new(EACH, few, || python(few, 1)),
            Trial::new(MANY, some, || python(some, 50)),
        ],
    );
    report.turns(NAME, &turns, 1.0, "mails");
    steps(report, all, || filled(all))?;
    for peer in [EACH, MANY] {
        match turns.failed.iter().find(|(who, _)| *who == "postrider" || *who == peer) {
            Some((who, why)) => report.bar(Bar::skipped(NAME, Bound::AtLeast(10.0), format!("{who}: {why}"))),
            None => report.faster(NAME, 10.0, &turns.wall, "postrider", &[peer]),
        }
    }
    Ok(())
}
