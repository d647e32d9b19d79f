//! Time: reading and writing beside the peers.

use bench_mime::readers::{mail_parser, mailparse, ours};
use bench_mime::{corpus, made, writers};
use bench_rule::{Bar, Contender, Measured, Options, Report, interleave};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match Options::from_command_line() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(64);
        }
    };
    let mut report = Report::new("mime: time of this thread, in rounds with all peers", &options);
    mix(&options, &mut report);
    large(&options, &mut report);
    arriving(&options, &mut report);
    fields(&options, &mut report);
    builder(&options, &mut report);
    report.finish()
}

/// A bar against the second contender, whatever the others do.
fn measure(
    options: &Options,
    report: &mut Report,
    bar: (&str, f64),
    bytes: usize,
    contenders: &mut [Contender<'_>],
) -> Option<Vec<Measured>> {
    let (name, at_least) = bar;
    if !options.wants(name) {
        return None;
    }
    let measured = interleave(options, contenders);
    report.rows(name, &measured, bytes as f64 / 1e6, "MB");
    let peer = measured.get(1)?.name;
    report.bar(Bar::faster(&format!("mime/{name} vs {peer}"), at_least, &measured[0], &measured[1]));
    Some(measured)
}

fn mix(options: &Options, report: &mut Report) {
    let (mails, told) = corpus::mix();
    report.note(told);
    let bytes = mails.iter().map(Vec::len).sum();
    let sum = |read: &dyn Fn(&[u8]) -> usize| mails.iter().map(|m| read(m)).sum::<usize>();
    let each = |read: &dyn Fn(&[u8])| mails.iter().for_each(|m| read(m));
    let (parser, lazy) = (mail_parser::parser(), mail_parser::lazy_parser());
    measure(
        options,
        report,
        ("structure", 3.0),
        bytes,
        &mut [
            Contender::new("postrider", || sum(&ours::structure)),
            Contender::new("mail-parser", || sum(&|m| mail_parser::structure(&parser, m))),
            Contender::new("mail-parser, fields raw", || sum(&|m| mail_parser::structure(&lazy, m))),
            Contender::new("mailparse", || sum(&mailparse::structure)),
        ],
    );
    measure(
        options,
        report,
        ("header", 2.0),
        bytes,
        &mut [
            Contender::new("postrider", || each(&ours::header)),
            Contender::new("mail-parser", || each(&|m| mail_parser::header(&parser, m))),
            Contender::new("mailparse", || each(&mailparse::header)),
            Contender::new("postrider, memory reused", || ours::headers(mails.iter().map(Vec::as_slice))),
            Contender::new("mail-parser, memory reused", || {
                mail_parser::headers(&parser, mails.iter().map(Vec::as_slice))
            }),
        ],
    );
    measure(
        options,
        report,
        ("everything", 1.2),
        bytes,
        &mut [
            Contender::new("postrider", || sum(&ours::everything)),
            Contender::new("mail-parser", || sum(&|m| mail_parser::everything(&parser, m))),
            Contender::new("mailparse", || sum(&mailparse::everything)),
        ],
    );
    report.note(format!(
        "the same work? bytes decoded from the mix: postrider {}, mail-parser {}, mailparse {}",
        sum(&ours::everything),
        sum(&|m| mail_parser::everything(&parser, m)),
        sum(&mailparse::everything),
    ));
}

/// Mails that are large in one way.
fn large(options: &Options, report: &mut Report) {
    let parser = mail_parser::parser();
    let many = made::parts(9_990);
    measure(
        options,
        report,
        ("10,000 parts", 2.5),
        many.len(),
        &mut [
            Contender::new("postrider", || ours::everything(&many)),
            Contender::new("mail-parser", || mail_parser::everything(&parser, &many)),
            Contender::new("mailparse", || mailparse::everything(&many)),
        ],
    );
    let many = made::fields(40_000);
    measure(
        options,
        report,
        ("40,000 header fields", 2.0),
        many.len(),
        &mut [
            Contender::new("postrider", || ours::structure(&many)),
            Contender::new("mail-parser", || mail_parser::structure(&parser, &many)),
            Contender::new("mailparse", || mailparse::structure(&many)),
        ],
    );
    for (name, at_least, make) in LARGE {
        if !options.wants(name) {
            continue;
        }
        let mail = make();
        let decoded = (ours::everything(&mail), mail_parser::everything(&parser, &mail));
        assert!(same_size(decoded.0, decoded.1), "{name}: not the same work: {decoded:?}");
        measure(
            options,
            report,
            (name, *at_least),
            mail.len(),
            &mut [
                Contender::new("postrider", || ours::everything(&mail)),
                Contender::new("mail-parser", || mail_parser::everything(&parser, &mail)),
                Contender::new("mailparse", || mailparse::everything(&mail)),
            ],
        );
    }
}

type Make = fn() -> Vec<u8>;

/// One part, much to decode: what, the bar, and how it is made.
const LARGE: &[(&str, f64, Make)] = &[
    ("quoted-printable", 1.0, || made::quoted_printable(1_400_000)),
    ("koi8-r", 1.0, || made::koi8(1_000_000)),
    ("iso-2022-jp", 1.0, || made::iso_2022_jp(1_000_000)),
    ("1 MiB text", 0.95, || made::text(1 << 20)),
    ("25 MiB base64", 0.9, || made::with_attachment(7, 25 << 20)),
];

/// The parser of what arrives beside the one of what is there as a whole. There is no peer, and no bar.
fn arriving(options: &Options, report: &mut Report) {
    let (mix, _) = corpus::mix();
    let works = [
        ("arriving, mix", mix),
        ("arriving, 10,000 parts", vec![made::parts(9_990)]),
        ("arriving, 40,000 header fields", vec![made::fields(40_000)]),
        ("arriving, 25 MiB base64", vec![made::with_attachment(7, 25 << 20)]),
    ];
    for (name, mails) in works.iter().filter(|(name, _)| options.wants(name)) {
        let sum = |read: fn(&[u8]) -> usize| mails.iter().map(|m| read(m)).sum::<usize>();
        // Mails within a mail under a transfer encoding are opened in a whole only.
        assert!(same_size(sum(ours::arriving), sum(ours::structure)), "{name}");
        let measured = interleave(
            options,
            &mut [
                Contender::new("as a whole", || sum(ours::structure)),
                Contender::new("in pieces of 64 KiB", || sum(ours::arriving)),
            ],
        );
        let bytes: usize = mails.iter().map(Vec::len).sum();
        report.rows(name, &measured, bytes as f64 / 1e6, "MB");
    }
}

/// Within one part in a hundred: a last line end may be counted or not.
fn same_size(one: usize, other: usize) -> bool {
    one.abs_diff(other) * 100 <= one.max(other)
}

/// Header fields of great length, read whole.
fn fields(options: &Options, report: &mut Report) {
    let parser = mail_parser::parser();
    let mail = made::references(33_000);
    assert_eq!(ours::references(&mail), mail_parser::references(&parser, &mail));
    measure(
        options,
        report,
        ("References, 33,000 ids", 1.0),
        mail.len(),
        &mut [
            Contender::new("postrider", || ours::references(&mail)),
            Contender::new("mail-parser", || mail_parser::references(&parser, &mail)),
        ],
    );
    let mail = made::mailboxes(20_000);
    assert_eq!(ours::mailboxes(&mail), mail_parser::mailboxes(&parser, &mail));
    measure(
        options,
        report,
        ("Cc, 20,000 mailboxes", 1.0),
        mail.len(),
        &mut [
            Contender::new("postrider", || ours::mailboxes(&mail)),
            Contender::new("mail-parser", || mail_parser::mailboxes(&parser, &mail)),
        ],
    );
    let mail = made::encoded_words(100_000);
    assert!(same_size(ours::subject(&mail), mail_parser::subject(&parser, &mail)));
    measure(
        options,
        report,
        ("100,000 encoded words", 1.0),
        mail.len(),
        &mut [
            Contender::new("postrider", || ours::subject(&mail)),
            Contender::new("mail-parser", || mail_parser::subject(&parser, &mail)),
        ],
    );
}

fn builder(options: &Options, report: &mut Report) {
    let small = writers::ours_small().len();
    assert!(small > 500 && writers::mail_builder_small().len() > 500 && writers::lettre_small().len() > 500);
    let measured = measure(
        options,
        report,
        ("build, small", 1.0),
        small,
        &mut [
            Contender::new("postrider", writers::ours_small),
            Contender::new("mail-builder", writers::mail_builder_small),
            Contender::new("lettre", writers::lettre_small),
        ],
    );
    if let Some([ours, _, lettre]) = measured.as_deref() {
        report.bar(Bar::faster("mime/build, small vs lettre", 5.0, ours, lettre));
    }
    let file = writers::file(10 << 20);
    assert!(same_size(writers::ours_large(&file).len(), writers::mail_builder_large(&file).len()));
    let measured = measure(
        options,
        report,
        ("build, 10 MiB attached", 0.9),
        file.len(),
        &mut [
            Contender::new("postrider", || writers::ours_large(&file)),
            Contender::new("mail-builder", || writers::mail_builder_large(&file)),
            Contender::new("lettre", || writers::lettre_large(&file)),
        ],
    );
    if let Some([ours, _, lettre]) = measured.as_deref() {
        report.bar(Bar::faster("mime/build, 10 MiB attached vs lettre", 20.0, ours, lettre));
    }
}
