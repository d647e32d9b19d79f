use bytes::BytesMut;
use postrider_smtp::opening::{Opening, Progress, Terms};
use postrider_smtp::planner::{Planner, Policy, SLICES};
use postrider_smtp::{
    Connection, Credentials, Domain, Error, ErrorKind, Limits, LineEnds, Mail, Outcome, Pipelining,
    Protocol, RecipientOutcome, Security, Stage, Transcript,
};
use std::io::IoSlice;
use std::net::Ipv4Addr;

/// How the client is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) pipelining: Pipelining,
    pub(super) security: Security,
    pub(super) login: bool,
    pub(super) line_ends: LineEnds,
}

/// A driver of the machines without a socket: what the server says comes from a slice, what is written goes to a vector.
pub(super) struct Client<'m> {
    wanted: Wanted,
    mails: &'m [Mail<'m>],
    /// Everything that was written, before and inside TLS.
    pub(super) written: Vec<u8>,
    /// How much of it was written before TLS, if there is TLS.
    pub(super) tls_from: Option<usize>,
    pub(super) outcomes: Vec<Option<Vec<RecipientOutcome>>>,
    /// What a person may get to see: transcript and errors.
    pub(super) shown: String,
}

impl<'m> Client<'m> {
    pub(super) fn new(wanted: Wanted, mails: &'m [Mail<'m>]) -> Self {
        Self {
            wanted,
            mails,
            written: Vec::new(),
            tls_from: None,
            outcomes: vec![None; mails.len()],
            shown: String::new(),
        }
    }

    /// Hears what comes with each read, and writes `step` times `step` octets at a time.
    pub(super) fn hear<'s>(&mut self, reads: impl IntoIterator<Item = &'s [u8]>, step: usize) {
        let (transcript, lines) = Transcript::in_memory();
        let mut reads = reads.into_iter();
        let mut input = BytesMut::new();
        match self.open(&mut reads, &mut input, transcript) {
            Some(mut connection) => self.send(&mut connection, &mut reads, &mut input, step),
            // What the library's driver does when no session can be had: nobody is served.
            None => self.settle_all(&Error::new(Stage::Greeting, ErrorKind::Closed)),
        }
        for line in lines() {
            self.shown += &line.to_string();
        }
    }

    /// It wrote the same, at the same moment began TLS, and came to the same outcomes.
    pub(super) fn is_like(&self, other: &Self) {
        assert_eq!(
            self.verdicts(),
            other.verdicts(),
            "outcomes depend on chunks"
        );
        assert_eq!(self.tls_from, other.tls_from, "TLS depends on chunks");
        assert_eq!(
            self.foreseen().escape_ascii().to_string(),
            other.foreseen().escape_ascii().to_string(),
            "written depends on chunks"
        );
    }

    fn verdicts(&self) -> Vec<Option<Vec<(String, Outcome)>>> {
        let of_mail = |outcomes: &Vec<RecipientOutcome>| {
            let verdict = |one: &RecipientOutcome| (one.recipient.as_str().to_owned(), one.outcome);
            outcomes.iter().map(verdict).collect::<Vec<_>>()
        };
        let mails = self.outcomes.iter();
        mails.map(|mail| mail.as_ref().map(of_mail)).collect()
    }

    /// What was written before SCRAM: that begins with a nonce of its own each time.
    fn foreseen(&self) -> &[u8] {
        let scram = b"AUTH SCRAM-";
        let end = self.written.windows(scram.len()).position(|w| w == scram);
        &self.written[..end.unwrap_or(self.written.len())]
    }

    fn open<'s>(
        &mut self,
        reads: &mut impl Iterator<Item = &'s [u8]>,
        input: &mut BytesMut,
        transcript: Transcript,
    ) -> Option<Connection> {
        let credentials = Credentials::password("ada", "hunter2").expect("credentials");
        let terms = Terms {
            protocol: Protocol::Smtp,
            ehlo_name: Domain::from_ip(Ipv4Addr::LOCALHOST.into()),
            security: self.wanted.security,
            credentials: self.wanted.login.then_some(credentials),
            clear_text_credentials: false,
            limits: limits(),
            transcript,
            xclient: Vec::new(),
        };
        let mut opening = Opening::new(terms, false);
        let mut out = BytesMut::new();
        for read in reads {
            input.extend_from_slice(read);
            let progress = opening.receive(input, &mut out);
            self.written.extend_from_slice(&out.split());
            match progress {
                Ok(Progress::Read) => {}
                Ok(Progress::Ready) => return Some(opening.into_connection()),
                Ok(Progress::StartTls) => {
                    assert!(input.is_empty(), "clear text would reach the TLS session");
                    self.tls_from = Some(self.written.len());
                    opening.tls_started(&mut out).expect("the server agreed");
                    self.written.extend_from_slice(&out.split());
                }
                Err(error) => {
                    self.show(&error);
                    return None;
                }
            }
            assert_bounded(input);
        }
        None
    }

    fn send<'s>(
        &mut self,
        connection: &mut Connection,
        reads: &mut impl Iterator<Item = &'s [u8]>,
        input: &mut BytesMut,
        step: usize,
    ) {
        let policy = Policy {
            pipelining: self.wanted.pipelining,
            line_ends: self.wanted.line_ends,
            limits: limits(),
        };
        let mut planner = Planner::new(connection, policy, self.mails);
        self.write(&mut planner, step);
        let mut over = planner.receive(input).is_err();
        while !over && !planner.is_done() {
            self.write(&mut planner, step);
            let Some(read) = reads.next() else {
                planner.lost(ErrorKind::Closed);
                break;
            };
            input.extend_from_slice(read);
            match planner.receive(input) {
                Ok(()) => assert_bounded(input),
                Err(error) => {
                    self.show(&error);
                    over = true;
                }
            }
        }
        self.write(&mut planner, step);
        while let Some((mail, outcomes)) = planner.settled() {
            assert!(self.outcomes[mail].is_none(), "settled twice");
            for outcome in &outcomes {
                self.shown += &format!("{outcome} {outcome:?}");
            }
            self.outcomes[mail] = Some(outcomes);
        }
        assert!(!planner.wants_write(), "still something to write");
    }

    fn write(&mut self, planner: &mut Planner<'_>, step: usize) {
        while planner.wants_write() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = planner.slices(&mut slices);
            let octets: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|s| s.iter().copied())
                .collect();
            let octets = &octets[..octets.len().min(step * step)];
            assert!(!octets.is_empty(), "wants to write nothing");
            self.written.extend_from_slice(octets);
            planner.advance(octets.len());
        }
    }

    fn settle_all(&mut self, error: &Error) {
        for (outcomes, mail) in self.outcomes.iter_mut().zip(self.mails) {
            let recipients = mail.envelope.recipients().iter();
            *outcomes = Some(
                recipients
                    .map(|recipient| RecipientOutcome {
                        recipient: recipient.clone(),
                        outcome: Outcome::Deferred,
                        stage: error.stage(),
                        cause: postrider_smtp::Cause::Error(error.clone()),
                    })
                    .collect(),
            );
        }
    }

    fn show(&mut self, error: &Error) {
        self.shown += &format!("{error} {error:?}");
    }
}

/// Small, so that they are met.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.line, limits.reply, limits.lines) = (200, 600, 8);
    limits.window = 64;
    limits
}

fn assert_bounded(input: &BytesMut) {
    // A challenge may be longer than any other line (RFC 4954 §4), but no reply may be.
    assert!(input.len() <= limits().reply, "{} octets held", input.len());
}
