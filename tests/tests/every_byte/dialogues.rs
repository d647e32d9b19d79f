//! More of SMTP, and LMTP: one mail, and a server that does not say yes to everything.

use super::faulty::{Fault, Faulty};
use super::smtp::Seen;
use super::{FATAL, HARMLESS};
use postrider_smtp::Outcome::{Accepted, Deferred, Refused, Unknown};
use postrider_smtp::{
    Client, Config, Credentials, Endpoint, Envelope, Outcome, Pipelining, Protocol, Security,
    Timeouts,
};
use postrider_wire::Stream;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};
use tokio::time::Instant;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialogue {
    /// A login of several steps, and recipients of whom some are refused.
    Login,
    /// A verdict for each recipient behind the message.
    Lmtp,
    /// The server refuses STARTTLS, and takes no mail without it.
    TlsRefused,
}

const DIALOGUES: [(Dialogue, Pipelining); 5] = [
    (Dialogue::Login, Pipelining::Off),
    (Dialogue::Login, Pipelining::LookAhead),
    (Dialogue::Lmtp, Pipelining::Off),
    (Dialogue::Lmtp, Pipelining::LookAhead),
    // There is no PIPELINING.
    (Dialogue::TlsRefused, Pipelining::LookAhead),
];

impl Dialogue {
    /// The recipients, and what becomes of the mail for each if nothing fails.
    fn outcomes(self) -> Vec<(&'static str, Outcome)> {
        match self {
            Self::Login => vec![
                ("a@example.org", Accepted),
                ("no@example.org", Refused),
                ("later@example.org", Deferred),
            ],
            Self::Lmtp => vec![
                ("a@example.org", Accepted),
                ("no@example.org", Refused),
                ("full@example.org", Deferred),
            ],
            Self::TlsRefused => vec![("a@example.org", Refused), ("b@example.org", Refused)],
        }
    }

    fn config(self) -> Config {
        let config = Config::new(Endpoint::new("mx.example.org", 25).unwrap())
            .security(Security::None)
            .timeouts(Timeouts::all(Duration::from_secs(10)));
        match self {
            Self::Login => config
                .credentials(Credentials::password("ada", "tanstaaf").unwrap())
                .danger_allow_clear_text_credentials(),
            Self::Lmtp => config.protocol(Protocol::Lmtp),
            Self::TlsRefused => config.security(Security::StartTlsIfOffered),
        }
    }

    fn offers(self) -> &'static str {
        match self {
            Self::Login => "250-mx\r\n250-PIPELINING\r\n250 AUTH LOGIN\r\n",
            Self::Lmtp => "250-mx\r\n250 PIPELINING\r\n",
            Self::TlsRefused => "250-mx\r\n250 STARTTLS\r\n",
        }
    }
}

/// The server, until the client is gone. Gives whom it has mail for.
struct Server {
    dialogue: Dialogue,
    peer: BufStream<DuplexStream>,
    to: Vec<String>,
    delivered: Vec<String>,
}

impl Server {
    async fn serve(mut self) -> Vec<String> {
        self.say("220 mx ready\r\n").await;
        while let Some(line) = self.line().await {
            let reply = match line.split([' ', '\r']).next().unwrap_or_default() {
                "EHLO" | "LHLO" => self.dialogue.offers().to_owned(),
                "STARTTLS" => "454 4.7.0 not now\r\n".to_owned(),
                "AUTH" => match self.log_in().await {
                    Some(()) => "235 2.7.0 welcome\r\n".to_owned(),
                    None => break,
                },
                "MAIL" if self.dialogue == Dialogue::TlsRefused => {
                    "530 5.7.0 STARTTLS first\r\n".to_owned()
                }
                "RCPT" => self.recipient(&line).to_owned(),
                "DATA" => match self.content().await {
                    Some(verdicts) => verdicts,
                    None => break,
                },
                "QUIT" => "221 bye\r\n".to_owned(),
                _ => "250 ok\r\n".to_owned(),
            };
            self.say(&reply).await;
        }
        self.delivered
    }

    /// A client that is gone is noticed by what it does not say.
    async fn say(&mut self, text: &str) {
        let _ = self.peer.write_all(text.as_bytes()).await;
        let _ = self.peer.flush().await;
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.peer.read_line(&mut line).await;
        (read.is_ok() && line.ends_with('\n')).then_some(line)
    }

    /// Asks for the user and the password, in base64.
    async fn log_in(&mut self) -> Option<()> {
        for (asks, expected) in [
            ("VXNlcm5hbWU6", "YWRh\r\n"),
            ("UGFzc3dvcmQ6", "dGFuc3RhYWY=\r\n"),
        ] {
            self.say(&format!("334 {asks}\r\n")).await;
            assert_eq!(self.line().await?, expected);
        }
        Some(())
    }

    fn recipient(&mut self, line: &str) -> &'static str {
        let to = line.split(['<', '>']).nth(1).unwrap_or_default();
        if to.starts_with("no@") {
            return "550 5.1.1 nobody\r\n";
        }
        if to.starts_with("later@") {
            return "451 4.7.1 later\r\n";
        }
        self.to.push(to.to_owned());
        "250 2.1.5 ok\r\n"
    }

    /// The message, and the verdict on it; with LMTP one for each recipient.
    async fn content(&mut self) -> Option<String> {
        self.say("354 go\r\n").await;
        let mut content = Vec::new();
        while !content.ends_with(b"\r\n.\r\n") {
            let read = self.peer.read_until(b'\n', &mut content).await;
            matches!(read, Ok(1..)).then_some(())?;
        }
        assert_eq!(content, [MESSAGE, b".\r\n"].concat());
        let to = std::mem::take(&mut self.to);
        if self.dialogue != Dialogue::Lmtp {
            self.delivered.extend(to);
            return Some("250 2.0.0 queued\r\n".to_owned());
        }
        let mut verdicts = String::new();
        for to in to {
            match to.starts_with("full@") {
                true => verdicts.push_str("452 4.2.2 full\r\n"),
                false => {
                    verdicts.push_str("250 2.0.0 stored\r\n");
                    self.delivered.push(to);
                }
            }
        }
        Some(verdicts)
    }
}

async fn play(dialogue: Dialogue, level: Pipelining, fault: Fault, at: usize) -> Seen {
    let begun = Instant::now();
    let (near, far) = duplex(16 * 1024);
    let server = Server {
        dialogue,
        peer: BufStream::new(far),
        to: Vec::new(),
        delivered: Vec::new(),
    };
    let server = tokio::spawn(server.serve());
    let faulty = Faulty::new(near, fault, at);
    let passed = faulty.passed();
    let config = dialogue.config().pipelining(level);
    let mut outcomes = Vec::new();
    if let Ok(mut client) = Client::connect_over(&config, Stream::from_io(faulty)).await {
        let to = dialogue.outcomes().into_iter().map(|(to, _)| to);
        let envelope = Envelope::parse("x@example.com", to).unwrap();
        outcomes = client.send(&envelope, MESSAGE).await;
        let recipients = envelope.recipients().len();
        assert_eq!(outcomes.len(), recipients, "an outcome for each recipient");
        client.quit().await;
    }
    let took = begun.elapsed();
    Seen {
        outcomes,
        delivered: server.await.unwrap(),
        took,
        octets: passed.octets(),
    }
}

fn is_whole(dialogue: Dialogue, seen: &Seen, what: &str) {
    let outcomes = seen.outcomes.iter();
    let outcomes: Vec<_> = outcomes
        .map(|outcome| (outcome.recipient.as_str(), outcome.outcome))
        .collect();
    assert_eq!(outcomes, dialogue.outcomes(), "{what}");
}

/// How many octets pass if nothing fails. The fault at the place behind the last one is tested as well.
async fn octets(dialogue: Dialogue, level: Pipelining) -> usize {
    let what = format!("{dialogue:?}, {level:?}, without a fault");
    let seen = play(dialogue, level, Fault::SplitRead, 100_000).await;
    seen.is_true(&what);
    is_whole(dialogue, &seen, &what);
    assert!(seen.octets > 50, "{what}: {} octets", seen.octets);
    seen.octets
}

#[tokio::test(start_paused = true)]
async fn a_login_a_refusal_or_lmtp_that_fails_at_any_byte_makes_no_outcome_untrue() {
    let mut between_verdicts = 0;
    for (dialogue, level) in DIALOGUES {
        let octets = octets(dialogue, level).await;
        for fault in FATAL {
            for at in 0..=octets {
                let what = format!("{dialogue:?}, {level:?}, {fault:?} at {at}");
                let seen = play(dialogue, level, *fault, at).await;
                seen.is_true(&what);
                let has = |sought| seen.outcomes.iter().any(|o| o.outcome == sought);
                between_verdicts += usize::from(has(Accepted) && has(Unknown));
            }
        }
    }
    assert!(
        between_verdicts > 0,
        "no fault fell between the verdicts of LMTP"
    );
}

#[tokio::test(start_paused = true)]
async fn a_login_a_refusal_or_lmtp_is_the_same_however_reads_and_writes_are_cut() {
    for (dialogue, level) in DIALOGUES {
        let octets = octets(dialogue, level).await;
        for fault in HARMLESS {
            for at in 0..=octets {
                let what = format!("{dialogue:?}, {level:?}, {fault:?} at {at}");
                let seen = play(dialogue, level, *fault, at).await;
                seen.is_true(&what);
                is_whole(dialogue, &seen, &what);
            }
        }
    }
}
