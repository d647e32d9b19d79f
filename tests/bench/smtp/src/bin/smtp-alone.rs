//! One kind of mail of ours again and again, with no peer: something to hold a profiler to.
//!
//! `smtp-alone small|recipients|large|tls|crowd [MAILS]`. The sink is a thread of the same process, of another name;
//! `crowd` is 20 connections to Postfix's smtp-sink.

use bench_rule::SmtpSink;
use bench_smtp::{Job, Sink, message, peers};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(64)
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_default();
    let mails = arguments.next().and_then(|n| n.parse().ok());
    let (size, recipients, default) = match kind.as_str() {
        "small" | "tls" | "crowd" => (5_120, 1, 50_000),
        "recipients" => (5_120, 50, 10_000),
        "large" => (10 << 20, 1, 200),
        _ => return Err("which? small recipients large tls crowd".into()),
    };
    let sink = if kind == "tls" { Sink::start_tls() } else { Sink::start() }.map_err(|e| e.to_string())?;
    let crowd = if kind == "crowd" { Some(SmtpSink::start().map_err(|e| e.to_string())?) } else { None };
    let job = Job {
        port: crowd.as_ref().map_or(sink.port, |sink| sink.port),
        tls: sink.certificate,
        message: message(size),
        recipients,
        mails: mails.unwrap_or(default),
        connections: if crowd.is_some() { 20 } else { 1 },
    };
    for (level, send) in [("2", peers::ours as peers::Client), ("1", peers::ours_flight), ("3", peers::ours_chunked)] {
        let taken = send(&job)?;
        let each = |time: std::time::Duration| time.as_secs_f64() * 1e6 / job.mails as f64;
        println!("level {level}: {:.1} us, processor {:.1} us", each(taken.wall), taken.cpu.map_or(0.0, each));
    }
    Ok(())
}
