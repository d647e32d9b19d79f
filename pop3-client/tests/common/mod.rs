//! Plays a scripted server against the machine, cut in every way.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "tokio")]
pub mod driver;
pub mod server;

use bytes::BytesMut;
use postrider_pop3::{Command, Connection, Event, Limits, MessageNumber, Violation};

pub fn n(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

/// One turn: what we send in one flight, and what the server then says.
pub struct Turn(pub Vec<Command>, pub Vec<u8>);

pub fn turn(commands: impl Into<Vec<Command>>, reply: impl AsRef<[u8]>) -> Turn {
    Turn(commands.into(), reply.as_ref().to_vec())
}

/// Greeting, login and CAPA with pipelining, as every script begins.
pub fn opening() -> Vec<Turn> {
    let user = postrider_pop3::UserName::new("u").unwrap();
    let pass = postrider_pop3::Password::new("p").unwrap();
    vec![
        turn([], "+OK evil <1.2@x>\r\n"),
        turn([Command::User(user)], "+OK\r\n"),
        turn([Command::Pass(pass)], "+OK\r\n"),
        turn(
            [Command::Capa],
            "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n",
        ),
    ]
}

/// What a session came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The events, pieces of a body put together; a body that was not finished is left out.
    pub events: Vec<Event>,
    pub error: Option<Violation>,
    /// What was written.
    pub written: Vec<u8>,
}

impl Heard {
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        let bodies = self.events.iter().filter_map(|event| match event {
            Event::Body { bytes, .. } => Some(bytes.to_vec()),
            _ => None,
        });
        bodies.collect()
    }
}

/// How the bytes of each turn are cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Whole,
    EveryByte,
    At(usize),
}

pub fn play(limits: &Limits, turns: &[Turn], cut: Cut, eof: bool) -> Heard {
    let mut pop3 = Connection::new(limits.clone());
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut heard = Heard {
        events: Vec::new(),
        error: None,
        written: Vec::new(),
    };
    for Turn(commands, reply) in turns {
        for command in commands {
            pop3.send(command, &mut out)
                .unwrap_or_else(|e| panic!("{command}: {e}"));
        }
        for chunk in chunks(reply, cut) {
            input.extend_from_slice(chunk);
            if let Err(error) = drain(&mut pop3, &mut input, &mut out, &mut heard.events) {
                heard.error = Some(error);
                break;
            }
        }
    }
    if eof && heard.error.is_none() {
        heard.error = pop3.end_of_input().err();
    }
    if let Some(Event::Body { .. }) = heard.events.last() {
        heard.events.pop();
    }
    heard.written = out.to_vec();
    heard
}

fn chunks(bytes: &[u8], cut: Cut) -> Vec<&[u8]> {
    match cut {
        Cut::Whole => vec![bytes],
        Cut::EveryByte => bytes.chunks(1).collect(),
        Cut::At(at) => {
            let (front, back) = bytes.split_at(at.min(bytes.len()));
            vec![front, back]
        }
    }
}

fn drain(
    pop3: &mut Connection,
    input: &mut BytesMut,
    out: &mut BytesMut,
    events: &mut Vec<Event>,
) -> Result<(), Violation> {
    while let Some(event) = pop3.receive(input)? {
        match (&event, events.last_mut()) {
            (
                Event::Body { number, bytes },
                Some(Event::Body {
                    number: same,
                    bytes: before,
                }),
            ) if number == same => {
                *before = [&before[..], &bytes[..]].concat().into();
            }
            (Event::Challenge, _) => pop3.respond(out).unwrap(),
            _ => events.push(event),
        }
    }
    Ok(())
}

/// Plays the script whole, byte by byte and cut at every offset; all must come to the same.
pub fn play_every_way(limits: &Limits, turns: &[Turn], eof: bool) -> Heard {
    let whole = play(limits, turns, Cut::Whole, eof);
    let expected = comparable(whole.clone());
    let singly = comparable(play(limits, turns, Cut::EveryByte, eof));
    assert_eq!(singly, expected, "byte by byte");
    let longest = turns
        .iter()
        .map(|turn| turn.1.len())
        .max()
        .unwrap_or_default();
    for at in 1..longest.min(400) {
        let cut = comparable(play(limits, turns, Cut::At(at), eof));
        assert_eq!(cut, expected, "cut at {at}");
    }
    whole
}

/// Of unsolicited bytes an error shows what has arrived; that they are an error does not wait for the rest.
fn comparable(mut heard: Heard) -> Heard {
    if let Some(Violation::Unsolicited(line)) = &mut heard.error {
        line.clear();
    }
    heard
}

/// The opening, then these turns, cut every way.
pub fn session(turns: impl IntoIterator<Item = Turn>) -> Heard {
    play_every_way(
        &Limits::default(),
        &opening().into_iter().chain(turns).collect::<Vec<_>>(),
        false,
    )
}

/// The same, and then the server closes.
pub fn session_until_eof(turns: impl IntoIterator<Item = Turn>) -> Heard {
    play_every_way(
        &Limits::default(),
        &opening().into_iter().chain(turns).collect::<Vec<_>>(),
        true,
    )
}
