//! Fetching: time, processor and memory, near and far, beside the peers.

use bench_pop3::{Dovecot, clients, programs, raw};
use bench_rule::{Bar, Bound, Options, Proxy, Report, Trial, Turns};
use std::cell::RefCell;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// A mail of a person.
const SMALL: usize = 5_200;
/// A mail with films.
const LARGE: usize = 10 << 20;

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
        Report::new("pop3: time for one mail, the session shared out; programs include their start", &options);
    match Dovecot::start() {
        Err(why) => skip(&mut report, &why.to_string()),
        Ok(dovecot) => {
            let dovecot = RefCell::new(dovecot);
            near(&options, &mut report, &dovecot)?;
            large(&options, &mut report, &dovecot)?;
            far(&options, &mut report, &dovecot)?;
            durable(&options, &mut report, &dovecot)?;
        }
    }
    Ok(report.finish())
}

const NEAR: &str = "pop3/small mails near by";
const BIG: &str = "pop3/10 MiB mails near by";
const FAR: &str = "pop3/20 ms away, thrown away";
const DURABLE: &str = "pop3/20 ms away, on disk before DELE";

fn skip(report: &mut Report, why: &str) {
    for (name, at_most) in [
        (NEAR, 1.15),
        ("pop3/small mails near by, processor", 2.0),
        ("pop3/memory for 10 MiB mails, MiB", 16.0),
        (DURABLE, 0.5),
    ] {
        report.bar(Bar::skipped(name, Bound::AtMost(at_most), why));
    }
}

fn rounds(options: &Options) -> usize {
    if options.quick { 3 } else { 7 }
}

fn fill(dovecot: &RefCell<Dovecot>, user: &str, count: usize, size: usize) -> Result<u16, String> {
    let mut dovecot = dovecot.borrow_mut();
    dovecot.fill(user, count, size).map_err(|e| e.to_string())?;
    Ok(dovecot.port)
}

/// Everything fetched over the loopback, nothing deleted.
fn near(options: &Options, report: &mut Report, dovecot: &RefCell<Dovecot>) -> Result<(), String> {
    if !options.wants(NEAR) {
        return Ok(());
    }
    let count = if options.quick { 2_000 } else { 20_000 };
    let port = fill(dovecot, "small", count, SMALL)?;
    fill(dovecot, "few", 1_000, SMALL)?;
    let folder = dovecot.borrow().scratch().to_owned();
    // The figures are for one mail; who asks for one after the other needs no more to be known by.
    let few = 1_000;
    let turns = Turns::take(
        rounds(options),
        &mut [
            Trial::new("postrider", count, || clients::drain(port, "small", count)),
            Trial::new("raw, 64 in flight", count, || raw::drain(port, "small", count, 64)),
            Trial::new("raw, 1 in flight", count, || raw::drain(port, "small", count, 1)),
            Trial::new("poplib", few, || programs::poplib(port, "small", few)),
            Trial::new("curl", few, || programs::curl(port, "small", few)),
            Trial::new("async-pop", few, || clients::async_pop(port, "small", few)),
            Trial::new("mpop (into mbox)", few, || programs::mpop(port, "few", &folder, true)),
            Trial::new("getmail (into mbox)", 50, || programs::getmail(port, "small", 50, &folder)),
            Trial::new("fetchmail (into /dev/null)", few, || programs::fetchmail(port, "few", &folder)),
        ],
    );
    report.turns(NEAR, &turns, SMALL as f64 / 1e6, "MB");
    report.share(NEAR, 1.15, &turns.wall, "postrider", &["raw, 64 in flight"]);
    report.share("pop3/small mails near by, processor", 2.0, &turns.cpu, "postrider", &["raw, 64 in flight"]);
    report.faster("pop3/small mails near by, poplib", 5.0, &turns.wall, "postrider", &["poplib"]);
    let peers = ["curl", "mpop (into mbox)", "getmail (into mbox)", "fetchmail (into /dev/null)"];
    report.faster(NEAR, 2.0, &turns.wall, "postrider", &peers);
    // It neither unstuffs dots nor keeps the last line ending: near by, the server is all that it waits for.
    report.faster(NEAR, 1.0, &turns.wall, "postrider", &["async-pop"]);
    Ok(())
}

/// Large mails over the loopback: time, and the memory of a process that does nothing else.
fn large(options: &Options, report: &mut Report, dovecot: &RefCell<Dovecot>) -> Result<(), String> {
    if !options.wants(BIG) {
        return Ok(());
    }
    let count = if options.quick { 8 } else { 40 };
    let port = fill(dovecot, "large", count, LARGE)?;
    let folder = dovecot.borrow().scratch().to_owned();
    let turns = Turns::take(
        rounds(options),
        &mut [
            Trial::new("postrider", count, || clients::drain(port, "large", count)),
            Trial::new("raw, 64 in flight", count, || raw::drain(port, "large", count, 64)),
            Trial::new("curl", count, || programs::curl(port, "large", count)),
            Trial::new("poplib", 4, || programs::poplib(port, "large", 4)),
            Trial::new("async-pop", 1, || clients::async_pop(port, "large", 1)),
            Trial::new("mpop (into mbox)", count, || programs::mpop(port, "large", &folder, true)),
            Trial::new("fetchmail (into /dev/null)", count, || programs::fetchmail(port, "large", &folder)),
        ],
    );
    report.turns(BIG, &turns, LARGE as f64 / 1e6, "MB");
    report.share(BIG, 1.15, &turns.wall, "postrider", &["raw, 64 in flight"]);
    let peers = ["curl", "poplib", "async-pop", "mpop (into mbox)", "fetchmail (into /dev/null)"];
    report.faster(BIG, 1.0, &turns.wall, "postrider", &peers);
    let name = "pop3/memory for 10 MiB mails, MiB";
    let program = std::env::current_exe().map_err(|e| e.to_string())?.with_file_name("pop3-drain");
    let output = Command::new(program).args([&port.to_string(), "large", &count.to_string()]).output();
    let output = output.map_err(|e| e.to_string())?;
    report.bar(match String::from_utf8_lossy(&output.stdout).trim().parse::<f64>() {
        Ok(kib) => Bar::of_ratios(name, Bound::AtMost(16.0), &[kib / 1024.0], (kib / 1024.0, f64::NAN), "MiB"),
        Err(_) => Bar::skipped(name, Bound::AtMost(16.0), String::from_utf8_lossy(&output.stderr)),
    });
    Ok(())
}

/// 20 ms there and back, nothing kept.
fn far(options: &Options, report: &mut Report, dovecot: &RefCell<Dovecot>) -> Result<(), String> {
    if !options.wants(FAR) {
        return Ok(());
    }
    let count = 1_000;
    let port = fill(dovecot, "far", count, SMALL)?;
    let proxy = Proxy::start(port, Duration::from_millis(20)).map_err(|e| e.to_string())?;
    let port = proxy.port;
    let turns = Turns::take(
        if options.quick { 1 } else { 5 },
        &mut [
            Trial::new("postrider", count, || clients::drain(port, "far", count)),
            Trial::new("raw, 64 in flight", count, || raw::drain(port, "far", count, 64)),
            Trial::new("raw, 1,024 in flight", count, || raw::drain(port, "far", count, 1_024)),
            Trial::new("poplib", 50, || programs::poplib(port, "far", 50)),
            Trial::new("curl", 50, || programs::curl(port, "far", 50)),
            Trial::new("async-pop", 50, || clients::async_pop(port, "far", 50)),
        ],
    );
    report.turns(FAR, &turns, SMALL as f64 / 1e6, "MB");
    report.faster(FAR, 20.0, &turns.wall, "postrider", &["poplib", "curl", "async-pop"]);
    Ok(())
}

/// 20 ms there and back, into an mbox file that is on disk before anything is deleted.
fn durable(options: &Options, report: &mut Report, dovecot: &RefCell<Dovecot>) -> Result<(), String> {
    if !options.wants(DURABLE) {
        return Ok(());
    }
    // Fewer would measure the round trips of the opening.
    let count = 1_000;
    let port = fill(dovecot, "far", 50, SMALL)?;
    let proxy = Proxy::start(port, Duration::from_millis(20)).map_err(|e| e.to_string())?;
    let far = proxy.port;
    let folder = dovecot.borrow().scratch().to_owned();
    let left = || raw::look(port, "durable").map_err(|e| e.to_string());
    let checked = |taken| match left()? {
        0 => Ok(taken),
        left => Err(format!("{left} mails are left")),
    };
    let turns = Turns::take(
        if options.quick { 3 } else { 5 },
        &mut [
            Trial::new("postrider", count, || {
                fill(dovecot, "durable", count, SMALL)?;
                clients::sync(proxy.port, "durable", count, &folder).and_then(checked)
            }),
            Trial::new("mpop", count, || {
                fill(dovecot, "durable", count, SMALL)?;
                programs::mpop(proxy.port, "durable", &folder, false).and_then(checked)
            }),
            // One after the other, and these neither store anything durably nor delete it.
            Trial::new("poplib (thrown away)", 50, || programs::poplib(far, "far", 50)),
            Trial::new("curl (thrown away)", 50, || programs::curl(far, "far", 50)),
            Trial::new("async-pop (thrown away)", 50, || clients::async_pop(far, "far", 50)),
            Trial::new("getmail (into mbox)", 50, || programs::getmail(far, "far", 50, &folder)),
        ],
    );
    report.turns(DURABLE, &turns, SMALL as f64 / 1e6, "MB");
    report.share(DURABLE, 0.5, &turns.wall, "postrider", &["mpop"]);
    let one_by_one = ["poplib (thrown away)", "curl (thrown away)", "async-pop (thrown away)"];
    report.faster(DURABLE, 20.0, &turns.wall, "postrider", &one_by_one);
    Ok(())
}
