//! What the builder writes, CPython's email parser reads without a defect, and finds in it what was given.

use postrider_mime::{BodyPart, DateTime, MessageBuilder};
use postrider_tests::servers::{or_left_out, program};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// One process reads all of them.
fn python(path: &Path, mails: &[Vec<u8>]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python_email.py");
    let mut child = Command::new(path)
        .args(["-X", "utf8", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut input = child.stdin.take().expect("its input");
    for mail in mails {
        writeln!(input, "{}", mail.len()).expect("python3 reads");
        input.write_all(mail).expect("python3 reads");
    }
    drop(input);
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What a mail is given, beside From.
#[derive(Clone, Default)]
struct Given {
    subject: &'static str,
    to: Vec<(&'static str, String)>,
    plain: Option<String>,
    html: Option<String>,
    files: Vec<(String, &'static str, Vec<u8>)>,
    inline: Option<Vec<u8>>,
    extra: Option<String>,
    utf_8: bool,
}

const SUBJECTS: [&str; 7] = [
    "Plain",
    "Café at noon?",
    "日本語の件名がとても長くて、一つの符号化語には収まらないので、いくつかに分けて書かれることになります",
    "A long subject of many words that are all ASCII, so that it is folded between them and not encoded in any way whatsoever",
    "A word in =?utf-8?Q?the_form?= of an encoded one, and \"quotes\"",
    "one  two   three spaces, and ümlauts between ASCII words that go on, and on, and on, until the line is full",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈",
];

const NAMES: [&str; 7] = [
    "",
    "Jo Doe",
    "Doe, Jo",
    "Jo \"The Pen\" Doe",
    "Jürgen Größe",
    "山田太郎",
    "Dr. J. (Jo) Doe <x>",
];

const FILES: [&str; 6] = [
    "report.pdf",
    "two words; and = signs.txt",
    "übersicht.bin",
    "a \"quoted\" name\\.txt",
    "ein sehr langer Dateiname, der über mehrere Zeilen geht und Umlaute äöü hat, damit er in Abschnitte geteilt wird.pdf",
    "a-long-name-in-ascii-that-needs-to-be-cut-into-sections-because-it-does-not-fit-one-line-of-a-header.pdf",
];

fn texts() -> [String; 6] {
    [
        "Hello.\n".to_owned(),
        "Größe\n.\n..\nFrom me to you\ntrailing space \n\n".to_owned(),
        "x".repeat(2_500) + "\n",
        "日本語\n".repeat(200),
        "--b\n--b--\n--=_0\n= equals=20 =\n".to_owned(),
        "\n".to_owned(),
    ]
}

fn variety() -> Vec<Given> {
    let content = |n: usize| (0..n).map(|i| (i * 31 % 251) as u8).collect::<Vec<u8>>();
    let mut all = Vec::new();
    for (number, text) in texts().iter().cycle().take(84).enumerate() {
        let pick = |list: &[&'static str]| list[number % list.len()];
        let recipients = 1 + number % 5 * 7;
        let to = (0..recipients).map(|n| {
            let local = [
                "ann",
                "\"a b\"",
                "a+tag",
                "very.long.local.part.of.an.address",
            ][n % 4];
            (
                NAMES[(number + n) % NAMES.len()],
                format!("{local}@host{n}.example.org"),
            )
        });
        let files = (0..number % 4).map(|n| {
            let kind = ["application/pdf", "text/plain; charset=utf-8", "image/png"][n];
            let name = FILES[(number + n) % FILES.len()].to_owned();
            (name, kind, content([0, 1, 57, 5_000][(number / 4 + n) % 4]))
        });
        all.push(Given {
            subject: pick(&SUBJECTS),
            to: to.collect(),
            plain: (number % 3 != 1).then(|| text.clone()),
            html: (number % 3 != 0).then(|| format!("<p>{text}</p>\n")),
            files: files.collect(),
            inline: (number % 5 == 1).then(|| content(100)),
            extra: (number % 2 == 0).then(|| pick(&SUBJECTS).repeat(1 + number % 3)),
            utf_8: number % 7 == 3,
        });
    }
    all
}

impl Given {
    fn builder(&self) -> MessageBuilder<'_> {
        let mut builder = MessageBuilder::new()
            .from((NAMES[4], "jo@example.org"))
            .subject(self.subject)
            .message_id("1@example.org")
            .in_reply_to("0@example.org")
            .references(["a@example.org", "0@example.org"])
            .list_unsubscribe(["https://example.org/leave"])
            .date(DateTime::from_unix(1_700_000_000, -330).expect("a date"));
        for (name, address) in &self.to {
            builder = builder
                .to((*name, address.as_str()))
                .cc((*name, address.as_str()));
        }
        if let Some(text) = &self.plain {
            builder = builder.text(text);
        }
        if let Some(text) = &self.html {
            builder = builder.html(text);
        }
        if let Some(image) = &self.inline {
            builder = builder.inline("logo@example.org", "image/png", image);
        }
        if let Some(text) = &self.extra {
            builder = builder.header("X-Extra", text);
        }
        for (name, kind, content) in &self.files {
            builder = builder.attach(name, kind, content);
        }
        match self.utf_8 {
            true => builder.with_utf8_headers(),
            false => builder,
        }
    }

    /// What Python has to say of it.
    fn told(&self) -> [(&'static str, Value); 9] {
        let to: Vec<_> = self
            .to
            .iter()
            .map(|(name, address)| json!([name.replace(' ', ""), address]))
            .collect();
        let files = self.files.iter();
        let files = files.map(|(name, kind, content)| {
            let kind = kind.split(';').next().unwrap_or_default();
            json!([kind, name, sha256(content)])
        });
        let inline = self.inline.iter();
        let inline: Vec<_> = inline
            .map(|image| json!(["image/png", null, sha256(image)]))
            .collect();
        [
            ("defects", json!([])),
            ("subject", json!(self.subject)),
            ("extra", json!(self.extra)),
            ("message_id", json!("<1@example.org>")),
            ("from", json!([["JürgenGröße", "jo@example.org"]])),
            ("to", json!(to)),
            ("cc", json!(to)),
            ("files", files.collect()),
            ("inline", json!(inline)),
        ]
    }
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

#[test]
fn built_messages_are_read_by_cpython_without_defects() {
    let Some(path) = or_left_out("CPython reads what is built", program("python3")) else {
        return;
    };
    let all = variety();
    let mails: Vec<_> = all
        .iter()
        .map(|given| given.builder().build().expect("it can be written"))
        .collect();
    let read = python(&path, &mails);
    assert_eq!(read.len(), all.len());
    for ((given, read), mail) in all.iter().zip(&read).zip(&mails) {
        let mail = String::from_utf8_lossy(mail);
        for (what, expected) in given.told() {
            assert_eq!(read[what], expected, "{what} of\n{mail}");
        }
        for (what, text) in [("plain", &given.plain), ("html", &given.html)] {
            if let Some(text) = text {
                assert_eq!(read[what], json!(text), "{what} of\n{mail}");
            }
        }
    }
}

#[test]
fn trees_made_by_hand_are_read_by_cpython_without_defects() {
    let Some(path) = or_left_out("CPython reads trees", program("python3")) else {
        return;
    };
    let text = |n: usize| BodyPart::text("plain", format!("part {n}, ünïcode\n")).expect("text");
    let nested = (0..20).fold(text(0), |inner, n| {
        let kind = ["mixed", "alternative", "related"][n % 3];
        BodyPart::multipart(kind, [text(n), inner]).expect("a multipart")
    });
    let message = |n: usize| {
        let content = format!("Subject: {n}\r\n\r\nBody {n}\r\n").into_bytes();
        BodyPart::content("message/rfc822", content).expect("a message")
    };
    let digest = BodyPart::multipart("digest", (0..5).map(message)).expect("a digest");
    let eight_bit = "Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
                     Gr\u{fc}\u{df}e\r\n";
    let eight_bit = BodyPart::content("message/rfc822", eight_bit).expect("a message");
    let eight_bit = BodyPart::multipart("report", [text(1), eight_bit]).expect("a report");
    let many = BodyPart::multipart("mixed", (0..200).map(text)).expect("many");
    let mails: Vec<_> = [nested, digest, eight_bit, many]
        .into_iter()
        .map(|body| {
            let builder = MessageBuilder::new()
                .from("a@example.org")
                .subject("tree")
                .body(body);
            let builder = builder.calendar("REQUEST", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
            builder.build().expect("it can be written")
        })
        .collect();
    let read = python(&path, &mails);
    for (read, mail) in read.iter().zip(&mails) {
        assert_eq!(
            read["defects"],
            json!([]),
            "{}",
            String::from_utf8_lossy(mail)
        );
        let ours = postrider_mime::Message::parse(mail);
        let kinds: Vec<_> = ours
            .parts()
            .map(|part| part.content_type().essence().to_string())
            .collect();
        assert_eq!(read["kinds"], json!(kinds));
    }
    assert_eq!(read.len(), 4);
}
