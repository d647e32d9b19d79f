//! Sends a mail with `std::net` and the machine alone: `cargo run --example std_net -- 127.0.0.1:2525 you@example.org`.

#![allow(clippy::print_stdout)]

use bytes::BytesMut;
use postrider_smtp::{Command, Connection, Domain, ForwardPath, Limits, Protocol, ReversePath};
use postrider_smtp::{Event, Meaning, transparency::Transparency};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (server, to) = (arguments.next(), arguments.next());
    let mut socket = TcpStream::connect(server.ok_or("usage: std_net HOST:PORT RECIPIENT")?)?;
    let to: ForwardPath = to.ok_or("usage: std_net HOST:PORT RECIPIENT")?.parse()?;
    let mut smtp = Connection::new(Protocol::Smtp, Limits::default());
    let mut input = BytesMut::new();

    next_reply(&mut smtp, &mut socket, &mut input)?; // the greeting
    let name: Domain = "[127.0.0.1]".parse()?;
    let (mail, rcpt) = Default::default();
    for command in [
        Command::Ehlo(&name),
        Command::Mail(&ReversePath::Null, &mail),
        Command::Rcpt(&to, &rcpt),
        Command::Data,
    ] {
        let mut out = BytesMut::new();
        smtp.send(&command, &mut out)?;
        socket.write_all(&out)?;
        next_reply(&mut smtp, &mut socket, &mut input)?;
    }
    smtp.content()?;
    let mut encoder = Transparency::new();
    for slice in encoder.encode(b"Subject: Hello\n\nThe machine says hello.\n") {
        socket.write_all(slice)?;
    }
    socket.write_all(encoder.end())?;
    next_reply(&mut smtp, &mut socket, &mut input)
}

fn next_reply(
    smtp: &mut Connection,
    socket: &mut TcpStream,
    input: &mut BytesMut,
) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(Event { to, meaning, reply }) = smtp.receive(input)? {
            println!("{to:?}: {reply}");
            return match meaning {
                Meaning::Refused => Err(reply.to_string().into()),
                Meaning::Done | Meaning::Continue => Ok(()),
            };
        }
        match socket.read(&mut buffer)? {
            0 => smtp.closed()?,
            n => input.extend_from_slice(&buffer[..n]),
        }
    }
}
