//! Memory: how much more a process holds at the worst moment, for each byte of the mail.

use bench_mime::made;
use bench_mime::readers::{mail_parser, mailparse, ours};
use bench_rule::{Bar, Bound, Options, Report};
use peak_alloc::PeakAlloc;
use std::hint::black_box;
use std::process::ExitCode;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    let options = match Options::from_command_line() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(64);
        }
    };
    let mut report = Report::new("mime: memory at its peak, bytes for each byte of mail", &options);
    let parser = mail_parser::parser();
    let structure: [(&str, Reader<'_>); 3] = [
        ("postrider", &ours::structure),
        ("mail-parser", &|m| mail_parser::structure(&parser, m)),
        ("mailparse", &mailparse::structure),
    ];
    let everything: [(&str, Reader<'_>); 3] = [
        ("postrider", &ours::everything),
        ("mail-parser", &|m| mail_parser::everything(&parser, m)),
        ("mailparse", &mailparse::everything),
    ];
    let large = made::with_attachment(7, 25 << 20);
    row(&mut report, "memory, 25 MiB before decoding", Some(0.05), &large, &structure);
    row(&mut report, "memory, 25 MiB decoded", None, &large, &everything);
    row(&mut report, "memory, 10,000 parts", Some(2.5), &made::parts(9_990), &structure);
    row(&mut report, "memory, 40,000 header fields", None, &made::fields(40_000), &structure);
    report.finish()
}

type Reader<'r> = &'r dyn Fn(&[u8]) -> usize;

fn row(report: &mut Report, work: &str, at_most: Option<f64>, mail: &[u8], readers: &[(&str, Reader<'_>)]) {
    let grown: Vec<f64> = readers.iter().map(|(_, read)| peak(mail, read)).collect();
    for ((who, _), grown_by) in readers.iter().zip(&grown) {
        report.row(work, who, format!("{grown_by:.4}"), format!("{:.2}", grown_by / grown[0]));
    }
    if let Some(at_most) = at_most {
        let name = format!("mime/{work}");
        report.bar(Bar::of_ratios(&name, Bound::AtMost(at_most), &[grown[0]], (grown[0], grown[1]), "bytes a byte"));
    }
}

fn peak(mail: &[u8], read: Reader<'_>) -> f64 {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    black_box(read(mail));
    (MEMORY.peak_usage() - before) as f64 / mail.len() as f64
}
