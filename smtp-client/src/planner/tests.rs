//! The planner step by step: what it writes after which reply, and what becomes of everybody.

mod flow;
mod levels;
mod lost;
mod needs;
mod queue;
mod replies;

use super::*;
use crate::connection::tests::connection;
use crate::{Body, Cause, Envelope, MailParameters, Protocol};

const HELLO: &[u8] = b"hello\r\n";

const QUEUED: &str = "accepted at end of data: 250 queued";

/// A connection that is ready, to a server that offers these.
fn ready(offers: &[&str]) -> Connection {
    connection(Protocol::Smtp, offers)
}

fn at(pipelining: Pipelining) -> Policy {
    Policy {
        pipelining,
        ..Policy::default()
    }
}

fn to(recipients: &[&str]) -> Envelope {
    Envelope::parse("a@x", recipients.iter().copied()).unwrap()
}

/// A mail of octets that are no lines (RFC 3030 §3).
fn binary() -> Envelope {
    to(&["1@x"]).with_parameters(MailParameters {
        body: Some(Body::BinaryMime),
        ..MailParameters::default()
    })
}

/// A planner at work. Lines stand without their CRLF.
struct Dialogue<'m> {
    planner: Planner<'m>,
    input: BytesMut,
}

impl<'m> Dialogue<'m> {
    fn new(connection: &'m mut Connection, policy: Policy, mails: &'m [Mail<'m>]) -> Self {
        Self::of(Planner::new(connection, policy, mails))
    }

    fn of(planner: Planner<'m>) -> Self {
        let input = BytesMut::new();
        Self { planner, input }
    }

    /// Writes these lines now, and nothing more before the next reply.
    #[track_caller]
    fn says(&mut self, lines: &[&str]) {
        let written = self.written(usize::MAX);
        let written: Vec<_> = written.split_inclusive("\r\n").collect();
        let lines: Vec<_> = lines.iter().map(|line| format!("{line}\r\n")).collect();
        assert_eq!(written, lines);
    }

    /// What is written, but for what does not fit into so many octets.
    fn written(&mut self, at_most: usize) -> String {
        let mut written = Vec::new();
        while self.planner.wants_write() && written.len() < at_most {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let n = self.planner.slices(&mut slices);
            let octets: Vec<u8> = slices[..n].iter().flat_map(|s| s.to_vec()).collect();
            let n = octets.len().min(at_most - written.len());
            assert!(n > 0 && written.len() < 1 << 20, "it never ends");
            written.extend_from_slice(&octets[..n]);
            self.planner.advance(n);
        }
        String::from_utf8(written).unwrap()
    }

    #[track_caller]
    fn hears(&mut self, replies: &[&str]) {
        self.hear(replies).unwrap();
    }

    /// Hears what ends the dialogue.
    #[track_caller]
    fn hears_the_end(&mut self, replies: &[&str]) -> Error {
        let error = self.hear(replies).unwrap_err();
        assert!(self.planner.is_done() && !self.planner.wants_write());
        error
    }

    fn hear(&mut self, replies: &[&str]) -> Result<(), Error> {
        for reply in replies {
            self.input.extend_from_slice(reply.as_bytes());
            self.input.extend_from_slice(b"\r\n");
        }
        self.planner.receive(&mut self.input)
    }

    /// The next mail that is settled, as its number and verdicts.
    fn settled(&mut self) -> Option<(usize, Vec<String>)> {
        let (mail, outcomes) = self.planner.settled()?;
        Some((mail, outcomes.iter().map(verdict).collect()))
    }

    /// The next mail is settled, and it is this one.
    #[track_caller]
    fn settles(&mut self, mail: usize, verdicts: &[&str]) {
        let verdicts = verdicts.iter().map(|&v| v.to_owned()).collect();
        assert_eq!(self.settled(), Some((mail, verdicts)));
    }

    /// Nobody waits for anything any more.
    #[track_caller]
    fn is_over(&mut self) {
        assert_eq!(self.settled(), None);
        assert!(self.planner.is_done() && !self.planner.wants_write());
        assert_eq!(self.planner.stage(), Stage::Other);
    }
}

/// `accepted at end of data: 250 queued`; an error by its kind.
fn verdict(outcome: &RecipientOutcome) -> String {
    let cause = match &outcome.cause {
        Cause::Reply(reply) => reply.to_string(),
        Cause::Error(error) => format!("{:?}", error.kind()),
    };
    format!("{} at {}: {cause}", outcome.outcome, outcome.stage)
}

/// Mails in flights of their own, of which the first is written.
fn flight<'m>(connection: &'m mut Connection, mails: &'m [Mail<'m>]) -> Dialogue<'m> {
    let mut dialogue = Dialogue::new(connection, at(Pipelining::Flight), mails);
    let written = dialogue.written(usize::MAX);
    assert!(written.starts_with("MAIL") && written.ends_with("\r\nDATA\r\n"));
    dialogue
}
