//! A reader that does nothing but read: the least that can be done, as a yardstick. It believes everything it is told.

use bench_rule::{Taken, Watch};
use memchr::memmem;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::PASSWORD;

/// What ends a message on the wire.
const END: &[u8] = b"\r\n.\r\n";

/// Fetches so many messages with so many commands in flight, and throws them away. The session is part of the time.
pub fn drain(port: u16, user: &str, count: usize, depth: usize) -> Result<Taken, String> {
    let watch = Watch::start();
    session(port, user, count, depth).map_err(|e| e.to_string())?;
    Ok(watch.stop())
}

/// LIST and QUIT: the server has seen all its mail then.
pub fn look(port: u16, user: &str) -> io::Result<usize> {
    let mut stream = login(port, user)?;
    stream.write_all(b"LIST\r\n")?;
    let mut listed = Vec::new();
    let mut buffer = [0; 65536];
    while !listed.ends_with(END) {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        listed.extend_from_slice(&buffer[..read]);
    }
    say(&mut stream, "QUIT\r\n")?;
    Ok(memchr::memchr_iter(b'\n', &listed).count() - 2)
}

fn login(port: u16, user: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    say(&mut stream, "")?;
    say(&mut stream, &format!("USER {user}\r\n"))?;
    say(&mut stream, &format!("PASS {PASSWORD}\r\n"))?;
    Ok(stream)
}

/// Says a command whose answer is one line.
fn say(stream: &mut TcpStream, command: &str) -> io::Result<()> {
    stream.write_all(command.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.ends_with(b"\n") {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    if answer.starts_with(b"+OK") { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&answer))) }
}

fn session(port: u16, user: &str, count: usize, depth: usize) -> io::Result<()> {
    let mut stream = login(port, user)?;
    let finder = memmem::Finder::new(END);
    let (mut asked, mut got) = (0, 0);
    let (mut buffer, mut filled) = (vec![0; 256 * 1024], 0);
    let mut commands = Vec::new();
    while got < count {
        while asked < count && asked < got + depth {
            asked += 1;
            write!(commands, "RETR {asked}\r\n")?;
        }
        if !commands.is_empty() {
            stream.write_all(&commands)?;
            commands.clear();
        }
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        got += finder.find_iter(&buffer[..filled]).count();
        // What may be the first part of an end stays; a whole one does not.
        let tail = if buffer[..filled].ends_with(END) { 0 } else { filled.min(END.len() - 1) };
        buffer.copy_within(filled - tail..filled, 0);
        filled = tail;
    }
    say(&mut stream, "QUIT\r\n")
}
