use super::Player;
use bytes::BytesMut;
use postrider_pop3::{
    Command, Connection, Credentials, Event, Limits, MessageNumber, Password, Request, UserName,
};
use postrider_wire::sasl::Mechanism;

/// The credentials of RFC 4616 §4.
const USER: &str = "tim";
const PASSWORD: &str = "tanstaaftanstaaf";

pub(super) struct Client {
    connection: Connection,
    challenged: bool,
}

impl Client {
    pub(super) fn new() -> Self {
        Self {
            connection: Connection::new(Limits::default()),
            challenged: false,
        }
    }
}

impl Player for Client {
    fn receive(&mut self, input: &mut BytesMut) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            match self.connection.receive(input) {
                Ok(Some(event)) => {
                    self.challenged = event == Event::Challenge;
                    told.push(tell(&event));
                }
                Ok(None) => return told,
                Err(violation) => {
                    told.push(format!("violation: {violation}"));
                    return told;
                }
            }
        }
    }

    fn send(&mut self, line: &str, out: &mut BytesMut) {
        let sent = if std::mem::take(&mut self.challenged) {
            self.connection.respond(out)
        } else {
            self.connection.send(&command(line), out)
        };
        sent.unwrap_or_else(|local| panic!("{line:?} cannot be said: {local}"));
    }
}

fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    let verb = words.next().expect("a verb");
    let first = words.next();
    let number = || first.map(|n| n.parse::<MessageNumber>().expect("a message number"));
    let text = || first.expect("an argument");
    match verb {
        "CAPA" => Command::Capa,
        "STLS" => Command::Stls,
        "USER" => Command::User(UserName::new(text()).expect("a user's name")),
        "PASS" => Command::Pass(Password::new(text()).expect("a password")),
        "AUTH" => Command::Auth(
            Mechanism::from_name(text()).expect("a mechanism"),
            Credentials::password(USER, PASSWORD).expect("credentials"),
        ),
        "STAT" => Command::Stat,
        "LIST" => Command::List(number()),
        "UIDL" => Command::Uidl(number()),
        "RETR" => Command::Retr(number().expect("a message")),
        "TOP" => Command::Top(
            number().expect("a message"),
            words.next().and_then(|n| n.parse().ok()).expect("lines"),
        ),
        "DELE" => Command::Dele(number().expect("a message")),
        "NOOP" => Command::Noop,
        "RSET" => Command::Rset,
        "QUIT" => Command::Quit,
        _ => panic!("no command of POP3: {line:?}"),
    }
}

fn tell(event: &Event) -> String {
    match event {
        Event::Greeting(_) => "greeting".to_owned(),
        Event::Accepted { request, .. } => format!("accepted {request}"),
        Event::Refused { request: None, .. } => "refused by the greeting".to_owned(),
        Event::Refused {
            request: Some(request),
            ..
        } => format!("refused {request}"),
        Event::Challenge => "challenge".to_owned(),
        Event::Began { request, .. } => format!("began {request}"),
        Event::DropListing(all) => format!("{} messages of {} octets", all.count, all.octets),
        Event::ScanListing(one) => format!("message {} of {} octets", one.number, one.octets),
        Event::UniqueId(one) => match &one.id {
            Some(id) => format!("message {} is {id}", one.number),
            None => format!("message {} has no id", one.number),
        },
        Event::Line(line) => format!("line {}", line.escape_ascii()),
        Event::Body { bytes, .. } => format!("\"{}\"", bytes.escape_ascii()),
        Event::Finished { request, octets } => match request {
            Request::Retr(_) | Request::Top(_) => format!("finished {request}, {octets} octets"),
            _ => format!("finished {request}"),
        },
        other => format!("{other:?}"),
    }
}
