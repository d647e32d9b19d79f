//! From an event to the mail on the wire and in the log, beside the peers, all into one smtp-sink.

use bench_notify::alertmanager::Alertmanager;
use bench_notify::million::{Million, QUESTIONS};
use bench_notify::ours;
use bench_notify::programs::Programs;
use bench_rule::{Bar, Bound, Options, Report, SmtpSink, Trial, Turns};
use std::process::ExitCode;

const BARS: &[(&str, f64, &str, &str)] = &[
    ("notify/durable", 20.0, "postrider", "python, 3 commits a mail"),
    ("notify/durable", 10.0, "postrider", "python, 50 mails a commit"),
    ("notify/durable", 1.5, "postrider", "alertmanager"),
    ("notify/durable", 0.2, "postrider", "smtp-source"),
    ("notify/render and send", 5.0, "postrider, no store", "nodemailer"),
];

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
    let programs = Programs::find()?;
    let sink = SmtpSink::start().map_err(|e| e.to_string())?;
    let mut report = Report::new("notify: event, match, render, outbox, SMTP; time on the wall for one mail", &options);
    let alertmanager = Alertmanager::start(&programs, sink.port);
    let scale = if options.quick { 1 } else { 4 };
    let (port, programs) = (sink.port, &programs);
    let mut trials = vec![
        Trial::new("postrider", 2000 * scale, move || ours::durable(port, 2000 * scale)),
        Trial::new("postrider, no store", 1000 * scale, move || ours::without_store(port, 1000 * scale)),
        Trial::new("python, 3 commits a mail", 50 * scale, move || programs.python(port, 50 * scale, 1)),
        Trial::new("python, 50 mails a commit", 100 * scale, move || programs.python(port, 100 * scale, 50)),
        Trial::new("nodemailer", 200 * scale, move || programs.nodemailer(port, 200 * scale)),
        Trial::new("smtp-source", 2000 * scale, move || programs.smtp_source(port, 2000 * scale)),
        Trial::new("alertmanager", 500, || match &alertmanager {
            Ok(manager) => manager.round(500),
            Err(why) => Err(why.clone()),
        }),
    ];
    let turns = Turns::take(if options.quick { 3 } else { 7 }, &mut trials);
    report.turns("notify", &turns, 1.0, "mails");
    for (name, at_least, ours, peer) in BARS {
        if !options.wants(name) {
            continue;
        }
        match turns.failed.iter().find(|(who, _)| who == peer || who == ours) {
            Some((who, why)) => report.bar(Bar::skipped(name, Bound::AtLeast(*at_least), format!("{who}: {why}"))),
            None => report.faster(name, *at_least, &turns.wall, ours, &[peer]),
        }
    }
    if options.wants(MILLION) {
        million(&mut report, if options.quick { 5 } else { 15 });
    }
    Ok(report.finish())
}

const MILLION: &str = "notify/a million rows";

/// Milliseconds that a command which reads the log may take, from its start to its end.
const AT_MOST: Bound = Bound::AtMost(100.0);

fn million(report: &mut Report, rounds: usize) {
    let million = match Million::fill() {
        Ok(million) => million,
        Err(why) => return report.bar(Bar::skipped(MILLION, AT_MOST, why)),
    };
    for (question, words) in QUESTIONS {
        let name = format!("{MILLION}: {question}");
        // The first time, what is read comes from the disk.
        let taken: Result<Vec<f64>, String> = (0..=rounds).map(|_| million.ask(words)).collect();
        report.bar(match taken {
            Ok(taken) => {
                let warm = taken.get(1..).unwrap_or_default();
                Bar::of_ratios(&name, AT_MOST, warm, (bench_rule::median(warm), 100.0), "ms")
            }
            Err(why) => Bar::skipped(&name, AT_MOST, why),
        });
    }
}
