//! One piece of our work again and again, with no peer: something to hold a profiler to.
//!
//! `mime-alone WORK [SECONDS]`, such as `perf record target/release/mime-alone header 3`.

use bench_mime::readers::ours;
use bench_mime::{corpus, made, writers};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const WORK: &str =
    "structure header everything parts fields qp koi8 text base64 references mailboxes words small large";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let work = arguments.next().unwrap_or_default();
    let seconds = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(2);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut times = 0;
    let Some(mut work) = find(&work) else {
        eprintln!("which? {WORK}");
        return ExitCode::from(64);
    };
    while Instant::now() < until {
        black_box(work());
        times += 1;
    }
    println!("{times} times, {:.1} us each", seconds as f64 * 1e6 / f64::from(times));
    ExitCode::SUCCESS
}

fn find(work: &str) -> Option<Box<dyn FnMut() -> usize>> {
    let one = |mail: Vec<u8>, read: fn(&[u8]) -> usize| -> Option<Box<dyn FnMut() -> usize>> {
        Some(Box::new(move || read(&mail)))
    };
    let mix = |read: fn(&[u8]) -> usize| -> Option<Box<dyn FnMut() -> usize>> {
        let (mails, _) = corpus::mix();
        Some(Box::new(move || mails.iter().map(|m| read(m)).sum()))
    };
    match work {
        "structure" => mix(ours::structure),
        "header" => mix(|m| {
            ours::header(m);
            0
        }),
        "everything" => mix(ours::everything),
        "parts" => one(made::parts(9_990), ours::everything),
        "fields" => one(made::fields(40_000), ours::structure),
        "qp" => one(made::quoted_printable(1_400_000), ours::everything),
        "koi8" => one(made::koi8(1_000_000), ours::everything),
        "text" => one(made::text(1 << 20), ours::everything),
        "base64" => one(made::with_attachment(7, 25 << 20), ours::everything),
        "references" => one(made::references(33_000), ours::references),
        "mailboxes" => one(made::mailboxes(20_000), ours::mailboxes),
        "words" => one(made::encoded_words(100_000), ours::subject),
        "small" => Some(Box::new(|| writers::ours_small().len())),
        "large" => one(writers::file(10 << 20), |f| writers::ours_large(f).len()),
        _ => None,
    }
}
