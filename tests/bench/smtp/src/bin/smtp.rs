//! Sending: time on the wall, time of the client's processor, and round trips, beside the peers.

use bench_rule::{Bar, Bound, Options, Proxy, Report, SmtpSink, Taken, Trial, Turns};
use bench_smtp::peers::{self, Programs};
use bench_smtp::{Certificate, Job, Sink, message};
use std::process::ExitCode;
use std::time::Duration;

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
    let mut report = Report::new("smtp: time for one mail; us are wall, or processor where it says so", &options);
    let sink = Sink::start().map_err(|e| e.to_string())?;
    small(&options, &mut report, &programs, &sink);
    large(&options, &mut report, &programs, &sink);
    tls(&options, &mut report)?;
    far(&options, &mut report, &programs, &sink)?;
    streamed(&options, &mut report, &sink)?;
    Ok(report.finish())
}

type Send<'c> = Box<dyn Fn(&Job) -> Result<Taken, String> + 'c>;

/// A client, and how many mails of a job are enough for it.
struct Contender<'c> {
    name: &'static str,
    send: Send<'c>,
    /// The share of the mails that it is given: what takes long must not take hours.
    share: f64,
}

fn who<'c>(name: &'static str, send: impl Fn(&Job) -> Result<Taken, String> + 'c) -> Contender<'c> {
    Contender { name, send: Box::new(send), share: 1.0 }
}

impl Contender<'_> {
    fn slow(self, share: f64) -> Self {
        Self { share, ..self }
    }
}

/// Everybody in turn, round after round. Who fails is left out, and a note says why.
fn interleave(options: &Options, report: &mut Report, work: &str, job: &Job, contenders: &[Contender<'_>]) -> Turns {
    let mut trials: Vec<_> = contenders
        .iter()
        .map(|contender| {
            let mails = ((job.mails as f64 * contender.share) as usize).max(2);
            let job = job.times(mails);
            Trial::new(contender.name, mails, move || (contender.send)(&job))
        })
        .collect();
    let turns = Turns::take(if options.quick { 3 } else { 7 }, &mut trials);
    report.turns(work, &turns, job.message.len() as f64 / 1e6, "MB");
    turns
}

const LIBRARIES: &[&str] = &["async-smtp", "lettre", "mail-send", "smtplib", "nodemailer"];

/// 5 KiB on one connection, to Postfix's sink.
fn small(options: &Options, report: &mut Report, programs: &Programs, fast: &Sink) {
    let clients = || {
        vec![
            who("postrider", peers::ours),
            who("postrider, level 1", peers::ours_flight),
            who("async-smtp", peers::async_smtp),
            who("mail-send", peers::mail_send),
            who("smtplib", |job: &Job| programs.smtplib(job)).slow(0.25),
            who("nodemailer", |job: &Job| programs.nodemailer(job)).slow(0.1),
            who("smtp-source", |job: &Job| programs.smtp_source(job)),
        ]
    };
    let to_fast_sink = || {
        let mut clients = clients();
        clients.push(who("lettre", peers::lettre));
        clients.push(who("postrider, level 3", peers::ours_chunked));
        clients
    };
    let mails = if options.quick { 1_000 } else { 4_000 };
    let job = Job { port: fast.port, tls: None, message: message(5_120), recipients: 1, connections: 1, mails };
    let names =
        ["smtp/5 KiB to smtp-sink", "smtp/50 recipients to smtp-sink", "smtp/5 KiB on 20 connections to smtp-sink"];
    match SmtpSink::start() {
        Err(why) => {
            for (name, at_least) in names.into_iter().zip([2.0, 1.5, 1.2]) {
                report.bar(Bar::skipped(name, Bound::AtLeast(at_least), why.to_string()));
            }
        }
        Ok(sink) => {
            if options.wants(names[0]) {
                let mut clients = clients();
                clients.push(who("lettre", peers::lettre).slow(0.005));
                let job = Job { port: sink.port, ..job.clone() };
                let out = interleave(options, report, names[0], &job, &clients);
                report.faster(names[0], 2.0, &out.wall, "postrider", LIBRARIES);
                report.share(&format!("{}, processor", names[0]), 0.334, &out.cpu, "postrider", LIBRARIES);
            }
            if options.wants(names[1]) {
                let job = Job { port: sink.port, recipients: 50, mails: mails / 5, ..job.clone() };
                let out = interleave(options, report, names[1], &job, &clients());
                report.faster(names[1], 1.5, &out.wall, "postrider", LIBRARIES);
            }
            if options.wants(names[2]) {
                let mut clients = clients();
                clients.retain(|client| client.name != "smtplib");
                clients.push(who("lettre", peers::lettre).slow(0.1));
                let job = Job { port: sink.port, connections: 20, ..job.clone() };
                let out = interleave(options, report, names[2], &job, &clients);
                report.faster(names[2], 1.2, &out.wall, "postrider", LIBRARIES);
            }
        }
    }
    let name = "smtp/5 KiB to a fast sink";
    if options.wants(name) {
        let out = interleave(options, report, name, &job, &to_fast_sink());
        report.faster(name, 2.0, &out.wall, "postrider", LIBRARIES);
    }
    let name = "smtp/50 recipients to a fast sink";
    if options.wants(name) {
        let job = Job { recipients: 50, mails: mails / 5, ..job };
        let out = interleave(options, report, name, &job, &to_fast_sink());
        report.faster(name, 1.5, &out.wall, "postrider", LIBRARIES);
    }
}

/// 10 MiB on one connection.
fn large(options: &Options, report: &mut Report, programs: &Programs, sink: &Sink) {
    let name = "smtp/10 MiB to a fast sink";
    if !options.wants(name) {
        return;
    }
    let mails = if options.quick { 5 } else { 20 };
    let job = Job { port: sink.port, tls: None, message: message(10 << 20), recipients: 1, connections: 1, mails };
    let clients = [
        who("postrider", peers::ours),
        who("postrider, level 3", peers::ours_chunked),
        who("lettre", peers::lettre),
        who("mail-send", peers::mail_send),
        who("async-smtp", peers::async_smtp),
        who("smtplib", |job: &Job| programs.smtplib(job)),
        who("nodemailer", |job: &Job| programs.nodemailer(job)),
        who("smtp-source", |job: &Job| programs.smtp_source(job)),
    ];
    let out = interleave(options, report, name, &job, &clients);
    report.faster(name, 4.0, &out.wall, "postrider", &["lettre"]);
}

/// TLS from the first byte, one connection.
fn tls(options: &Options, report: &mut Report) -> Result<(), String> {
    let name = "smtp/5 KiB over TLS";
    if !options.wants(name) {
        return Ok(());
    }
    let sink = Sink::start_tls().map_err(|e| e.to_string())?;
    let certificate: Option<Certificate> = sink.certificate.clone();
    let mails = if options.quick { 1_000 } else { 4_000 };
    let job = Job { port: sink.port, tls: certificate, message: message(5_120), recipients: 1, connections: 1, mails };
    let clients = [who("postrider", peers::ours), who("lettre", peers::lettre), who("mail-send", peers::mail_send)];
    let out = interleave(options, report, name, &job, &clients);
    report.faster(name, 3.0, &out.wall, "postrider", &["lettre"]);
    report.share("smtp/5 KiB over TLS, processor", 0.334, &out.cpu, "postrider", &["lettre"]);
    Ok(())
}

/// 20 ms there and back.
fn far(options: &Options, report: &mut Report, programs: &Programs, sink: &Sink) -> Result<(), String> {
    let name = "smtp/20 ms away";
    if !options.wants(name) {
        return Ok(());
    }
    let proxy = Proxy::start(sink.port, Duration::from_millis(20)).map_err(|e| e.to_string())?;
    // The first mail of a session has nothing to share a flight with: enough mails that it does not count for much.
    let job = Job { port: proxy.port, tls: None, message: message(5_120), recipients: 1, connections: 1, mails: 100 };
    let clients = [
        who("postrider", peers::ours),
        who("postrider, level 1", peers::ours_flight),
        who("postrider, level 3", peers::ours_chunked).slow(20.0),
        who("nodemailer", |job: &Job| programs.nodemailer(job)),
        who("async-smtp", peers::async_smtp).slow(0.25),
        who("lettre", peers::lettre).slow(0.25),
        who("mail-send", peers::mail_send).slow(0.25),
        who("smtplib", |job: &Job| programs.smtplib(job)).slow(0.25),
        who("smtp-source", |job: &Job| programs.smtp_source(job)).slow(0.25),
    ];
    let out = interleave(options, report, name, &job, &clients);
    report.faster(name, 2.0, &out.wall, "postrider", &["nodemailer"]);
    report.faster("smtp/20 ms away, level 3", 20.0, &out.wall, "postrider, level 3", &["nodemailer"]);
    for recipients in [1, 50] {
        let job = Job { recipients, ..job.clone() };
        let bounds = [Some(1.0), Some(2.0), Some(0.25)].into_iter().chain(std::iter::repeat(None));
        for (client, at_most) in clients.iter().zip(bounds) {
            flights(report, &proxy, &job, client, at_most);
        }
    }
    Ok(())
}

/// How many flights one more mail costs: what the session costs is subtracted.
fn flights(report: &mut Report, proxy: &Proxy, job: &Job, client: &Contender<'_>, at_most: Option<f64>) {
    // Who waits for each recipient takes a second a mail for fifty.
    let (few, many) = if client.share > 1.0 { (40, 240) } else { (2, 12 / job.recipients.min(4)) };
    let count = |mails| {
        let before = proxy.flights();
        (client.send)(&job.times(mails)).map(|_| (proxy.flights() - before) as f64)
    };
    let Ok((few_cost, many_cost)) = count(few).and_then(|few| count(many).map(|many| (few, many))) else {
        return;
    };
    let each = (many_cost - few_cost) / (many - few) as f64;
    let whom = if job.recipients == 1 { "" } else { ", 50 recipients" };
    report.row(&format!("round trips for one more mail{whom}"), client.name, format!("{each:.3}"), String::new());
    if let Some(at_most) = at_most {
        let name = format!("smtp/round trips a mail{whom}, {}", client.name);
        report.bar(Bar::of_ratios(&name, Bound::AtMost(at_most), &[each], (each, f64::NAN), "round trips"));
    }
}

/// What a mail that is read while it is sent needs of memory: a large one against a small one.
fn streamed(options: &Options, report: &mut Report, sink: &Sink) -> Result<(), String> {
    let name = "smtp/peak memory, 100 MiB streamed against 1 MiB";
    if !options.wants(name) {
        return Ok(());
    }
    // So that what is allocated once is there already.
    peers::ours_streamed(sink.port, 1 << 20)?;
    let peak = |octets| {
        // Takes the peak back to what is resident now.
        std::fs::write("/proc/self/clear_refs", "5").map_err(|e| e.to_string())?;
        let before = resident("VmRSS:")?;
        peers::ours_streamed(sink.port, octets)?;
        Ok::<_, String>((resident("VmHWM:")? - before).max(0.0))
    };
    let (small, large) = (peak(1 << 20)?, peak(100 << 20)?);
    for (what, more) in [("1 MiB", small), ("100 MiB", large)] {
        report.row("peak memory above what there was", what, format!("{more:.2} MiB"), String::new());
    }
    let more = [large - small];
    report.bar(Bar::of_ratios(name, Bound::AtMost(1.0), &more, (large, small), "MiB more"));
    Ok(())
}

/// A line about the memory of this process, in MiB.
fn resident(what: &str) -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let line = status.lines().find(|line| line.starts_with(what)).ok_or("no such line in the status")?;
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
    Ok(kib.ok_or("no number in the status")? / 1024.0)
}
