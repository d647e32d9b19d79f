mod client;
mod server;

use crate::messages::TRICKY;
use client::{Client, Wanted};
use postrider_smtp::{Envelope, LineEnds, Mail, Outcome, Pipelining, Security};

/// The password, as it stands in AUTH PLAIN and in AUTH LOGIN, and as it is.
const SECRETS: [&[u8]; 3] = [b"AGFkYQBodW50ZXIy", b"aHVudGVyMg==", b"hunter2"];

/// The input plays an SMTP server. Its first octet says how it is cut into reads and how much is written at once; the second
/// what the client wants (level of pipelining, TLS, a login); the third how many mails; the rest is what the server says.
///
/// * Every recipient of every mail has one outcome, in the envelope's order.
/// * `Accepted` only if a naive server that read the client's octets has the whole message, and said 2yz to its end.
/// * What that server has of a message is the message, with line ends made CRLF; each transaction has one end of data at most.
/// * Where TLS is wanted, nothing of a login or a mail is written before it; a password never, unless allowed.
/// * What is held back unread stays within the limits.
/// * If the server waits for its turn, how what it says is cut into reads never matters. (One that speaks out of turn is given up
///   when that is seen, which depends on what arrives together.)
pub fn smtp_session(input: &[u8]) {
    let [cut, wish, count, said @ ..] = input else {
        return;
    };
    let wanted = Wanted::of(*wish);
    let envelopes: Vec<Envelope> = (0..usize::from(count % 4)).map(envelope).collect();
    let mails: Vec<Mail<'_>> = envelopes
        .iter()
        .enumerate()
        .map(|(place, envelope)| Mail::new(envelope, TRICKY[place]))
        .collect();
    let (cut, step) = (usize::from(cut & 15) * 4 + 1, usize::from(cut >> 4) + 1);
    let play = |reads: Vec<&[u8]>| {
        let mut client = Client::new(wanted, &mails);
        client.hear(reads, step);
        client
    };
    let whole_lines = play(in_turn(said, said.len().max(1)));
    whole_lines.is_like(&play(in_turn(said, cut)));

    let client = play(said.chunks(cut).collect());
    let heard = server::Walk::over(&client.written, said, client.tls_from);
    for (mail, outcomes) in client.outcomes.iter().enumerate() {
        let outcomes = outcomes.as_ref().expect("every mail is settled");
        let names: Vec<&str> = outcomes.iter().map(|o| o.recipient.as_str()).collect();
        let expected: Vec<&str> = envelopes[mail]
            .recipients()
            .iter()
            .map(|r| r.as_str())
            .collect();
        assert_eq!(names, expected, "one outcome a recipient, in order");
        for outcome in outcomes.iter().filter(|o| o.outcome == Outcome::Accepted) {
            let message = heard.accepted(outcome.recipient.as_str());
            let message = message.unwrap_or_else(|| panic!("{outcome} was not accepted"));
            assert_eq!(
                message,
                super::naive::normalised(TRICKY[mail]),
                "another message"
            );
        }
    }
    let before_tls = &client.written[..client.tls_from.unwrap_or(client.written.len())];
    if wanted.security == Security::StartTls {
        for word in [&b"AUTH"[..], b"MAIL", b"RCPT"] {
            assert!(!has(before_tls, word), "before TLS");
        }
    }
    // A fuzzer may learn the password and let the server say it: then it is no secret. Its first letter may be the last one of
    // what a control character is shown as.
    let secrets = SECRETS.iter().filter(|secret| !has(said, &secret[1..]));
    for secret in secrets {
        assert!(!has(before_tls, secret), "a secret in clear text");
        assert!(!has(client.shown.as_bytes(), secret), "a secret shown");
    }
}

/// The reads from a server that waits for its turn: none goes beyond the end of a line, none is longer than `cut`.
fn in_turn(said: &[u8], cut: usize) -> Vec<&[u8]> {
    let lines = said.split_inclusive(|octet| *octet == b'\n');
    lines.flat_map(|line| line.chunks(cut)).collect()
}

fn has(text: &[u8], word: &[u8]) -> bool {
    super::naive::occurrences(text, word) > 0
}

/// Three recipients each, named so that every one is unlike every other.
fn envelope(mail: usize) -> Envelope {
    let to = (0..3).map(|place| format!("r{mail}{place}@x.test"));
    Envelope::parse(&format!("s{mail}@x.test"), to).expect("addresses")
}

impl Wanted {
    fn of(octet: u8) -> Self {
        let levels = [
            Pipelining::Off,
            Pipelining::Flight,
            Pipelining::LookAhead,
            Pipelining::Chunked,
        ];
        let security = [
            Security::None,
            Security::StartTls,
            Security::StartTlsIfOffered,
        ];
        Self {
            pipelining: levels[usize::from(octet & 3)],
            security: security[usize::from(octet >> 2 & 3) % 3],
            login: octet & 64 != 0,
            line_ends: LineEnds::Normalise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(seed: &[u8]) -> (String, Vec<Outcome>) {
        let envelopes: Vec<Envelope> = (0..usize::from(seed[2] % 4)).map(envelope).collect();
        let mails: Vec<Mail<'_>> = envelopes
            .iter()
            .zip(TRICKY)
            .map(|(envelope, message)| Mail::new(envelope, message))
            .collect();
        let mut client = Client::new(Wanted::of(seed[1]), &mails);
        client.hear(seed[3..].chunks(1), 4);
        let outcomes = client.outcomes.iter().flatten().flatten();
        (
            String::from_utf8_lossy(&client.written).into_owned(),
            outcomes.map(|outcome| outcome.outcome).collect(),
        )
    }

    #[test]
    fn reads_from_a_server_in_turn_end_with_its_lines() {
        let said = b"220 x\r\n250 y\r\nz";
        assert_eq!(in_turn(said, 99), [&b"220 x\r\n"[..], b"250 y\r\n", b"z"]);
        let pieces = [&b"220 x"[..], b"\r\n", b"250 y", b"\r\n", b"z"];
        assert_eq!(in_turn(said, 5), pieces);
    }

    #[test]
    fn the_seeds_reach_what_they_are_for() {
        use Outcome::{Accepted, Refused};
        let (written, outcomes) = play(include_bytes!(
            "../../../fuzz/seeds/smtp_session/partly-refused"
        ));
        assert_eq!(
            outcomes,
            [Accepted, Refused, Accepted, Accepted, Accepted, Accepted]
        );
        assert!(
            written.contains("\r\n.\r\nMAIL FROM:<s1@x.test>"),
            "{written}"
        );
        let (written, outcomes) = play(include_bytes!("../../../fuzz/seeds/smtp_session/chunked"));
        assert_eq!(outcomes, [Accepted; 3]);
        assert!(written.contains("BDAT 24 LAST"), "{written}");
        let (written, outcomes) = play(include_bytes!(
            "../../../fuzz/seeds/smtp_session/tls-and-login"
        ));
        assert_eq!(outcomes, [Accepted; 3]);
        assert!(written.contains("AUTH PLAIN AGFkYQBodW50ZXIy"), "{written}");
    }
}
