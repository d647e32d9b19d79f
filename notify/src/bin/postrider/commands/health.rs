//! `postrider health`: does the daemon work, and does anything wait too long? For people, and for systemd, Docker and the like.

use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, foreign, paint};
use crate::setup;
use jiff::{SignedDuration, Timestamp};
use postrider_notify::delivery;
use postrider_notify::inbound::reader::{self, Reader};
use postrider_notify::store::{Backlog, DaemonLife, Pause, SqliteStore};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// How long ago the last round of a daemon may be; it makes one each second.
const ROUND: SignedDuration = SignedDuration::from_secs(30);

/// Say whether the daemon works, and what waits too long; change nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long what is due may wait
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = super::fetch::age::parse)]
    patience: Duration,
    /// Print nothing; the exit code says it
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What was found.
struct Health {
    /// `None` on PostgreSQL, where several may work, here and elsewhere.
    life: Option<DaemonLife>,
    /// How long ago its last round was.
    round: Option<SignedDuration>,
    backlog: Backlog,
    /// A sentence for each account that is gone and that mail waits for.
    stranded: Vec<String>,
    pauses: Vec<(String, Pause)>,
}

pub(crate) fn run(config: Option<&Path>, args: &Args) -> Result {
    let config = setup::config(config)?;
    let is_file = config.postgres.is_none();
    if is_file && !config.database.exists() {
        let sentence = format!(
            "there is no database {} yet: no daemon has run",
            config.database.display()
        );
        return Err(Failure::new(Code::Unavailable, sentence));
    }
    let now = Timestamp::now();
    let (store, _) = setup::stored(&config)?;
    let life = match is_file {
        true => Some(SqliteStore::daemon_life(&config.database)?),
        false => None,
    };
    let smtp = config.smtp.iter().map(|account| account.name.clone());
    let smtp = smtp.map(|account| (account, delivery::LONGEST_PAUSE));
    let pop3 = config
        .pop3
        .iter()
        .map(|account| Reader::pause_name(&account.name))
        .map(|account| (account, reader::LONGEST_PAUSE));
    let mut pauses = Vec::new();
    for (account, longest) in smtp.chain(pop3) {
        let pause = store
            .pause(&account)?
            .filter(|pause| pause.holds(now, longest));
        pauses.extend(pause.map(|pause| (account, pause)));
    }
    let backlog = store.backlog(now)?;
    let round = life.as_ref().and_then(|life| life.last_round);
    let health = Health {
        round: round.map(|at| now.duration_since(at)),
        stranded: setup::stranded(&config, &backlog),
        backlog,
        life,
        pauses,
    };
    let patience = SignedDuration::try_from(args.patience).unwrap_or(SignedDuration::MAX);
    let verdict = health.verdict(now, patience);
    if args.json {
        output::line(health.object(now, verdict.as_ref().err()));
    } else if !args.quiet {
        health.show(now);
    }
    match verdict {
        Ok(()) if args.json || args.quiet => Ok(()),
        Ok(()) => {
            output::line(paint(Style::Good, "healthy"));
            Ok(())
        }
        Err(failure) if args.json || args.quiet => Err(Failure::silent(failure.code())),
        failure => failure,
    }
}

impl Health {
    /// What keeps the daemon from its store.
    fn fault(&self) -> Option<&str> {
        self.life.as_ref()?.fault.as_deref()
    }

    fn waits(&self) -> [(&'static str, Option<Timestamp>); 3] {
        let Backlog {
            event,
            delivery,
            inbound,
            ..
        } = self.backlog;
        [
            ("events", event),
            ("mail", delivery),
            ("inbound mail", inbound),
        ]
    }

    fn verdict(&self, now: Timestamp, patience: SignedDuration) -> Result {
        if self.life.as_ref().is_some_and(|life| !life.alive) {
            let sentence = "no daemon works on the database (`postrider run` starts one)";
            return Err(Failure::new(Code::Unavailable, sentence));
        }
        if let Some(fault) = self.fault() {
            let sentence = format!("the daemon cannot use its database: {fault}");
            return Err(Failure::new(Code::Temporary, sentence));
        }
        if let Some(ago) = self.round.filter(|ago| *ago > ROUND) {
            let sentence = format!("the daemon made its last round {} s ago", ago.as_secs());
            return Err(Failure::new(Code::Unavailable, sentence));
        }
        for (what, since) in self.waits() {
            let waits = since.map(|since| now.duration_since(since));
            if let Some(waits) = waits.filter(|waits| *waits > patience) {
                let sentence = format!("{what} that is due has waited for {} s", waits.as_secs());
                return Err(Failure::new(Code::Temporary, sentence));
            }
        }
        if let Some(sentence) = self.stranded.first() {
            return Err(Failure::new(Code::Temporary, sentence));
        }
        match self.pauses.first() {
            Some((account, pause)) => {
                let sentence = format!("the account {account} is paused: {}", pause.reason);
                Err(Failure::new(Code::Temporary, sentence))
            }
            None => Ok(()),
        }
    }

    fn show(&self, now: Timestamp) {
        let alive = self.life.as_ref().map(|life| life.alive);
        let daemon = match (alive, self.round) {
            (None, _) => "not known from here".to_owned(),
            (Some(false), _) => "not running".to_owned(),
            (Some(true), None) => "running".to_owned(),
            (Some(true), Some(ago)) => format!("running, last round {} s ago", ago.as_secs()),
        };
        output::line(format!("daemon        {daemon}"));
        for (what, since) in self.waits() {
            let waits = since.map_or("nothing is due".to_owned(), |since| {
                format!(
                    "the oldest has been due for {} s",
                    now.duration_since(since).as_secs()
                )
            });
            output::line(format!("{what:12}  {waits}"));
        }
        let Backlog {
            dead, failed, held, ..
        } = self.backlog;
        output::line(format!("dead letters  {dead} given up, {failed} refused"));
        let hint = match held {
            0 => "",
            _ => " (`postrider inbound list --state held` lists them)",
        };
        output::line(format!("held mails    {held}{hint}"));
        for (account, pause) in &self.pauses {
            let until = pause.until.strftime("%Y-%m-%d %H:%M:%S UTC");
            let line = format!(
                "account {account} is paused until {until}: {}",
                pause.reason
            );
            output::line(foreign(&line));
        }
    }

    fn object(&self, now: Timestamp, failure: Option<&Failure>) -> serde_json::Value {
        let seconds = |since: Option<Timestamp>| since.map(|at| now.duration_since(at).as_secs());
        let pauses = self.pauses.iter().map(|(account, pause)| {
            json!({
                "account": account,
                "until": pause.until.to_string(),
                "reason": pause.reason,
            })
        });
        let life = self.life.as_ref();
        json!({
            "healthy": failure.is_none(),
            "why": failure.map(ToString::to_string),
            "daemon": life.map(|life| life.alive),
            "last_round": life.and_then(|life| life.last_round).map(|at| at.to_string()),
            "store_fault": self.fault(),
            "event_due_for": seconds(self.backlog.event),
            "delivery_due_for": seconds(self.backlog.delivery),
            "inbound_due_for": seconds(self.backlog.inbound),
            "dead": self.backlog.dead,
            "failed": self.backlog.failed,
            "held": self.backlog.held,
            "stranded": self.stranded,
            "paused": pauses.collect::<Vec<_>>(),
        })
    }
}
