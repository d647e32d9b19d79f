//! The command line.

use crate::commands::{
    check, completions, event, explain, fetch, health, inbound, init, inspect, log, mailbox,
    preference, preview, probe, queue, record, replay, run, send, subscription, suppression, trim,
    try_out,
};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Under the name `sendmail` the program is `postrider send`, with the configuration that `POSTRIDER_CONFIG` names or
/// `/etc/postrider/postrider.toml`: whoever calls sendmail does so from any folder.
pub(crate) fn arguments(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut given = given.into_iter();
    let name = given.next().unwrap_or_default();
    let is_sendmail = Path::new(&name)
        .file_name()
        .is_some_and(|name| name == "sendmail");
    let mut all = vec![name];
    if is_sendmail {
        let config = std::env::var_os("POSTRIDER_CONFIG");
        let config = config.unwrap_or_else(|| "/etc/postrider/postrider.toml".into());
        all.extend(["--config".into(), config, "send".into()]);
    }
    all.extend(given);
    all
}

/// Mail for software, both ways: notifications out over SMTP, answers back in over POP3, and a log that can say what happened to each.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The configuration: a file, or a folder with a postrider.toml in it [default: ./postrider.toml]
    #[arg(short = 'C', long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the whole story with a mail server of its own: nothing to install, nothing left behind
    Try(try_out::Args),
    /// Write an example configuration into a folder
    Init(init::Args),
    /// Check the configuration, and connect and log in to each account
    Check(check::Args),
    /// Send, read mailboxes and act, until told to stop
    Run(run::Args),
    /// Say whether the daemon works, and what waits too long
    Health(health::Args),
    /// Create, change and show records
    #[command(subcommand)]
    Record(record::Command),
    /// Fire an event
    #[command(subcommand)]
    Event(event::Command),
    /// Show the email log: every mail, and what became of it
    Log(log::Args),
    /// Show the mail that came in, and what it did
    #[command(subcommand)]
    Inbound(inbound::Command),
    /// Say what happened to an event: who was told, who was not, and why
    Explain(explain::Args),
    /// Render a notification about a record or a past event; store and send nothing
    Preview(preview::Args),
    /// Run past events against the configuration as it is now, and show what would be different
    Replay(replay::Args),
    /// Show what waits to be sent, and send again what failed
    #[command(subcommand)]
    Queue(queue::Command),
    /// Show and change who has switched which notification off
    #[command(subcommand)]
    Preference(preference::Command),
    /// Show and change who asked to be told
    #[command(subcommand)]
    Subscription(subscription::Command),
    /// Show and change which addresses get no mail
    #[command(subcommand, visible_alias = "suppress")]
    Suppression(suppression::Command),
    /// Forget what is old and done with
    Trim(trim::Args),
    /// Ask a mail server what it offers, without logging in
    Probe(probe::Args),
    /// Send a mail, and say what becomes of it for each recipient; also in the place of sendmail
    Send(Box<send::Args>),
    /// Show the structure of mail files, and save their parts
    Inspect(inspect::Args),
    /// Fetch what is new in a POP3 mailbox into a Maildir or an mbox
    Fetch(fetch::Args),
    /// List the messages in a POP3 mailbox
    Mailbox(mailbox::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(completions::Man),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_name_of_sendmail_it_is_send() {
        let called = |name: &str| {
            let all = arguments([name, "-t", "-oi"].map(OsString::from));
            let command = Cli::try_parse_from(all).map(|cli| cli.command);
            matches!(command, Ok(Command::Send(_)))
        };
        assert!(called("sendmail") && called("/usr/sbin/sendmail"));
        assert!(!called("postrider"));
    }
}
