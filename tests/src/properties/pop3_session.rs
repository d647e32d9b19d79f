use super::naive;
use bytes::BytesMut;
use postrider_pop3::{
    Command, Connection, Event, Limits, MessageNumber, Password, Request, State, UserName,
    Violation,
};
use std::collections::VecDeque;

/// Small, so that they are met.
pub(super) const LIMITS: Limits = Limits {
    status_line: 100,
    max_message: 600,
    size_factor: 2,
    size_slack: 100,
    max_entries: 20,
    capa_lines: 10,
};

/// The input plays a POP3 server: its first octet says how it is cut into reads, and whether TLS is wanted; the rest is
/// what the server says.
///
/// * How the input is cut never matters.
/// * A message is complete exactly when a naive reading of the same bytes says so, and has the same octets (RFC 1939 §3).
/// * No DELE is permitted by a RETR that is not complete.
/// * What is held back unread stays within the limits.
pub fn pop3_session(input: &[u8]) {
    let (&how, server) = input.split_first().unwrap_or((&0, &[]));
    let (cut, wants_tls) = (usize::from(how & 15) + 1, how & 64 != 0);
    let whole = Session::play(server, server.len().max(1), wants_tls);
    let pieces = Session::play(server, cut, wants_tls);
    assert_eq!(whole.end, pieces.end, "the end depends on the chunks");
    assert_eq!(whole.written, pieces.written, "written depends on chunks");
    assert_eq!(whole.answers, pieces.answers, "answers depend on chunks");
    whole.matches_naive(server);
}

/// An answer that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    ok: bool,
    /// Of a message, dots removed.
    body: Option<Vec<u8>>,
}

/// A client that wants all mail, and the bytes it has seen.
struct Session {
    connection: Connection,
    todo: VecDeque<Command>,
    requests: Vec<Request>,
    answers: Vec<Answer>,
    body: Vec<u8>,
    heard: Vec<u8>,
    written: BytesMut,
    end: Option<std::mem::Discriminant<Violation>>,
}

impl Session {
    fn play(server: &[u8], cut: usize, wants_tls: bool) -> Self {
        let mut session = Self {
            connection: Connection::new(LIMITS),
            todo: VecDeque::from([Command::Capa]),
            requests: Vec::new(),
            answers: Vec::new(),
            body: Vec::new(),
            heard: Vec::new(),
            written: BytesMut::new(),
            end: None,
        };
        session.todo.extend(match wants_tls {
            true => vec![Command::Stls],
            false => vec![
                Command::User(UserName::new("ada").expect("a name")),
                Command::Pass(Password::new("secret").expect("a password")),
                Command::Stat,
                Command::List(None),
                Command::Uidl(None),
            ],
        });
        let mut input = BytesMut::new();
        for chunk in server.chunks(cut) {
            input.extend_from_slice(chunk);
            session.heard.extend_from_slice(chunk);
            if !session.read(&mut input) {
                break;
            }
            assert!(input.len() <= LIMITS.status_line, "{} held", input.len());
        }
        session
    }

    /// Takes every event; false if the session is over.
    fn read(&mut self, input: &mut BytesMut) -> bool {
        loop {
            match self.connection.receive(input) {
                Ok(Some(event)) => self.on(event),
                Ok(None) => return true,
                Err(violation) => {
                    assert_eq!(self.connection.state(), State::Closed);
                    self.end = Some(std::mem::discriminant(&violation));
                    return false;
                }
            }
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Body { bytes, .. } => {
                assert!(!bytes.is_empty());
                self.body.extend_from_slice(&bytes);
            }
            Event::Accepted { request, .. } => self.answered(request, true, None),
            Event::Refused {
                request: Some(request),
                ..
            } => self.answered(request, false, None),
            Event::Finished { request, octets } => {
                let body = std::mem::take(&mut self.body);
                let message = matches!(request, Request::Retr(_)).then_some(body);
                assert_eq!(octets, message.as_ref().map_or(0, Vec::len) as u64);
                self.answered(request, true, message);
            }
            Event::DropListing(listing) => {
                let numbers = (1..=listing.count.min(5)).filter_map(|n| MessageNumber::new(n).ok());
                self.todo.extend(numbers.map(Command::Retr));
                self.todo.push_back(Command::Quit);
            }
            _ => {}
        }
        self.say();
    }

    fn answered(&mut self, request: Request, ok: bool, body: Option<Vec<u8>>) {
        if request == Request::Stls && ok {
            // The twin knows nothing of TLS, and nothing that matters follows.
            return;
        }
        if let (Request::Retr(number), true) = (request, ok) {
            self.todo.push_front(Command::Dele(number));
        }
        self.answers.push(Answer { ok, body });
    }

    /// Sends what may be sent: a command that must wait waits, one that may never be sent is forgotten.
    fn say(&mut self) {
        while let Some(command) = self.todo.front() {
            let before = self.written.len();
            match self.connection.send(command, &mut self.written) {
                Ok(()) => {
                    let request = command.request();
                    if let Request::Dele(number) = request {
                        self.is_complete(number);
                    }
                    self.requests.push(request);
                }
                Err(_) => {
                    assert_eq!(before, self.written.len(), "refused, yet written");
                    if self.connection.awaited().len() > 0 {
                        return;
                    }
                }
            }
            self.todo.pop_front();
        }
    }

    fn is_complete(&self, number: MessageNumber) {
        let answers = naive_answers(&self.heard, &self.requests);
        let retr = self
            .requests
            .iter()
            .position(|r| *r == Request::Retr(number));
        let answer = retr.and_then(|place| answers.get(place));
        assert!(
            answer.is_some_and(|answer| answer.ok && answer.body.is_some()),
            "DELE {number} before its message is complete"
        );
    }

    fn matches_naive(&self, server: &[u8]) {
        let naive = naive_answers(server, &self.requests);
        assert!(self.answers.len() <= naive.len(), "more than was answered");
        assert_eq!(self.answers, naive[..self.answers.len()]);
        let greeted = server.starts_with(b"+OK");
        if self.end.is_none() && greeted && !self.requests.contains(&Request::Stls) {
            assert_eq!(self.answers.len(), naive.len(), "an answer was missed");
        }
    }
}

/// The answers to `requests`, read from the server's bytes in the most obvious way.
fn naive_answers(server: &[u8], requests: &[Request]) -> Vec<Answer> {
    let mut rest = server;
    let mut answers = Vec::new();
    if naive::line(&mut rest).is_none() {
        return answers;
    }
    for request in requests {
        let Some(line) = naive::line(&mut rest) else {
            break;
        };
        let ok = line.starts_with(b"+OK");
        let ending: &[u8] = if line.ends_with(b"\r\n") {
            b"\r\n"
        } else {
            b"\n"
        };
        let (body, whole) = match (request, ok) {
            (Request::Retr(_), true) => {
                let body = naive::dotted(&mut rest, ending);
                let whole = body.is_some();
                (body, whole)
            }
            (Request::Capa | Request::List(None) | Request::Uidl(None), true) => {
                (None, naive::listing(&mut rest).is_some())
            }
            _ => (None, true),
        };
        if !whole {
            break;
        }
        answers.push(Answer { ok, body });
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_reaches_the_end_of_a_session() {
        let seed = include_bytes!("../../../fuzz/seeds/pop3_session/pipelined");
        let session = Session::play(&seed[1..], 7, false);
        let written = String::from_utf8(session.written.to_vec()).unwrap();
        assert!(written.contains("RETR 1\r\nRETR 2\r\n"), "{written}");
        assert!(
            written.ends_with("DELE 1\r\nDELE 2\r\nQUIT\r\n"),
            "{written}"
        );
        assert_eq!(session.answers.len(), session.requests.len());
        assert_eq!(session.connection.state(), State::Closed);
    }
}
