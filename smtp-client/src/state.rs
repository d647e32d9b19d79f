//! The states of an SMTP dialogue: which command may be sent in which state, and what each reply makes of it.
//!
//! Everything that changes the state is in [`State::after`]; everything that decides what may be sent is in
//! [`State::permits`]. The diagram is made from these two functions:
//!
#![doc = include_str!("state.md")]

use crate::{Awaited, ReplyCode};

/// Where a dialogue is (RFC 5321 §4.1.4), as far as the replies have confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// The connection is open; the server has not said a word.
    Connected,
    /// The server has greeted us, or TLS has just begun: EHLO is next.
    Greeted,
    /// The session is open, and no transaction is.
    Ready,
    /// TLS has been agreed; the next byte belongs to it.
    Tls,
    /// The server has asked a question of the AUTH dialogue.
    Auth,
    /// A transaction is open; it has no recipient.
    Mail,
    /// The transaction has a recipient.
    Rcpt,
    /// The server waits for the message, as lines with a final dot.
    Data,
    /// A chunk of the message was sent.
    Chunks,
    /// The server will not serve us; we may say QUIT.
    Refused,
    /// The dialogue is over.
    Closed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Connected,
        Self::Greeted,
        Self::Ready,
        Self::Tls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Chunks,
        Self::Refused,
        Self::Closed,
    ];

    /// Whether a command that is answered as `awaited` may be sent in this state.
    pub fn permits(self, awaited: Awaited) -> bool {
        use Awaited as A;
        match self {
            Self::Connected | Self::Tls | Self::Closed => false,
            Self::Refused => awaited == A::Quit,
            Self::Greeted => matches!(awaited, A::Ehlo | A::Helo | A::Reset | A::Other | A::Quit),
            Self::Ready => matches!(
                awaited,
                A::Ehlo
                    | A::Helo
                    | A::StartTls
                    | A::Auth
                    | A::XClient
                    | A::Mail
                    | A::Reset
                    | A::Other
                    | A::Quit
            ),
            Self::Auth => awaited == A::Auth,
            Self::Mail => matches!(awaited, A::Rcpt | A::Reset | A::Other | A::Quit),
            Self::Rcpt => matches!(
                awaited,
                A::Rcpt | A::Data | A::Chunk | A::LastChunk | A::Reset | A::Other | A::Quit
            ),
            Self::Data => awaited == A::EndOfData,
            Self::Chunks => matches!(awaited, A::Chunk | A::LastChunk | A::Reset | A::Quit),
        }
    }

    /// The state after a reply.
    ///
    /// A reply to a pipelined command may come in a state that would not permit the command, because one before it was
    /// refused. Such a reply changes nothing; only `354` does, for the server waits for a message then, rightly or not.
    pub fn after(self, awaited: Awaited, meaning: Meaning) -> Self {
        use Awaited as A;
        use Meaning::{Continue, Done, Refused};
        match (self, awaited, meaning) {
            (Self::Closed, ..) | (_, A::Quit, _) => Self::Closed,
            (_, A::Greeting, Done) => Self::Greeted,
            (_, A::Greeting, _) => Self::Refused,
            (Self::Refused, ..) => Self::Refused,
            (_, A::Ehlo | A::Helo, Done) => Self::Ready,
            (_, A::StartTls, Done) => Self::Tls,
            (_, A::XClient, Done) => Self::Greeted,
            (_, A::Auth, Continue) => Self::Auth,
            (_, A::Auth, _) => Self::Ready,
            (Self::Ready, A::Mail, Done) => Self::Mail,
            (Self::Mail, A::Rcpt, Done) => Self::Rcpt,
            (_, A::Data, Continue) => Self::Data,
            (_, A::EndOfData, _) => Self::Ready,
            (Self::Rcpt, A::Chunk, Done) => Self::Chunks,
            (Self::Mail | Self::Rcpt | Self::Chunks, A::LastChunk, Done) => Self::Ready,
            (Self::Mail | Self::Rcpt | Self::Chunks, A::Reset, Done) => Self::Ready,
            (unchanged, _, Done | Continue | Refused) => unchanged,
        }
    }
}

/// What a reply means to the command that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// It was done: 2yz.
    Done,
    /// More is wanted: `334` in AUTH, `354` after DATA.
    Continue,
    /// It was not done: 4yz or 5yz.
    Refused,
}

impl Meaning {
    /// The meaning of a code in answer to something; `None` if it is no answer to that.
    pub fn of(code: ReplyCode, awaited: Awaited) -> Option<Self> {
        use Awaited as A;
        match (awaited, code.value()) {
            (_, 400..) => Some(Self::Refused),
            (A::Greeting | A::StartTls, 220) | (A::Ehlo | A::Helo, 250) => Some(Self::Done),
            (A::Auth, 235) => Some(Self::Done),
            (A::Auth, 334) | (A::Data, 354) => Some(Self::Continue),
            (A::Greeting | A::StartTls | A::Ehlo | A::Helo | A::Auth | A::Data, _) => None,
            (_, 200..300) => Some(Self::Done),
            _ => None,
        }
    }

    /// What a client that pipelines hopes for.
    pub(crate) fn hoped_for(awaited: Awaited) -> Self {
        match awaited {
            Awaited::Data => Self::Continue,
            _ => Self::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// Every way from one state to another, as a Mermaid diagram.
    fn diagram() -> String {
        let mut text = String::from("```mermaid\nstateDiagram-v2\n    [*] --> Connected\n");
        for from in State::ALL {
            for awaited in Awaited::ALL {
                let greeting = from == State::Connected && awaited == Awaited::Greeting;
                if from.permits(awaited) || greeting {
                    write_edges(&mut text, from, awaited);
                }
            }
        }
        text.push_str("    Tls --> Greeted: handshake\n    Closed --> [*]\n```\n");
        text
    }

    fn write_edges(text: &mut String, from: State, awaited: Awaited) {
        let possible = |meaning: &Meaning| {
            (200..600)
                .filter_map(ReplyCode::new)
                .any(|code| Meaning::of(code, awaited) == Some(*meaning))
        };
        let mut meanings = vec![Meaning::Done, Meaning::Continue, Meaning::Refused];
        meanings.retain(possible);
        let ways: Vec<State> = meanings.iter().map(|&m| from.after(awaited, m)).collect();
        if ways.iter().all(|to| *to == ways[0]) {
            return writeln!(text, "    {from:?} --> {:?}: {awaited:?}", ways[0]).unwrap();
        }
        for (meaning, to) in meanings.iter().zip(ways) {
            if to != from {
                writeln!(text, "    {from:?} --> {to:?}: {awaited:?} {meaning:?}").unwrap();
            }
        }
    }

    #[test]
    fn the_diagram_in_the_documentation_is_the_one_the_code_gives() {
        assert_eq!(
            include_str!("state.md"),
            diagram(),
            "write this to src/state.md:\n{}",
            diagram()
        );
    }

    #[test]
    fn every_state_can_be_reached_and_left() {
        let diagram = diagram();
        for state in State::ALL {
            assert!(diagram.contains(&format!("--> {state:?}")), "{state:?}");
            assert!(diagram.contains(&format!("    {state:?} -->")), "{state:?}");
        }
    }

    #[test]
    fn rfc5321_4_3_2_a_code_that_is_no_answer_has_no_meaning() {
        let meaning = |code, awaited| Meaning::of(ReplyCode::new(code).unwrap(), awaited);
        assert_eq!(meaning(250, Awaited::Data), None);
        assert_eq!(meaning(354, Awaited::Rcpt), None);
        assert_eq!(meaning(334, Awaited::Mail), None);
        assert_eq!(meaning(250, Awaited::Auth), None);
        assert_eq!(meaning(250, Awaited::StartTls), None);
        assert_eq!(meaning(252, Awaited::Rcpt), Some(Meaning::Done));
        assert_eq!(meaning(354, Awaited::EndOfData), None);
    }
}
