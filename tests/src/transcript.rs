//! Transcripts: dialogues as text files, replayed against the machines. `tests/transcripts/README.md` has the format.

mod pop3;
mod smtp;

use bytes::BytesMut;
use postrider_smtp::Protocol;
use std::fs;
use std::path::Path;

/// A dialogue: turns of the server, each with what the client makes of it and says to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue {
    turns: Vec<Turn>,
}

/// What the server says until the client answers, what that means, and what the client answers, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Turn {
    server: Vec<u8>,
    events: Vec<String>,
    client: Vec<String>,
}

/// A machine under test, driven by the lines of a dialogue.
trait Player {
    /// Takes all events from `input`, each told in one line.
    fn receive(&mut self, input: &mut BytesMut) -> Vec<String>;
    /// Sends the command that is written as `line`; what it wrote goes to `out`.
    fn send(&mut self, line: &str, out: &mut BytesMut);
}

impl Dialogue {
    /// Reads a dialogue.
    ///
    /// # Panics
    /// If a line is of no kind that there is, or the client speaks first.
    pub fn parse(text: &str) -> Self {
        let mut dialogue = Self::default();
        let spoken = text.lines().filter(|line| !line.is_empty());
        for line in spoken.filter(|line| !line.starts_with('#')) {
            let (mark, said) = line.split_at_checked(3).unwrap_or((line, ""));
            if mark == "S: " && dialogue.turns.last().is_none_or(|t| !t.client.is_empty()) {
                dialogue.turns.push(Turn::default());
            }
            let turn = dialogue.turns.last_mut().expect("the server speaks first");
            match mark {
                "S: " | "S:" => turn
                    .server
                    .extend([unescaped(said), b"\r\n".into()].concat()),
                "=  " => turn.events.push(said.to_owned()),
                "C: " => turn.client.push(said.to_owned()),
                _ => panic!("neither S, C, = nor #: {line:?}"),
            }
        }
        assert!(!dialogue.turns.is_empty(), "nobody says anything");
        dialogue
    }

    /// Replays it against the POP3 machine, with the server's bytes cut in every way.
    ///
    /// # Panics
    /// If the machine says anything else, or understands anything else.
    pub fn replay_pop3(&self) {
        self.replay(pop3::Client::new);
    }

    /// Replays it against the SMTP machine, in the same way.
    ///
    /// # Panics
    /// As [`Dialogue::replay_pop3`].
    pub fn replay_smtp(&self) {
        self.replay(|| smtp::Client::new(Protocol::Smtp));
    }

    /// Replays it against the SMTP machine that speaks LMTP.
    ///
    /// # Panics
    /// As [`Dialogue::replay_pop3`].
    pub fn replay_lmtp(&self) {
        self.replay(|| smtp::Client::new(Protocol::Lmtp));
    }

    fn replay<P: Player>(&self, machine: impl Fn() -> P) {
        let longest = self.turns.iter().map(|turn| turn.server.len()).max();
        let longest = longest.unwrap_or_default();
        for size in 1..=longest {
            self.replay_cut(&mut machine(), |turn| turn.chunks(size).collect());
        }
        for place in 1..longest {
            self.replay_cut(&mut machine(), |turn| match turn.split_at_checked(place) {
                Some((front, back)) => vec![front, back],
                None => vec![turn],
            });
        }
    }

    fn replay_cut(&self, machine: &mut impl Player, cut: impl Fn(&[u8]) -> Vec<&[u8]>) {
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        for turn in &self.turns {
            let mut events = Vec::new();
            for chunk in cut(&turn.server) {
                input.extend_from_slice(chunk);
                events.extend(machine.receive(&mut input));
            }
            assert!(input.is_empty(), "left unread: {input:?}");
            let events = joined(events);
            if !turn.events.is_empty() {
                assert_eq!(events, turn.events, "{turn:?}");
            }
            for line in &turn.client {
                machine.send(line, &mut out);
                assert_eq!(out, format!("{line}\r\n").as_bytes(), "for {line:?}");
                out.clear();
            }
        }
    }
}

/// Content arrives in pieces that depend on the chunks: `"a"` and `"b"` are told as `"ab"`.
fn joined(events: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for event in events {
        match (joined.last_mut(), event.strip_prefix('"')) {
            (Some(last), Some(more)) if last.starts_with('"') => {
                last.pop();
                last.push_str(more);
            }
            _ => joined.push(event),
        }
    }
    joined
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next() {
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('\\') => out.push(b'\\'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two hexadecimal digits"));
            }
            other => panic!("an escape of no kind: {other:?} in {text:?}"),
        }
    }
    out
}

/// Hands every dialogue of a folder below `tests/transcripts` to `replay`, and says how many there were.
///
/// # Panics
/// If the folder cannot be read, or `replay` does.
pub fn each(folder: &str, replay: impl Fn(&Dialogue)) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transcripts")
        .join(folder);
    let files = fs::read_dir(&folder).expect("a folder of transcripts");
    let mut count = 0;
    for file in files {
        let file = file.expect("an entry").path();
        println!("{}", file.display());
        replay(&Dialogue::parse(
            &fs::read_to_string(&file).expect("a transcript"),
        ));
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "S: +OK ready\nC: QUIT\nS: +OK bye\n=  accepted QUIT\n";

    #[test]
    fn a_dialogue_that_is_kept_is_replayed() {
        Dialogue::parse(SHORT).replay_pop3();
    }

    #[test]
    #[should_panic(expected = "accepted NOOP")]
    fn another_meaning_is_noticed() {
        Dialogue::parse(&SHORT.replace("accepted QUIT", "accepted NOOP")).replay_pop3();
    }

    #[test]
    #[should_panic(expected = "left unread")]
    fn what_nobody_asked_for_is_noticed() {
        Dialogue::parse("S: +OK ready\nS: +OK again\nC: QUIT").replay_pop3();
    }

    #[test]
    #[should_panic(expected = "USER ada ")]
    fn another_command_line_is_noticed() {
        Dialogue::parse("S: +OK ready\nC: USER ada \n").replay_pop3();
    }
}
