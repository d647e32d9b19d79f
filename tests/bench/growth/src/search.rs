//! The search for inputs that cost too much: each pair of words that formats are made of, repeated behind each beginning
//! that leads somewhere. Nobody has thought of most of them.

use super::{everything, fit, inbound};
use bench_rule::process_cpu;
use std::hint::black_box;

/// Octets of the smaller input, and how many times as large the larger one is.
const SMALL: usize = 6_000;
const TIMES: usize = 8;

/// What takes less time, in microseconds, is not looked at more closely.
const QUICK: f64 = 4_000.0;

/// An exponent that caches do not explain.
const TOO_MUCH: f64 = 1.45;

const BEGINNINGS: [&str; 30] = [
    "",
    "From: Eve <eve@example.net>\r\n",
    "From: ",
    "To: ",
    "Subject: ",
    "Date: ",
    "Message-ID: ",
    "References: ",
    "Content-Type: ",
    "Content-Type: text/plain; ",
    "Content-Type: text/html\r\n\r\n",
    "Content-Type: text/plain; format=flowed\r\n\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
    "Content-Type: multipart/mixed; boundary=\"",
    "Content-Type: message/rfc822\r\n\r\n",
    "Content-Disposition: attachment; filename",
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
    "Content-Transfer-Encoding: base64\r\n\r\n",
    "Content-Type: text/plain; charset=utf-7\r\n\r\n",
    "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n",
    "Received: ",
    "Authentication-Results: ",
    "ARC-Authentication-Results: i=1; ",
    "List-Unsubscribe: ",
    "Auto-Submitted: ",
    "From: Eve <eve@example.net>\r\nSubject: a\r\n\r\n",
    "From: MAILER-DAEMON@example.net\r\nSubject: Undelivered\r\n\r\n",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n",
    "Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\n",
    "From a@b Mon Jan  1 00:00:00 2024\n",
];

const WORDS: [&str; 74] = [
    "(",
    ")",
    "<",
    ">",
    "\"",
    "\\",
    ",",
    ";",
    ":",
    "@",
    " ",
    "\t",
    "\r\n ",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "=",
    "==",
    "=\r\n",
    "=?",
    "?=",
    "=?utf-8?q?a?=",
    "a@b ",
    "a",
    "a.",
    "[",
    "]",
    "%41",
    "'",
    "*",
    "*0*=a;",
    "--",
    "--b\r\n",
    "From ",
    "&",
    "<!--",
    "-->",
    "<a ",
    "</a>",
    "<div>",
    "<blockquote>",
    "\r\n> ",
    "wrote:",
    "On 1 Jan 2026 ",
    "-- \r\n",
    "Re: ",
    "INC0010001 ",
    "<a@b.c> ",
    "spf=pass ",
    "-",
    "_",
    "+",
    "/",
    "|",
    "{",
    "${",
    "\u{0}",
    "\u{e9}",
    "\u{200b}",
    "a=b; ",
    "Mon, 1 Jan 2024 ",
    "12:00 ",
    "X: y\r\n",
    "\r\nFinal-Recipient: rfc822;a@b\r\n",
    "ATTENDEE:mailto:a@b\r\n",
    "Regards\r\n",
    "Eve\r\n",
    "begin 644 a\r\n",
    "xn--a",
    "\u{1b}$B",
    "+AO",
    "Sent from ",
    "confidential recipient message ",
];

/// Prints what it finds; gives how much that is.
pub(crate) fn search() -> usize {
    let mut found = 0;
    for (beginning, number) in BEGINNINGS.iter().zip(1..) {
        eprintln!("{number} of {}: {beginning:?}", BEGINNINGS.len());
        for first in WORDS {
            for second in std::iter::once("").chain(WORDS).filter(|second| *second != first) {
                found += look(beginning, &format!("{first}{second}"));
            }
        }
    }
    println!("{found} of {} grow faster than n^{TOO_MUCH}", BEGINNINGS.len() * WORDS.len().pow(2));
    found
}

fn look(beginning: &str, unit: &str) -> usize {
    let make = |octets: usize| format!("{beginning}{}\r\n\r\nx\r\n", unit.repeat(octets / unit.len() + 1)).into_bytes();
    let (small, large) = (make(SMALL), make(SMALL * TIMES));
    let first = taken(&large);
    if first < QUICK {
        return 0;
    }
    // What only happens to take long once does not do so each time.
    let fastest = |mail: &[u8], rounds| (0..rounds).map(|_| taken(mail)).fold(f64::INFINITY, f64::min);
    let exponent = |rounds| {
        let points = [&small, &large].map(|mail| (mail.len() as f64, fastest(mail, rounds)));
        fit::exponent(&points)
    };
    if exponent(2) <= TOO_MUCH {
        return 0;
    }
    let exponent = exponent(5);
    if exponent <= TOO_MUCH {
        return 0;
    }
    println!("n^{exponent:.2}: {beginning:?} and {unit:?} again and again ({:.0} ms)", first / 1e3);
    1
}

/// Microseconds of the processor for everything that reads a mail.
fn taken(mail: &[u8]) -> f64 {
    let begin = process_cpu();
    everything::read(mail);
    black_box(inbound::judge(mail));
    (process_cpu() - begin).as_secs_f64() * 1e6
}
