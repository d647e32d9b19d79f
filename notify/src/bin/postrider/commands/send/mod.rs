//! `postrider send`: a mail made of options, or one on standard input as sendmail takes it; and for each recipient what
//! became of it.

mod compose;
mod header;
mod outcome;
mod sendmail;

use crate::exit::{Code, Failure, Result};
use crate::login::LoginArgs;
use crate::output;
use crate::setup;
use crate::url::{Protocol, ServerUrl};
use clap::{ArgAction, ValueEnum};
use outcome::Tally;
use postrider_smtp::{Client, Config, Envelope, Mail, Pipelining};
use postrider_wire::Transcript;
use std::path::{Path, PathBuf};

/// Send a mail, and say what becomes of it for each recipient; also in the place of sendmail
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    after_help = "With --to the mail is made of the options. Without it, it is read on standard input, as sendmail does: \
                  postrider send -t -i < mail. The sendmail options -B -b -e -G -h -L -m -n -O -o are accepted and mean nothing."
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
    #[arg(long, value_name = "TEXT", requires = "to")]
    subject: Option<String>,
    /// The text of the mail, or the file that it is in
    #[arg(long, value_name = "TEXT|@FILE", requires = "to")]
    body: Option<String>,
    /// A file to go with it
    #[arg(long, value_name = "FILE", requires = "to")]
    attach: Vec<PathBuf>,
    /// How far to run ahead of the server's replies
    #[arg(long, value_enum, default_value_t = Level::LookAhead)]
    pipelining: Level,
    /// Send so many of them over one connection
    #[arg(long, value_name = "N", default_value_t = 1, requires = "to", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: u32,
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

/// Where mail goes, and who sends it if nobody else is named.
struct Route {
    config: Config,
    sender: Option<String>,
}

pub(crate) async fn run(config: Option<&Path>, args: &Args) -> Result {
    let route = route(config, args)?;
    let mails = match args.to.is_empty() {
        true => vec![sendmail::mail(args, route.sender.as_deref())?],
        false => compose::mails(args, route.sender.as_deref())?,
    };
    let client = Client::connect(&route.config).await;
    let mut client = client.map_err(|error| Failure::smtp("nothing was sent", &error))?;
    let refs: Vec<Mail<'_>> = mails.iter().map(|(e, m)| Mail::new(e, m)).collect();
    // In the place of sendmail no news is good news: cron mails whatever is printed.
    let mut tally = Tally::new(args.json, args.to.is_empty() && !args.sendmail.verbose);
    client
        .send_each(&refs, |index, outcomes| tally.add(index, &outcomes))
        .await;
    client.quit().await;
    tally.end()
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
            let url = ServerUrl::parse(server, Protocol::Smtp)?;
            let sender = url.user.clone().filter(|user| user.contains('@'));
            (args.login.smtp(&url, transcript)?, sender)
        }
        None => {
            let config = setup::config(config)?;
            let Some(account) = config.smtp.first() else {
                let sentence = "there is no SMTP account in the configuration (or use --server)";
                return Err(Failure::new(Code::Config, sentence));
            };
            let connection = account.connection(transcript);
            let connection = connection.map_err(|error| Failure::new(Code::Config, error))?;
            (connection, Some(account.from.clone()))
        }
    };
    Ok(Route {
        config: config.pipelining(pipelining),
        sender,
    })
}

/// The envelope of these addresses.
fn envelope(from: &str, to: &[String]) -> Result<Envelope> {
    Envelope::parse(from, to).map_err(|error| Failure::new(Code::Data, error))
}
