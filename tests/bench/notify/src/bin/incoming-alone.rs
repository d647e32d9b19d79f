//! A maildrop of Dovecot's until its mails are incidents, by ours alone and once, for a profiler: `incoming-alone [MAILS]`.
//! With `steps` behind it, step by step.

use bench_notify::{incoming, said, steps};
use bench_pop3::{Dovecot, PASSWORD, clients};

const USER: &str = "durable";

fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let mails = words.next().map_or(Ok(2_000), |n| n.parse::<usize>()).map_err(said)?;
    let mut dovecot = Dovecot::start().map_err(said)?;
    dovecot.fill(USER, mails, 5_200).map_err(said)?;
    let each = |took: std::time::Duration| took.as_secs_f64() * 1e6 / mails as f64;
    if words.next().as_deref() == Some("steps") {
        let fetched = clients::drain(dovecot.port, USER, mails)?;
        for (step, took) in steps::steps(dovecot.port, USER, PASSWORD, mails, fetched)? {
            println!("{step:<40} {:8.1} us", each(took));
        }
        return Ok(());
    }
    let taken = incoming::ours(dovecot.port, USER, PASSWORD, mails)?;
    println!("{mails} mails, {:.1} us each", each(taken.wall));
    Ok(())
}
