//! `postrider check`: is the configuration right, and does every account work?

use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, paint};
use crate::setup::{self, Setup};
use postrider_notify::account::{Pop3Account, SmtpAccount};
use postrider_notify::inbound::reader::Reader;
use postrider_wire::Transcript;
use serde_json::json;
use std::path::Path;

/// Check the configuration, and connect and log in to each account.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Check the configuration only; connect to nothing
    #[arg(long)]
    offline: bool,
    /// Show the dialogue with each server
    #[arg(long)]
    dialogue: bool,
    /// One JSON object a line
    #[arg(long, conflicts_with = "dialogue")]
    json: bool,
}

/// What an account came to: what it can do, or why it does not work.
struct Checked {
    protocol: &'static str,
    name: String,
    server: String,
    result: std::result::Result<String, Failure>,
}

pub(crate) async fn run(config: Option<&Path>, args: Args) -> Result {
    // Opening the store checks that the database and the records of the configuration are in order as well.
    let setup = setup::open(config)?;
    let path = setup.config.path.display().to_string();
    let mut checked = Vec::new();
    if !args.offline {
        let transcript = match args.dialogue {
            true => Transcript::to(|line| output::line(format!("  {line}"))),
            false => Transcript::off(),
        };
        for account in &setup.config.smtp {
            let mut found = smtp(account, transcript.clone()).await;
            end_pause(&setup, &account.name, &mut found)?;
            checked.push(found);
        }
        for account in &setup.config.pop3 {
            let mut found = pop3(account, transcript.clone()).await;
            end_pause(&setup, &Reader::pause_name(&account.name), &mut found)?;
            checked.push(found);
        }
    }
    for warning in &setup.config.warnings {
        output::remark(format!("warning: {warning}"));
    }
    for sentence in setup.stranded()? {
        output::remark(format!("warning: {sentence}"));
    }
    show(&path, &checked, args.json);
    let failed: Vec<Failure> = checked.into_iter().filter_map(|c| c.result.err()).collect();
    let count = failed.len();
    match failed.into_iter().next() {
        None => Ok(()),
        Some(first) if count == 1 => Err(first),
        Some(first) => {
            let sentence = format!("{count} accounts do not work; the first: {first}");
            Err(Failure::new(first.code(), sentence))
        }
    }
}

/// An account that works need not rest any more.
fn end_pause(setup: &Setup, name: &str, checked: &mut Checked) -> Result {
    if let Ok(detail) = &mut checked.result
        && setup.store.pause(name)?.is_some()
    {
        setup.store.set_pause(name, None)?;
        detail.push_str("; its pause is ended");
    }
    Ok(())
}

async fn smtp(account: &SmtpAccount, transcript: Transcript) -> Checked {
    let result = match account.connection(transcript) {
        Err(error) => Err(Failure::new(Code::Config, error)),
        Ok(config) => match postrider_smtp::Client::connect(&config).await {
            Ok(client) => {
                let tls = client.tls_description();
                let tls = tls.unwrap_or_else(|| "clear text".to_owned());
                let login = account.login.as_ref().map_or("no log-in", |_| "logged in");
                client.quit().await;
                Ok(format!("{tls}, {login}"))
            }
            Err(error) => Err(Failure::smtp(
                &format!("SMTP account {:?}", account.name),
                &error,
            )),
        },
    };
    Checked {
        protocol: "smtp",
        name: account.name.clone(),
        server: account.endpoint.to_string(),
        result,
    }
}

async fn pop3(account: &Pop3Account, transcript: Transcript) -> Checked {
    let result = match account.connection(transcript) {
        Err(error) => Err(Failure::new(Code::Config, error)),
        Ok(config) => pop3_session(&config)
            .await
            .map_err(|error| Failure::pop3(&format!("POP3 account {:?}", account.name), &error)),
    };
    Checked {
        protocol: "pop3",
        name: account.name.clone(),
        server: account.endpoint.to_string(),
        result,
    }
}

async fn pop3_session(
    config: &postrider_pop3::Config,
) -> std::result::Result<String, postrider_pop3::Error> {
    let mut client = postrider_pop3::Client::connect(config).await?;
    let drop = client.stat().await?;
    let tls = client
        .tls_description()
        .unwrap_or_else(|| "clear text".to_owned());
    // All has been said; how the server takes leave does not matter.
    let _ = client.quit().await;
    Ok(format!(
        "{tls}, logged in, {} messages of {} octets",
        drop.count, drop.octets
    ))
}

fn show(path: &str, checked: &[Checked], as_json: bool) {
    if as_json {
        output::line(json!({ "what": "configuration", "name": path, "ok": true }));
        for c in checked {
            output::line(json!({
                "what": c.protocol,
                "name": c.name,
                "server": c.server,
                "ok": c.result.is_ok(),
                "detail": match &c.result { Ok(detail) => detail.clone(), Err(failure) => failure.to_string() },
            }));
        }
        return;
    }
    let good = paint(Style::Good, "ok");
    output::line(format!(
        "{good}      configuration {}",
        output::foreign(path)
    ));
    for c in checked {
        let (mark, detail) = match &c.result {
            Ok(detail) => (format!("{good}    "), detail.clone()),
            Err(failure) => (paint(Style::Bad, "FAILED"), failure.to_string()),
        };
        let line = format!("{} {} ({}): {detail}", c.protocol, c.name, c.server);
        output::line(format!("{mark}  {}", output::foreign(&line)));
    }
}
