//! `postrider send`: a mail made of options, or one on standard input as sendmail takes it; and for each recipient what
//! became of it.

mod compose;
mod header;
mod outcome;
mod parameters;
mod relay;
mod sendmail;
mod share;

use crate::exit::{Code, Failure, Result};
use crate::login::LoginArgs;
use crate::output;
use crate::setup;
use crate::url::{Protocol, ServerUrl};
use clap::{ArgAction, ValueEnum};
use outcome::Tally;
use postrider_smtp::{Config, Envelope, Pipelining};
use postrider_wire::{Security, Transcript};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Send a mail, and say what becomes of it for each recipient; also in the place of sendmail
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    after_help = "With --to the mail is made of the options. Without it, it is read on standard input, as sendmail does: \
                  postrider send -t -i < mail. With -bs it speaks SMTP on standard input and output, and passes every command on \
                  to the server, with SIZE, BODY, SMTPUTF8 and what is asked about reports (RET, ENVID, NOTIFY, ORCPT). The sendmail options -A -B -d -e -G -h -L -m -n -O -o -p -U -X are accepted and mean nothing. \
                  Under the name sendmail the program is `postrider send`, with the configuration that POSTRIDER_CONFIG names, \
                  or /etc/postrider/postrider.toml."
)]
pub(crate) struct Args {
    /// The server, smtp://USER@HOST or smtps://USER@HOST [default: the first SMTP account of the configuration]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A recipient; several are separated by commas, or the option is repeated
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    to: Vec<String>,
    /// The sender; <> is nobody
    #[arg(long, short = 'f', visible_short_alias = 'r', value_name = "ADDRESS")]
    from: Option<String>,
    /// A header field
    #[arg(long, value_name = "NAME: VALUE", requires = "to")]
    header: Vec<String>,
    /// The subject
    #[arg(long, value_name = "TEXT", requires = "to")]
    subject: Option<String>,
    /// The text of the mail, or the file that it is in
    #[arg(long, value_name = "TEXT|@FILE", requires = "to")]
    body: Option<String>,
    /// A file to go with it
    #[arg(long, value_name = "FILE", requires = "to")]
    attach: Vec<PathBuf>,
    /// TLS in place of what the URL or the account says
    #[arg(long, value_enum, value_name = "MODE")]
    tls: Option<Protection>,
    /// How far to run ahead of the server's replies
    #[arg(long, visible_alias = "pipeline", value_enum, default_value_t = Level::LookAhead)]
    pipelining: Level,
    /// Send so many of them
    #[arg(long, value_name = "N", default_value_t = 1, requires = "to", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: u32,
    /// Over so many connections at once
    #[arg(long, value_name = "N", default_value_t = 1, requires = "to", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    connections: u16,
    /// One JSON object for each recipient
    #[arg(long)]
    json: bool,
    /// Show the dialogue with the server on standard error
    #[arg(long)]
    transcript: bool,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    sendmail: sendmail::Flags,
    /// Show this
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// The levels of pipelining by their names.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// Every command waits for its reply
    Off,
    /// Two flights a mail
    Flight,
    /// One flight a mail
    LookAhead,
    /// Less than one, with BDAT
    Chunked,
}

/// The ways of protection by their names.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protection {
    /// From the first octet
    #[value(alias = "on-connect")]
    Tls,
    /// By STARTTLS, or not at all
    Starttls,
    /// By STARTTLS where it is offered, else in clear text, where nobody logs in
    IfOffered,
    /// In clear text; wants --danger-allow-clear-text
    None,
}

/// Where mail goes, and who sends it if nobody else is named.
struct Route {
    config: Config,
    sender: Option<String>,
}

pub(crate) async fn run(config: Option<&Path>, args: &Args) -> Result {
    let sent = send(config, args).await;
    sent.map_err(|failure| match args.server {
        Some(_) => ServerUrl::in_its_words(failure),
        None => failure,
    })
}

async fn send(config: Option<&Path>, args: &Args) -> Result {
    let route = route(config, args)?;
    if args.sendmail.speaks_smtp() {
        return relay::run(&route.config).await;
    }
    let mails = match args.to.is_empty() {
        true => vec![sendmail::mail(args, route.sender.as_deref())?],
        false => compose::mails(args, route.sender.as_deref())?,
    };
    // In the place of sendmail no news is good news: cron mails whatever is printed.
    let quiet = args.to.is_empty() && !args.sendmail.verbose;
    let tally = Tally::new(args.json, quiet, args.server.is_some());
    deliver(route.config, mails, usize::from(args.connections), tally).await
}

/// Sends the mails over so many connections, as evenly as they can be divided.
async fn deliver(
    config: Config,
    mails: Vec<Ready>,
    connections: usize,
    mut tally: Tally,
) -> Result {
    let connections = connections.min(mails.len()).max(1);
    let mails: Arc<[Ready]> = mails.into();
    let (said, mut heard) = mpsc::unbounded_channel();
    for number in 0..connections {
        let begin = number * mails.len() / connections;
        let end = (number + 1) * mails.len() / connections;
        let (config, mails, said) = (config.clone(), Arc::clone(&mails), said.clone());
        tokio::spawn(share::send(config, mails, begin..end, said));
    }
    drop(said);
    let mut failure = None;
    while let Some(news) = heard.recv().await {
        match news {
            Ok((index, outcomes)) => tally.add(index, &outcomes),
            Err((left, error)) => {
                failure = Some(Failure::smtp("nothing was sent", &error));
                for (index, envelope) in left {
                    tally.not_connected(index, &envelope, &error);
                }
            }
        }
    }
    match failure {
        // Nobody could connect: one sentence says more than a count.
        Some(failure) if tally.nobody_was_asked() => Err(failure),
        _ => tally.end(),
    }
}

/// A mail that is ready: its envelope, and its octets.
type Ready = (Envelope, Vec<u8>);

fn route(config: Option<&Path>, args: &Args) -> Result<Route> {
    let transcript = match args.transcript {
        true => Transcript::to(output::remark),
        false => Transcript::off(),
    };
    let pipelining = match args.pipelining {
        Level::Off => Pipelining::Off,
        Level::Flight => Pipelining::Flight,
        Level::LookAhead => Pipelining::LookAhead,
        Level::Chunked => Pipelining::Chunked,
    };
    let (config, sender) = match &args.server {
        Some(server) => {
            let mut url = ServerUrl::parse(server, Protocol::Smtp)?;
            url.security = args.tls.map_or(url.security, Protection::security);
            let sender = url.user.clone().filter(|user| user.contains('@'));
            (args.login.smtp(&url, transcript)?, sender)
        }
        None => {
            args.login.without_server()?;
            let tls = args.tls.map(Protection::security);
            if tls == Some(Security::None) {
                let sentence =
                    "--tls none is for --server; an account says security = \"none\" itself";
                return Err(Failure::new(Code::Usage, sentence));
            }
            let config = setup::config(config)?;
            let Some(account) = config.smtp.first() else {
                let sentence = "there is no SMTP account in the configuration (or use --server)";
                return Err(Failure::new(Code::Config, sentence));
            };
            let connection = account.connection(transcript);
            let connection = connection.map_err(|error| Failure::new(Code::Config, error))?;
            let connection = match tls {
                Some(tls) => connection.security(tls),
                None => connection,
            };
            (connection, Some(account.from.clone()))
        }
    };
    Ok(Route {
        config: config.pipelining(pipelining),
        sender,
    })
}

impl Protection {
    fn security(self) -> Security {
        match self {
            Self::Tls => Security::Tls,
            Self::Starttls => Security::StartTls,
            Self::IfOffered => Security::StartTlsIfOffered,
            Self::None => Security::None,
        }
    }
}

/// The envelope of these addresses.
fn envelope(from: &str, to: &[String]) -> Result<Envelope> {
    Envelope::parse(from, to).map_err(|error| Failure::new(Code::Data, error))
}
