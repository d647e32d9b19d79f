//! A mail made of options.

use super::{Args, Ready};
use crate::commands::file::{content_type, octets};
use crate::exit::{Code, Failure, Result};
use postrider_mime::{Mailbox, MessageBuilder};
use std::path::Path;

/// As many mails as were asked for, each with a Message-ID of its own.
pub(super) fn mails(args: &Args, sender: Option<&str>) -> Result<Vec<Ready>> {
    let Some(from) = args.from.as_deref().or(sender) else {
        return Err(Failure::new(
            Code::Usage,
            "say who sends it: --from ADDRESS",
        ));
    };
    let from = mailbox(from)?;
    let to = args.to.iter().map(|to| mailbox(to));
    let to: Vec<Mailbox> = to.collect::<Result<_>>()?;
    let builder = builder(args, &from, &to)?;
    let recipients = to.iter().map(|to| to.addr().to_string());
    let recipients: Vec<String> = recipients.chain(args.sendmail.recipients.clone()).collect();
    let envelope = super::envelope(&from.addr().to_string(), &recipients)?;
    let build = |_| {
        let message = builder.build();
        let message = message.map_err(|error| Failure::new(Code::Data, error))?;
        Ok((envelope.clone(), message))
    };
    (0..args.repeat).map(build).collect()
}

fn builder<'a>(args: &'a Args, from: &Mailbox, to: &[Mailbox]) -> Result<MessageBuilder<'a>> {
    let mut builder = MessageBuilder::new().from(from);
    for to in to {
        builder = builder.to(to);
    }
    // Such a mail goes only where SMTPUTF8 is offered; the client says so where it is not.
    let mut addresses = to.iter().chain([from]).map(Mailbox::addr);
    if !addresses.all(|address| address.to_string().is_ascii()) {
        builder = builder.with_utf8_headers();
    }
    if let Some(subject) = &args.subject {
        builder = builder.subject(subject.as_str());
    }
    for field in &args.header {
        let Some((name, value)) = field.split_once(':') else {
            let sentence = format!("{field:?} is no header field: write \"NAME: VALUE\"");
            return Err(Failure::new(Code::Usage, sentence));
        };
        builder = builder.header(name, value.trim());
    }
    builder = match args.body.as_deref() {
        Some(body) => match body.strip_prefix('@') {
            Some(path) => builder.text(text(Path::new(path))?),
            None => builder.text(body),
        },
        None => builder.text("This is a test.\n"),
    };
    for path in &args.attach {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        builder = builder.attach(name.into_owned(), content_type(path), octets(path)?);
    }
    Ok(builder)
}

/// A name and an address, or an address.
pub(super) fn mailbox(text: &str) -> Result<Mailbox> {
    Mailbox::parse(text).map_err(|error| {
        let text = text.escape_debug();
        Failure::new(Code::Data, format!("{text} is no address: {error}"))
    })
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(octets(path)?).map_err(|_| {
        let sentence = format!("{} is not UTF-8; send it with --attach", path.display());
        Failure::new(Code::Data, sentence)
    })
}
