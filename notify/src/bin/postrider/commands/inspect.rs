//! `postrider inspect FILE`: the MIME structure of a mail file.

use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, foreign, paint};
use postrider_mime::{Message, Part};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Show the structure of a mail file.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The mail; `-` reads standard input
    file: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result {
    let raw = read(&args.file)?;
    let message = Message::parse(&raw);
    if args.json {
        output::line(object(&message, raw.len()));
        return Ok(());
    }
    for name in ["From", "To", "Cc", "Date", "Subject", "Message-ID"] {
        for field in message.headers().filter(|field| field.is(name)) {
            output::line(format!("{name}: {}", foreign(field.text().trim())));
        }
    }
    output::line("");
    for part in message.parts() {
        output::line(described(part));
    }
    for defect in message.defects() {
        let defect = format!("defect at octet {}: {}", defect.offset, defect.kind);
        output::line(paint(Style::Bad, &defect));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut raw = Vec::new();
    let result = match path == Path::new("-") {
        true => std::io::stdin().lock().read_to_end(&mut raw).map(|_| raw),
        false => std::fs::read(path),
    };
    result.map_err(|e| {
        Failure::new(
            Code::NoInput,
            format!("cannot read {}: {e}", path.display()),
        )
    })
}

pub(super) fn described(part: Part<'_>) -> String {
    let mut depth = 0;
    let mut above = part.parent();
    while let Some(parent) = above {
        depth += 1;
        above = parent.parent();
    }
    let size = match part.first_child() {
        Some(_) => String::new(),
        None => format!(", {} octets", part.content().bytes.len()),
    };
    let name = part.file_name().map(|name| format!(", {}", foreign(&name)));
    let kind = foreign(&part.content_type().essence());
    format!(
        "{}{kind}{size}{}",
        "  ".repeat(depth),
        name.unwrap_or_default()
    )
}

fn object(message: &Message<'_>, octets: usize) -> Value {
    let addresses = |name: &str| -> Vec<Value> {
        let fields = message.headers().filter(|field| field.is(name));
        let lists: Vec<_> = fields.map(|field| field.addresses()).collect();
        let mailboxes = lists.iter().flat_map(|list| list.mailboxes());
        mailboxes
            .map(|m| json!({ "name": m.name.as_deref(), "address": m.address.as_deref() }))
            .collect()
    };
    let defects = message.defects().iter();
    let defects = defects.map(|d| json!({ "offset": d.offset, "what": d.kind.to_string() }));
    let header = message
        .headers()
        .map(|field| json!([field.name(), field.text()]));
    json!({
        "octets": octets,
        "subject": message.subject(),
        "from": addresses("From"),
        "to": addresses("To"),
        "cc": addresses("Cc"),
        "date": message.date().map(|date| date.to_rfc3339()),
        "message_id": message.message_id(),
        "header": header.collect::<Vec<_>>(),
        "structure": tree(message),
        "text": message.body_text(),
        "defects": defects.collect::<Vec<_>>(),
    })
}

/// The parts in order, each with the place of its parent: JSON without recursion, whatever the depth.
fn tree(message: &Message<'_>) -> Vec<Value> {
    let part = |part: Part<'_>| {
        let leaf = part.first_child().is_none();
        json!({
            "part": part.id().index(),
            "parent": part.parent().map(|parent| parent.id().index()),
            "type": part.content_type().essence(),
            "file_name": part.file_name(),
            "content_id": part.content_id(),
            "octets": leaf.then(|| part.content().bytes.len()),
            "offset": part.span().start,
        })
    };
    message.parts().map(part).collect()
}
