//! A mail on standard input, for programs that call sendmail: cron, git send-email, PHP, mutt.

use super::header::Draft;
use super::{Args, Ready, compose, envelope};
use crate::exit::{Code, Failure, Result};
use clap::ArgAction;
use postrider_mime::{Mailbox, Message, MessageBuilder};
use postrider_smtp::{MailParameters, Notify, RcptParameters};
use std::io::BufRead;

/// The options that sendmail has.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The recipients are those in To, Cc and Bcc, and those given
    #[arg(short = 't', conflicts_with = "to")]
    from_header: bool,
    /// A line with a dot alone does not end the mail; also -oi
    #[arg(short = 'i', conflicts_with = "to")]
    ignore_dots: bool,
    /// The sender's name, if the mail has no From
    #[arg(short = 'F', value_name = "NAME", conflicts_with = "to")]
    full_name: Option<String>,
    /// When to be told what became of it: never, or success, failure, delay
    #[arg(short = 'N', value_name = "WHEN", conflicts_with = "to")]
    notify: Option<String>,
    /// How much of the mail comes back then: full or hdrs
    #[arg(short = 'R', value_name = "full|hdrs", conflicts_with = "to")]
    ret: Option<String>,
    /// A name for the mail, which reports of what became of it carry
    #[arg(short = 'V', value_name = "ENVID", conflicts_with = "to")]
    envelope_id: Option<String>,
    /// Say what became of it also if all is well
    #[arg(short = 'v', action = ArgAction::SetTrue)]
    pub(super) verbose: bool,
    #[arg(short = 'o', hide = true, value_name = "OPTION")]
    option: Vec<String>,
    /// m: one mail on standard input; s: SMTP on standard input and output
    #[arg(short = 'b', value_name = "m|s", conflicts_with = "to")]
    mode: Option<String>,
    #[arg(short = 'B', short_aliases = ['A', 'd', 'e', 'h', 'L', 'O', 'p', 'X'], hide = true, value_name = "IGNORED")]
    ignored: Vec<String>,
    #[arg(short = 'G', short_aliases = ['m', 'n', 'U'], hide = true, action = ArgAction::Count)]
    ignored_too: u8,
    /// More recipients
    #[arg(value_name = "RECIPIENT")]
    pub(super) recipients: Vec<String>,
}

impl Flags {
    /// -bs.
    pub(super) fn speaks_smtp(&self) -> bool {
        self.mode.as_deref() == Some("s")
    }
}

/// The longest mail that is read.
pub(super) const LONGEST: usize = 256 * 1024 * 1024;

/// Reads the mail on standard input; `sender` is who sends it if the command line does not say.
pub(super) fn mail(args: &Args, sender: Option<&str>) -> Result<Ready> {
    let flags = &args.sendmail;
    if let Some(mode) = flags.mode.as_deref().filter(|mode| *mode != "m") {
        let sentence = format!("sendmail's mode -b{mode} is not supported; -bm and -bs are");
        return Err(Failure::new(Code::Usage, sentence));
    }
    if !flags.from_header && flags.recipients.is_empty() {
        let sentence =
            "there is no recipient: name one, or use -t to take those in the mail, or --to";
        return Err(Failure::new(Code::Usage, sentence));
    }
    let ignore_dots = flags.ignore_dots || flags.option.iter().any(|option| option == "i");
    let mut draft = Draft::parse(&read(std::io::stdin().lock(), ignore_dots)?);
    let header = draft.header();
    let message = Message::parse(&header);
    let author = author(args, sender, &message)?;
    let from = match args.from.as_deref() {
        Some("" | "<>") => String::new(),
        _ => author.addr().to_string(),
    };
    let to = recipients(flags, &message, author.addr().domain());
    if to.is_empty() {
        let sentence = "there is no recipient in To, Cc or Bcc of the mail";
        return Err(Failure::new(Code::Data, sentence));
    }
    let named = match flags.full_name.as_deref() {
        Some(name) => Mailbox::new(name, author.addr().clone())
            .map_err(|(_, error)| Failure::new(Code::Data, error))?,
        None => author,
    };
    let donor = MessageBuilder::new().from(named).build();
    let donor = donor.map_err(|error| Failure::new(Code::Data, error))?;
    draft.remove("Bcc");
    draft.remove("Resent-Bcc");
    // RFC 5322 §3.6.6: who sends a mail again signs for that, and leaves the first author's fields as they are.
    let prefix = if is_resent(&message) { "Resent-" } else { "" };
    let owed = ["From", "Date", "Message-ID"];
    draft.complete(&Draft::parse(&donor), &owed, prefix);
    let envelope = with_reports(envelope(&from, &to)?, flags)?;
    Ok((envelope, draft.into_message()))
}

/// The mail with CRLF at the end of each line, up to its end or a line with a dot alone.
fn read(input: impl BufRead, ignore_dots: bool) -> Result<Vec<u8>> {
    let failed = |error| Failure::new(Code::NoInput, format!("cannot read the mail: {error}"));
    let mut input = input.take(LONGEST as u64 + 1);
    let (mut message, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        input.read_until(b'\n', &mut line).map_err(failed)?;
        let text = match line.strip_suffix(b"\n") {
            Some(text) => text.strip_suffix(b"\r").unwrap_or(text),
            None => &line,
        };
        if line.is_empty() || (text == b"." && !ignore_dots) {
            return Ok(message);
        }
        message.extend_from_slice(text);
        if line.ends_with(b"\n") {
            message.extend_from_slice(b"\r\n");
        }
        if message.len() > LONGEST {
            let sentence = format!("the mail is larger than {LONGEST} octets");
            return Err(Failure::new(Code::Data, sentence));
        }
    }
}

/// Who sends it: who the command line says, or the account's own address, or whoever the mail is from. A sender without a domain, as cron
/// names one, is at that of these.
fn author(args: &Args, sender: Option<&str>, message: &Message<'_>) -> Result<Mailbox> {
    let given = args.from.as_deref().filter(|f| !matches!(*f, "" | "<>"));
    if let Some(from) = given.filter(|from| from.contains('@')) {
        return compose::mailbox(from);
    }
    let known = match sender {
        Some(sender) => Some(compose::mailbox(sender)?),
        None => message.from().first().and_then(|from| from.mailbox()),
    };
    match (given, known) {
        (Some(from), Some(known)) => {
            let domain = known.addr().domain();
            compose::mailbox(&format!("{from}@{domain}"))
        }
        (Some(from), None) => compose::mailbox(from),
        (None, Some(known)) => Ok(known),
        (None, None) => {
            let sentence = "say who sends it: -f ADDRESS, or From in the mail";
            Err(Failure::new(Code::Usage, sentence))
        }
    }
}

/// Where a mail goes that is sent again.
const RESENT_TO: [&str; 3] = ["Resent-To", "Resent-Cc", "Resent-Bcc"];

fn is_resent(message: &Message<'_>) -> bool {
    let mut names = RESENT_TO.iter();
    names.any(|name| message.header(name).is_some())
}

/// Each recipient once; one without a domain is at the sender's.
fn recipients(flags: &Flags, message: &Message<'_>, domain: &str) -> Vec<String> {
    let mut found = flags.recipients.clone();
    if flags.from_header {
        let names = match is_resent(message) {
            true => RESENT_TO,
            false => ["To", "Cc", "Bcc"],
        };
        for field in message.headers() {
            if names.iter().any(|name| field.is(name)) {
                let addresses = field.addresses();
                let addresses = addresses.mailboxes().filter_map(|m| m.address.as_deref());
                found.extend(addresses.map(str::to_owned));
            }
        }
    }
    let mut to: Vec<String> = Vec::new();
    for address in found {
        let address = match address.contains('@') {
            true => address,
            false => format!("{address}@{domain}"),
        };
        if !to.contains(&address) {
            to.push(address);
        }
    }
    to
}

/// Delivery status notifications as they were asked for (RFC 3461).
fn with_reports(
    envelope: postrider_smtp::Envelope,
    flags: &Flags,
) -> Result<postrider_smtp::Envelope> {
    let mut envelope = envelope;
    let mut parameters = MailParameters::default();
    let usage = |option: &str, error| Failure::new(Code::Usage, format!("{option}: {error}"));
    if let Some(ret) = &flags.ret {
        parameters.ret = Some(ret.parse().map_err(|error| usage("-R", error))?);
    }
    if let Some(id) = &flags.envelope_id {
        parameters.envelope_id = Some(id.parse().map_err(|error| usage("-V", error))?);
    }
    envelope = envelope.with_parameters(parameters);
    if let Some(when) = &flags.notify {
        let notify: Notify = when.parse().map_err(|error| usage("-N", error))?;
        envelope = envelope.with_recipient_parameters(|_| {
            let mut parameters = RcptParameters::default();
            parameters.notify = Some(notify);
            parameters
        });
    }
    Ok(envelope)
}
