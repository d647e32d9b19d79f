//! Fetches with ours alone, and says how much memory that took: PORT USER COUNT [TIMES].

use bench_pop3::clients;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments.get(at).and_then(|a| a.parse::<usize>().ok());
    let (Some(port), Some(user), Some(count)) = (number(1), arguments.get(2), number(3)) else {
        eprintln!("PORT USER COUNT [TIMES]");
        return ExitCode::from(64);
    };
    for _ in 0..number(4).unwrap_or(1) {
        if let Err(error) = clients::drain(port as u16, user, count) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    println!("{}", peak.and_then(|l| l.split_whitespace().next()).unwrap_or_default());
    ExitCode::SUCCESS
}
