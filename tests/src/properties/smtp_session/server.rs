use crate::properties::naive;
use std::collections::BTreeMap;

/// The client's octets as a server reads them: the replies are given, and each belongs to the command in its place.
pub(super) struct Walk {
    /// What arrived for whom, with a 2yz to its end.
    accepted: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
struct Transaction {
    open: bool,
    recipients: Vec<String>,
}

impl Walk {
    pub(super) fn over(written: &[u8], said: &[u8], tls_from: Option<usize>) -> Self {
        let mut walk = Self {
            accepted: BTreeMap::new(),
        };
        if let Some(tls_from) = tls_from {
            assert!(
                written[..tls_from].ends_with(b"STARTTLS\r\n"),
                "STARTTLS ends a flight"
            );
        }
        walk.read(written, said);
        walk
    }

    /// The message that was accepted for a recipient.
    pub(super) fn accepted(&self, recipient: &str) -> Option<&[u8]> {
        self.accepted.get(recipient).map(Vec::as_slice)
    }

    fn read(&mut self, mut written: &[u8], mut said: &[u8]) {
        let mut transaction = Transaction::default();
        code(&mut said);
        // Only the last line may be cut off: the client was interrupted.
        while let Some(line) = naive::line(&mut written) {
            assert!(line.ends_with(b"\r\n"), "{}", line.escape_ascii());
            let line = String::from_utf8_lossy(naive::trimmed(line)).into_owned();
            let reply = code(&mut said);
            let done = reply.is_some_and(|code| code / 100 == 2);
            if let Some(chunk) = line.strip_prefix("BDAT ") {
                let octets = chunk.strip_suffix(" LAST").unwrap_or(chunk);
                let octets: usize = octets.parse().expect("a number of octets");
                let Some((message, rest)) = written.split_at_checked(octets) else {
                    return;
                };
                written = rest;
                if done {
                    self.accept(&mut transaction, message);
                }
            } else if line == "DATA" && reply == Some(354) {
                let Some(message) = naive::dotted(&mut written, b"\r\n") else {
                    return;
                };
                if code(&mut said).is_some_and(|code| code / 100 == 2) {
                    self.accept(&mut transaction, &message);
                }
                transaction = Transaction::default();
            } else {
                transaction.command(&line, done);
            }
        }
    }

    fn accept(&mut self, transaction: &mut Transaction, message: &[u8]) {
        let transaction = std::mem::take(transaction);
        for recipient in transaction.recipients {
            let before = self.accepted.insert(recipient.clone(), message.to_vec());
            assert_eq!(before, None, "{recipient} has two copies");
        }
    }
}

impl Transaction {
    fn command(&mut self, line: &str, done: bool) {
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        match verb {
            "MAIL" => {
                assert!(!self.open, "MAIL within a transaction");
                self.open = done;
            }
            "RCPT" if done && self.open => {
                let path = line.split(['<', '>']).nth(1).expect("a path");
                self.recipients.push(path.to_owned());
            }
            "RSET" => *self = Self::default(),
            "EHLO" | "HELO" | "STARTTLS" | "AUTH" | "RCPT" | "DATA" | "QUIT" => {}
            other => assert!(is_response(other), "no command: {line:?}"),
        }
    }
}

/// The code of the next reply.
fn code(said: &mut &[u8]) -> Option<u16> {
    loop {
        let line = naive::line(said)?;
        if line.get(3) != Some(&b'-') {
            return std::str::from_utf8(line.get(..3)?).ok()?.parse().ok();
        }
    }
}

/// What answers a challenge of AUTH: base64, or a star.
fn is_response(line: &str) -> bool {
    line == "*"
        || line
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}
