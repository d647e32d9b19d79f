//! Lists a maildrop with the machine and `std::net` alone, in clear text: `std_net HOST:PORT USER PASSWORD`.

use bytes::BytesMut;
use postrider_pop3::{Command, Connection, Event, Limits, Password, Request, UserName};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, user, password] = &arguments[..] else {
        return Err("usage: std_net HOST:PORT USER PASSWORD".into());
    };
    let mut socket = TcpStream::connect(server)?;
    let mut pop3 = Connection::new(Limits::default());
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut buffer = [0; 4_096];
    loop {
        while let Some(event) = pop3.receive(&mut input)? {
            let next = match &event {
                Event::Greeting(_) => Command::User(UserName::new(user)?),
                Event::Accepted {
                    request: Request::User,
                    ..
                } => Command::Pass(Password::new(password.as_str())?),
                Event::Accepted {
                    request: Request::Pass,
                    ..
                } => Command::List(None),
                Event::ScanListing(listing) => {
                    writeln!(
                        std::io::stdout(),
                        "message {}: {} octets",
                        listing.number,
                        listing.octets
                    )?;
                    continue;
                }
                Event::Finished { .. } => Command::Quit,
                Event::Accepted {
                    request: Request::Quit,
                    ..
                } => return Ok(()),
                Event::Refused { reply, .. } => return Err(reply.to_string().into()),
                _ => continue,
            };
            pop3.send(&next, &mut out)?;
        }
        socket.write_all(&out)?;
        out.clear();
        match socket.read(&mut buffer)? {
            0 => return Ok(pop3.end_of_input()?),
            read => input.extend_from_slice(&buffer[..read]),
        }
    }
}
