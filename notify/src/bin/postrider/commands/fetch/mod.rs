//! `postrider fetch URL`: a mailbox emptied or mirrored into a Maildir or an mbox, each mail once.

pub(super) mod age;
mod place;
mod report;

use crate::exit::{Code, Failure, Result};
use crate::login::LoginArgs;
use crate::output;
use crate::url::{Protocol, ServerUrl};
use place::Place;
use postrider_pop3::sync::{
    Deletion, Mailbox, Maildir, Mboxrd, Policy, Store, Summary, SyncError, SyncEvent,
};
use postrider_pop3::{Config, Transcript};
use report::Report;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Fetch what is new in a POP3 mailbox. A run that was cut off goes on where it was; no mail comes twice.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The mailbox: pop3s://USER@HOST or, for TLS by STLS, pop3://USER@HOST; a port may follow
    url: String,
    /// Into this Maildir, which is made if need be
    #[arg(long, value_name = "DIR", required_unless_present = "mbox")]
    maildir: Option<PathBuf>,
    /// Into this mbox file (mboxrd), which is made if need be
    #[arg(long, value_name = "FILE", conflicts_with = "maildir")]
    mbox: Option<PathBuf>,
    /// Leave all mail on the server; this is the default
    #[arg(long, group = "deletion")]
    keep: bool,
    /// Delete on the server what is safely here
    #[arg(long, group = "deletion")]
    delete: bool,
    /// Delete on the server what has been here so long: 30d, 12h
    #[arg(long, value_name = "AGE", group = "deletion", value_parser = age::parse)]
    delete_after: Option<Duration>,
    /// Where the journal is kept that knows what was fetched [default: beside the mail]
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    /// Leave larger messages on the server
    #[arg(long, value_name = "OCTETS", default_value_t = 256 << 20)]
    max_message: u64,
    /// When the mailbox is in use, the server wants a pause or the connection is lost: try again for so long
    #[arg(long, value_name = "TIME", value_parser = age::parse)]
    patience: Option<Duration>,
    /// One JSON object for each thing that happens, and one at the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    login: LoginArgs,
}

pub(crate) async fn run(args: Args) -> Result {
    let url = ServerUrl::parse(&args.url, Protocol::Pop3)?.with_user()?;
    let config = args.login.pop3(&url, Transcript::off())?;
    let cannot = |error: io::Error| {
        let sentence = format!("cannot store mail there: {error}");
        Failure::new(code(&error), sentence)
    };
    let fetch = Fetch::of(&args, config);
    match (&args.maildir, &args.mbox) {
        (Some(folder), _) => {
            let store = Maildir::open(folder).map_err(cannot)?;
            fetch.into(store, Place::new(folder)?, &url).await
        }
        (None, Some(file)) => {
            // The lock comes first: opening an mbox repairs it.
            let place = Place::new(file)?;
            let store = Mboxrd::open(file).map_err(cannot)?;
            fetch.into(store, place, &url).await
        }
        (None, None) => Err(Failure::new(Code::Usage, "say --maildir or --mbox")),
    }
}

/// What is fetched, and how.
struct Fetch {
    config: Config,
    policy: Policy,
    journal: Option<PathBuf>,
    json: bool,
    patience: Duration,
}

impl Fetch {
    fn of(args: &Args, config: Config) -> Self {
        let deletion = match args.delete_after {
            Some(age) => Deletion::After(age),
            None if args.delete => Deletion::Now,
            None => Deletion::Never,
        };
        Self {
            config: config.limits(postrider_pop3::Limits {
                max_message: args.max_message,
                ..postrider_pop3::Limits::default()
            }),
            policy: Policy {
                deletion,
                max_message: args.max_message,
                ..Policy::default()
            },
            journal: args.journal.clone(),
            json: args.json,
            patience: args.patience.unwrap_or_default(),
        }
    }

    async fn into<S: Store + 'static>(self, mut store: S, place: Place, url: &ServerUrl) -> Result {
        let mut report = Report::new(self.json);
        // Told here, for it may not come to a sync.
        if let Some(path) = store.salvaged() {
            report.event(&SyncEvent::SetAside { path });
        }
        let journal = self.journal.unwrap_or_else(|| place.journal(url));
        let opened = Mailbox::open(self.config, &journal, store);
        let mut mailbox = opened
            .map_err(|error| {
                let sentence = format!("cannot use the journal {}: {error}", journal.display());
                Failure::new(code(&error), sentence)
            })?
            .policy(self.policy);
        let started = Instant::now();
        loop {
            let result = watched(&mut mailbox, &mut report).await;
            report.end();
            let error = match result {
                Ok(summary) => {
                    report.summary(&summary, &place.path);
                    return finished(&summary);
                }
                Err(error) => error,
            };
            match error.retry_after() {
                Some(after) if after <= self.patience.saturating_sub(started.elapsed()) => {
                    let what = failure(&error);
                    output::remark(format!("{what}; trying again in {} s", after.as_secs()));
                    tokio::time::sleep(after).await;
                }
                _ => return Err(failure(&error)),
            }
        }
    }
}

/// What cannot be opened while somebody else has it can be later.
fn code(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::ResourceBusy => Code::Temporary,
        _ => Code::CannotCreate,
    }
}

/// Reports events while the sync goes on, and all of them before its result.
async fn watched<S: Store + 'static>(
    mailbox: &mut Mailbox<S>,
    report: &mut Report,
) -> std::result::Result<Summary, SyncError> {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let sync = mailbox.sync(move |event: SyncEvent| {
        // Nobody listens any more only when this command is being stopped.
        let _ = tell.send(event);
    });
    let reporting = async {
        while let Some(event) = told.recv().await {
            report.event(&event);
        }
    };
    let (result, ()) = tokio::join!(sync, reporting);
    result
}

/// A refusal is no failure of the others, but somebody has to run this again.
fn finished(summary: &Summary) -> Result {
    match summary.refused {
        0 => Ok(()),
        count => Err(Failure::new(
            Code::Temporary,
            format!(
                "the server refused {count} messages; all others are done, and the next run tries again"
            ),
        )),
    }
}

fn failure(error: &SyncError) -> Failure {
    match error {
        SyncError::Pop3(error) => ServerUrl::in_its_words(Failure::pop3("fetch", error)),
        SyncError::Storage(_) => Failure::new(Code::Io, error),
        _ => Failure::new(Code::Temporary, output::foreign(&error.to_string())),
    }
}
