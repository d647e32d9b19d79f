//! Ours alone, for a profiler: `notify-alone durable|volatile [MAILS [ROUNDS]]`. Prints mails a second.

use bench_notify::ours;
use bench_rule::SmtpSink;

fn main() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| words.get(at).and_then(|w| w.parse().ok()).unwrap_or(default);
    let (mails, rounds) = (number(1, 5000), number(2, 3));
    let sink = SmtpSink::start().map_err(|e| e.to_string())?;
    for _ in 0..rounds {
        let taken = match words.first().map(String::as_str) {
            Some("volatile") => ours::without_store(sink.port, mails)?,
            _ => ours::durable(sink.port, mails)?,
        };
        println!("{:.0} mails a second", mails as f64 / taken.wall.as_secs_f64());
    }
    Ok(())
}
