//! `postrider run`: the daemon.

use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use postrider_notify::daemon::{Daemon, LogEvent, Observer, Summary};
use std::path::Path;
use std::sync::Arc;

/// Run the daemon.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read, act and send what is there, then end
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(config: Option<&Path>, args: Args) -> Result {
    let setup = setup::open(config)?;
    let _lock = setup.sqlite.lock_daemon()?;
    let observer: Observer = Arc::new(|event: LogEvent| output::line(event));
    let daemon = Daemon::new(setup.config, setup.store, observer)?;
    if args.once {
        return judge(daemon.run_once().await?);
    }
    daemon.run(told_to_stop()).await?;
    Ok(())
}

fn judge(summary: Summary) -> Result {
    let Summary {
        fetched,
        processed,
        settled,
        delivered,
        undelivered,
        faults,
    } = summary;
    output::remark(format!(
        "{fetched} fetched, {processed} processed, {settled} events settled, {delivered} delivered, {undelivered} not delivered"
    ));
    if faults > 0 {
        let sentence = format!("{faults} account(s) could not be used; the lines above say why");
        return Err(Failure::new(Code::Temporary, sentence));
    }
    Ok(())
}

/// Waits for Ctrl-C, or for SIGTERM where there is such a thing.
pub(crate) async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let both = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        );
        if let (Ok(mut terminate), Ok(mut interrupt)) = both {
            std::future::poll_fn(|context| {
                let terminated = terminate.poll_recv(context).is_ready();
                let interrupted = interrupt.poll_recv(context).is_ready();
                match terminated || interrupted {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            })
            .await;
            return;
        }
    }
    // Without a signal to wait for, the daemon runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
