use super::Player;
use bytes::BytesMut;
use postrider_smtp::transparency::Transparency;
use postrider_smtp::{
    Argument, Body, Command, Connection, Domain, Event, ForwardPath, Limits, MailParameters,
    Meaning, Protocol, RcptParameters, ReversePath, State,
};
use postrider_wire::Secret;
use postrider_wire::sasl::Mechanism;

pub(super) struct Client {
    connection: Connection,
    /// A message that is being sent as lines.
    message: Option<Transparency>,
    /// Octets of a chunk that are still to come.
    chunk: usize,
}

impl Client {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            connection: Connection::new(protocol, Limits::default()),
            message: None,
            chunk: 0,
        }
    }

    /// A line of a message. The final dot stands for itself: what ends the message is up to us.
    fn content(&mut self, line: &str, out: &mut BytesMut) {
        if self.message.is_none() {
            self.connection.content().expect("the server waits for it");
        }
        let mut message = self.message.take().unwrap_or_default();
        if line == "." {
            out.extend_from_slice(message.end());
            return;
        }
        let line = format!("{}\r\n", line.strip_prefix('.').unwrap_or(line));
        for slice in message.encode(line.as_bytes()) {
            out.extend_from_slice(slice);
        }
        self.message = Some(message);
    }
}

impl Player for Client {
    fn receive(&mut self, input: &mut BytesMut) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            match self.connection.receive(input) {
                Ok(Some(event)) => told.push(tell(&event)),
                Ok(None) => return told,
                Err(error) => {
                    told.push(format!("error: {error}"));
                    return told;
                }
            }
        }
    }

    fn send(&mut self, line: &str, out: &mut BytesMut) {
        if self.message.is_some() || self.connection.state() == State::Data {
            return self.content(line, out);
        }
        if self.chunk > 0 {
            // A chunk is written as it is; the machine only counts on it.
            let octets = line.len() + 2;
            self.chunk = self
                .chunk
                .checked_sub(octets)
                .expect("a chunk ends with a line");
            out.extend_from_slice(format!("{line}\r\n").as_bytes());
            return;
        }
        let state = self.connection.state();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut say = |command: &Command<'_>| {
            let sent = self.connection.send(command, out);
            sent.unwrap_or_else(|error| panic!("{line:?} cannot be said: {error}"));
        };
        match verb {
            _ if state == State::Auth => say(&Command::AuthResponse(&Secret::new(line))),
            "EHLO" => say(&Command::Ehlo(&domain(rest))),
            "LHLO" => say(&Command::Lhlo(&domain(rest))),
            "HELO" => say(&Command::Helo(&domain(rest))),
            "AUTH" => {
                let (name, initial) = rest.split_once(' ').unwrap_or((rest, ""));
                let mechanism = Mechanism::from_name(name).expect("a mechanism");
                let initial = (!initial.is_empty()).then(|| Secret::new(initial));
                say(&Command::Auth(mechanism, initial.as_ref()));
            }
            "MAIL" => {
                let (path, parameters) = path(rest);
                let from: ReversePath = path.parse().expect("a path");
                say(&Command::Mail(&from, &mail_parameters(parameters)));
            }
            "RCPT" => {
                let to: ForwardPath = path(rest).0.parse().expect("a path");
                say(&Command::Rcpt(&to, &RcptParameters::default()));
            }
            "DATA" => say(&Command::Data),
            "BDAT" => {
                let last = rest.ends_with(" LAST");
                let octets: u64 = rest.trim_end_matches(" LAST").parse().expect("a number");
                say(&Command::Bdat { octets, last });
                self.chunk = usize::try_from(octets).expect("a small chunk");
            }
            "RSET" => say(&Command::Rset),
            "VRFY" => say(&Command::Vrfy(
                &rest.parse::<Argument>().expect("an argument"),
            )),
            "NOOP" => say(&Command::Noop),
            "QUIT" => say(&Command::Quit),
            _ => panic!("no command of SMTP: {line:?}"),
        }
    }
}

fn domain(text: &str) -> Domain {
    text.parse().expect("a domain")
}

/// What stands between `<` and `>`, and what follows.
fn path(text: &str) -> (&str, &str) {
    let (_, text) = text.split_once('<').expect("a path in brackets");
    text.split_once('>').expect("a path in brackets")
}

fn mail_parameters(text: &str) -> MailParameters {
    let mut parameters = MailParameters::default();
    for parameter in text.split(' ').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("SIZE", size)) => parameters.size = Some(size.parse().expect("a size")),
            Some(("BODY", "8BITMIME")) => parameters.body = Some(Body::EightBitMime),
            _ => panic!("no parameter of MAIL that a transcript may have: {parameter:?}"),
        }
    }
    parameters
}

fn tell(event: &Event) -> String {
    let meaning = match event.meaning {
        Meaning::Done => "done",
        Meaning::Continue => "continue",
        Meaning::Refused => "refused",
    };
    format!("{meaning} {:?}", event.to)
}
