//! Reads a message from standard input as it arrives, whatever its size, and tells of its parts as they end.
//!
//! What a POP3 client hands out of a RETR reply is fed in the same way: each piece as it comes.
//!
//! ```sh
//! cargo run -p postrider-mime --example arriving < message.eml
//! ```

use std::io::{self, Read, Write};

use postrider_mime::{Limits, PushEvent, PushParser, TransferDecoder};

/// A part of which the end has not arrived.
struct Open {
    title: String,
    decoder: Option<TransferDecoder>,
    octets: usize,
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut out = io::stdout().lock();
    let mut parser = PushParser::new(Limits::default());
    let mut open = Vec::new();
    let mut piece = vec![0; 4096];
    let mut most = 0;
    loop {
        let length = input.read(&mut piece)?;
        match length {
            0 => parser.finish(),
            _ => parser.feed(piece.get(..length).unwrap_or_default()),
        }
        while let Some(event) = parser.next_event() {
            take(event, &mut open, &mut out)?;
        }
        most = most.max(parser.held());
        if length == 0 {
            return writeln!(out, "{most} octets of memory at the most");
        }
    }
}

fn take(event: PushEvent<'_>, open: &mut Vec<Open>, out: &mut impl Write) -> io::Result<()> {
    let depth = open.len();
    match (event, open.last_mut()) {
        (PushEvent::PartBegins { .. }, _) => open.push(Open {
            title: String::new(),
            decoder: None,
            octets: 0,
        }),
        (PushEvent::Header { header, .. }, Some(part)) => {
            let root = header.root();
            part.title = root.content_type().essence();
            part.decoder = Some(root.decoder());
            if let Some(subject) = header.subject() {
                writeln!(out, "{:depth$}Subject: {subject}", "")?;
            }
        }
        (PushEvent::Body { bytes, .. }, Some(part)) => {
            let mut content = Vec::new();
            if let Some(decoder) = &mut part.decoder {
                decoder.decode(bytes, &mut content);
            }
            part.octets += content.len();
        }
        (PushEvent::PartEnds { .. }, _) => {
            if let Some(mut part) = open.pop() {
                let mut content = Vec::new();
                let defect = part.decoder.take().and_then(|d| d.finish(&mut content));
                part.octets += content.len();
                let defect = defect.map(|d| format!(", {d}")).unwrap_or_default();
                writeln!(
                    out,
                    "{:depth$}{}: {} octets{defect}",
                    "", part.title, part.octets
                )?;
            }
        }
        (PushEvent::Defect(defect), _) => {
            writeln!(out, "{:depth$}! {} at {}", "", defect.kind, defect.offset)?;
        }
        _ => {}
    }
    Ok(())
}
