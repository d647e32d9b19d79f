//! Prints the tree of a message that is read from standard input.
//!
//! ```sh
//! cargo run -p postrider-mime --example inspect < message.eml
//! ```

use std::io::{self, Read, Write};

use postrider_mime::Message;

fn main() -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let message = Message::parse(&bytes);
    let mut out = io::stdout().lock();
    writeln!(out, "Subject: {}", message.subject().unwrap_or_default())?;
    for part in message.parts() {
        let depth = std::iter::successors(part.parent(), |p| p.parent()).count();
        let name = part
            .file_name()
            .map(|name| format!(" {name:?}"))
            .unwrap_or_default();
        let (span, content) = (part.span(), part.content_type());
        writeln!(
            out,
            "{:width$}{} {span:?}{name}",
            "",
            content.essence(),
            width = depth * 2
        )?;
    }
    for defect in message.check() {
        writeln!(out, "! {} at {}", defect.kind, defect.offset)?;
    }
    Ok(())
}
