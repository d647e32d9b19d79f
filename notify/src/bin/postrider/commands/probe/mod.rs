//! `postrider probe URL`: what a mail server says of itself before anybody logs in, and what is wrong with that.

mod certificate;
mod chain;
mod der;
mod distinguished_name;
mod link;
mod pop3;
mod report;
mod smtp;

use crate::exit::{Code, Failure, Result};
use crate::output;
use crate::url::{Protocol, ServerUrl};
use link::{Link, Trouble};
use postrider_wire::Tls;
use report::Findings;
use std::path::PathBuf;
use std::time::Duration;

/// Ask a mail server what it offers, without logging in
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With smtp:// and pop3:// it looks at what is offered in clear text, and at what is offered after STARTTLS or STLS. Each \
                  certificate is shown with its names, its time and its SHA-256 fingerprint, which an account can pin. One that does \
                  not hold up is a warning, and is looked past: nothing secret is said. Warnings do not change the exit code: 0 if the \
                  server answered, 69 if it turns us away, 75 if it may work later, 76 if it speaks something else."
)]
pub(crate) struct Args {
    /// The server: smtp://HOST, smtps://HOST, pop3://HOST or pop3s://HOST, each with :PORT if it is another
    #[arg(value_name = "URL")]
    server: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Trust the certificate authorities in this PEM file as well
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
    /// The longest wait for any answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

pub(crate) async fn run(args: Args) -> Result {
    let scheme = args.server.split("://").next().unwrap_or_default();
    let protocol = match scheme.to_ascii_lowercase().starts_with("pop3") {
        true => Protocol::Pop3,
        false => Protocol::Smtp,
    };
    let url = ServerUrl::parse(&args.server, protocol)?;
    let found = probe(&args, &url, protocol).await;
    let found = found.map_err(ServerUrl::in_its_words)?;
    match args.json {
        true => output::line(found.json()),
        false => found.show(),
    }
    Ok(())
}

/// A certificate that does not hold up ends the first attempt; the second looks past it, and nothing secret is said.
async fn probe(args: &Args, url: &ServerUrl, protocol: Protocol) -> Result<Findings> {
    let mut found = Findings::new(url, protocol);
    let believed = attempt(args, url, protocol, verified(args)?, &mut found).await;
    let why = match believed {
        Ok(()) => return Ok(found),
        Err(Trouble::Certificate(why)) => why,
        Err(Trouble::Other(failure)) => return Err(failure),
    };
    found = Findings::new(url, protocol);
    found.certificate_fault = Some(why);
    let any = Tls::builder().danger_accept_invalid_certs().build();
    let any = any.map_err(|error| Failure::new(Code::Software, error))?;
    match attempt(args, url, protocol, any, &mut found).await {
        Ok(()) => Ok(found),
        Err(Trouble::Certificate(why)) => Err(Failure::new(Code::Unavailable, why)),
        Err(Trouble::Other(failure)) => Err(failure),
    }
}

async fn attempt(
    args: &Args,
    url: &ServerUrl,
    protocol: Protocol,
    tls: Tls,
    found: &mut Findings,
) -> std::result::Result<(), Trouble> {
    let mut link = Link::open(url, tls, Duration::from_secs(args.timeout)).await?;
    match protocol {
        Protocol::Smtp => smtp::ask(&mut link, found).await,
        Protocol::Pop3 => pop3::ask(&mut link, found).await,
    }
}

fn verified(args: &Args) -> Result<Tls> {
    let mut builder = Tls::builder();
    if let Some(path) = &args.ca_file {
        let name = path.display();
        let pem = std::fs::read(path)
            .map_err(|e| Failure::new(Code::NoInput, format!("cannot read {name}: {e}")))?;
        let added = builder.add_root_pem(&pem);
        builder = added.map_err(|e| Failure::new(Code::Data, format!("{name}: {e}")))?;
    }
    let built = builder.build();
    built.map_err(|error| Failure::new(Code::Software, error))
}
