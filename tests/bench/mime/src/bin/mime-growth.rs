//! Growth: sixteen times the mail must not take more than about sixteen times as long.

use bench_mime::made;
use bench_mime::readers::ours;
use bench_rule::{Bar, Bound, Contender, Options, Report, interleave};
use std::process::ExitCode;

/// What a linear reader may take for 16 times the bytes: caches are left on the way.
const AT_MOST: f64 = 24.0;

type Make = fn(usize) -> Vec<u8>;
type Read = fn(&[u8]) -> usize;

/// Inputs that have a length: what, how much of it at 1×, how it is made and read. None so large at 16× that what is measured is
/// how long the system takes to give memory anew.
const INPUTS: &[(&str, usize, Make, Read)] = &[
    ("text", 64 << 10, made::text, ours::everything),
    ("base64", 64 << 10, |n| made::with_attachment(1, n), ours::everything),
    ("quoted-printable", 64 << 10, made::quoted_printable, ours::everything),
    ("koi8-r", 64 << 10, made::koi8, ours::everything),
    ("iso-2022-jp", 64 << 10, made::iso_2022_jp, ours::everything),
    ("parts", 620, made::parts, ours::everything),
    ("header fields", 2_500, made::fields, ours::structure),
    ("mailboxes in Cc", 1_250, made::mailboxes, ours::mailboxes),
    ("ids in References", 2_000, made::references, ours::references),
    ("encoded words", 6_250, made::encoded_words, ours::subject),
    ("sections of a file name", 60, made::sections, ours::file_name),
    ("levels", 60, made::nested, ours::everything),
    ("near-boundary lines", 64 << 10, made::near_boundaries, ours::everything),
    ("dashes", 64 << 10, made::dashes, ours::everything),
    ("html to text", 64 << 10, made::quoted_printable, ours::body_text),
];

fn main() -> ExitCode {
    let options = match Options::from_command_line() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(64);
        }
    };
    let mut report = Report::new("growth: mime, time for 1, 4 and 16 times the mail", &options);
    for (name, size, make, read) in INPUTS {
        let bar = format!("growth/mime {name}, 16 times");
        if !options.wants(&bar) {
            continue;
        }
        let mails = [1, 4, 16].map(|times| make(size * times));
        let mut contenders: Vec<_> =
            mails.iter().zip(["1", "4", "16"]).map(|(m, n)| Contender::new(n, || read(m))).collect();
        let measured = interleave(&options, &mut contenders);
        for (contender, mail) in measured.iter().zip(&mails) {
            report.row_of(name, contender, mail.len() as f64 / 1e6, "MB", &measured[0]);
        }
        let ratios = measured[2].pair(&measured[0], |large, small| large / small);
        report.bar(Bar::of_ratios(
            &bar,
            Bound::AtMost(AT_MOST),
            &ratios,
            (measured[2].median(), measured[0].median()),
            "us",
        ));
    }
    report.finish()
}
