//! SMTP: two mails, one with a recipient that is refused, over a login.

use super::faulty::{Fault, Faulty};
use super::{FATAL, HARMLESS};
use postrider_smtp::{
    Client, Config, Credentials, Endpoint, Envelope, Mail, Outcome, Pipelining, RecipientOutcome,
    Security, Timeouts,
};
use postrider_wire::Stream;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};
use tokio::time::Instant;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.hello\r\n";
const LEVELS: [Pipelining; 4] = [
    Pipelining::Off,
    Pipelining::Flight,
    Pipelining::LookAhead,
    Pipelining::Chunked,
];

/// A server that takes mail for everybody but `no@…`, until the client is gone. Gives whom it has mail for.
async fn serve(pipe: DuplexStream) -> Vec<String> {
    let mut peer = BufStream::new(pipe);
    let (mut to, mut delivered, mut content) = (Vec::new(), Vec::new(), Vec::new());
    let _ = peer.write_all(b"220 mx ESMTP\r\n").await;
    loop {
        let mut line = String::new();
        if peer.flush().await.is_err()
            || !matches!(peer.read_line(&mut line).await, Ok(1..))
            || !line.ends_with('\n')
        {
            return delivered;
        }
        let reply = match line.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" => {
                "250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n"
            }
            "AUTH" => "235 2.7.0 welcome\r\n",
            "RCPT" if line.contains("no@") => "550 5.1.1 nobody\r\n",
            "RCPT" => {
                to.push(
                    line["RCPT TO:<".len()..]
                        .split('>')
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                );
                "250 2.1.5 ok\r\n"
            }
            "DATA" => {
                let _ = peer.write_all(b"354 go\r\n").await;
                let _ = peer.flush().await;
                content.clear();
                while !content.ends_with(b"\r\n.\r\n") {
                    if !matches!(peer.read_until(b'\n', &mut content).await, Ok(1..)) {
                        return delivered;
                    }
                }
                assert_eq!(
                    content,
                    [b"Subject: x\r\n\r\n..hello\r\n".as_slice(), b".\r\n"].concat()
                );
                delivered.append(&mut to);
                "250 2.0.0 queued\r\n"
            }
            "BDAT" => {
                let size = line
                    .split(' ')
                    .nth(1)
                    .and_then(|size| size.trim().parse().ok());
                content = vec![0; size.unwrap_or_default()];
                if peer.read_exact(&mut content).await.is_err() {
                    return delivered;
                }
                assert_eq!(content, MESSAGE);
                delivered.append(&mut to);
                "250 2.0.0 queued\r\n"
            }
            "RSET" => {
                to.clear();
                "250 ok\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        let _ = peer.write_all(reply.as_bytes()).await;
    }
}

pub(super) struct Seen {
    pub(super) outcomes: Vec<RecipientOutcome>,
    /// Whom the server has mail for.
    pub(super) delivered: Vec<String>,
    pub(super) took: Duration,
    /// How many passed, one way or the other.
    pub(super) octets: usize,
}

async fn play(level: Pipelining, fault: Fault, at: usize) -> Seen {
    let begun = Instant::now();
    let (near, far) = duplex(16 * 1024);
    let server = tokio::spawn(serve(far));
    let config = Config::new(Endpoint::new("mx.example.org", 25).unwrap())
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
        .pipelining(level)
        .timeouts(Timeouts::all(Duration::from_secs(10)));
    let mut outcomes = Vec::new();
    let faulty = Faulty::new(near, fault, at);
    let passed = faulty.passed();
    let stream = Stream::from_io(faulty);
    if let Ok(mut client) = Client::connect_over(&config, stream).await {
        let envelopes = ["a@example.org", "b@example.org"]
            .map(|to| Envelope::parse("x@example.com", [to, "no@example.org"]));
        let envelopes = envelopes.map(Result::unwrap);
        let mails = envelopes
            .each_ref()
            .map(|envelope| Mail::new(envelope, MESSAGE));
        outcomes = client.send_all(&mails).await.concat();
        assert_eq!(outcomes.len(), 4, "an outcome for each recipient");
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

impl Seen {
    pub(super) fn is_true(&self, what: &str) {
        assert!(
            self.took <= Duration::from_secs(60),
            "{what}: {:?}",
            self.took
        );
        for outcome in &self.outcomes {
            let times = self
                .delivered
                .iter()
                .filter(|to| **to == outcome.recipient.as_str())
                .count();
            let holds = match outcome.outcome {
                Outcome::Accepted => times == 1,
                Outcome::Unknown => times <= 1,
                Outcome::Refused | Outcome::Deferred => times == 0,
            };
            assert!(holds, "{what}: {outcome}, and delivered {times} times");
        }
        assert!(
            !self.outcomes.is_empty() || self.delivered.is_empty(),
            "{what}: delivered, and nothing said"
        );
    }

    fn is_whole(&self, what: &str) {
        let accepted = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.is_accepted())
            .count();
        let refused = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.outcome == Outcome::Refused)
            .count();
        assert_eq!((accepted, refused), (2, 2), "{what}: {:?}", self.outcomes);
    }
}

/// Every byte that passes in a dialogue without faults, and some more.
const BYTES: usize = 520;

#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_at_any_byte_never_makes_an_outcome_untrue() {
    let mut lost = 0;
    for level in LEVELS {
        for fault in FATAL {
            for at in 0..BYTES {
                let what = format!("{level:?}, {fault:?} at {at}");
                let seen = play(level, *fault, at).await;
                seen.is_true(&what);
                lost += usize::from(seen.outcomes.iter().any(|o| o.outcome == Outcome::Unknown));
            }
            let what = format!("{level:?}, {fault:?} beyond the end");
            let seen = play(level, *fault, 100_000).await;
            seen.is_whole(&what);
            assert!(seen.octets < BYTES, "{what}: {} octets", seen.octets);
        }
    }
    assert!(
        lost > 100,
        "{lost}: an answer to the final dot was lost hardly ever"
    );
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_that_end_at_any_byte_change_nothing() {
    for level in LEVELS {
        for fault in HARMLESS {
            for at in 0..BYTES {
                let what = format!("{level:?}, {fault:?} at {at}");
                let seen = play(level, *fault, at).await;
                seen.is_true(&what);
                seen.is_whole(&what);
            }
        }
    }
}
