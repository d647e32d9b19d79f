//! Clients. Each connects, and is timed from the first mail to the last reply.

mod async_smtp;
mod lettre;
mod mail_send;
mod ours;
mod programs;

use crate::Job;
use bench_rule::{Taken, Watch};
use std::future::Future;
use std::rc::Rc;
use tokio::task::{LocalSet, spawn_local};

pub use programs::Programs;

/// A client: it does a job and says what it took.
pub type Client = fn(&Job) -> Result<Taken, String>;

/// postrider-smtp, one flight for the envelope, the next for the mail.
pub fn ours_flight(job: &Job) -> Result<Taken, String> {
    alone(ours::send(job, postrider_smtp::Pipelining::Flight))
}

/// postrider-smtp as it comes: the mail and the next envelope in one flight.
pub fn ours(job: &Job) -> Result<Taken, String> {
    alone(ours::send(job, postrider_smtp::Pipelining::LookAhead))
}

/// postrider-smtp with CHUNKING: several mails in flight.
pub fn ours_chunked(job: &Job) -> Result<Taken, String> {
    alone(ours::send(job, postrider_smtp::Pipelining::Chunked))
}

/// postrider-smtp with a message of so many octets, read from a reader while it is sent.
pub fn ours_streamed(port: u16, octets: u64) -> Result<(), String> {
    alone(ours::stream(port, octets))
}

/// async-smtp over a stream with TCP_NODELAY.
pub fn async_smtp(job: &Job) -> Result<Taken, String> {
    alone(async_smtp::send(job))
}

/// lettre as it comes, with a pool of one connection. It cannot be told TCP_NODELAY.
pub fn lettre(job: &Job) -> Result<Taken, String> {
    lettre::send(job)
}

/// mail-send over a stream with TCP_NODELAY; over TLS, its own stream without.
pub fn mail_send(job: &Job) -> Result<Taken, String> {
    alone(mail_send::send(job))
}

/// Opens the connections of a job one after the other, and then lets all of them send their shares at once, each in a task
/// of its own in this thread.
async fn together<C: 'static, S: Future<Output = Result<C, String>> + 'static>(
    job: &Job,
    connect: impl AsyncFn(&Job) -> Result<C, String>,
    send: impl Fn(C, Rc<Job>) -> S,
    quit: impl AsyncFn(C) -> Result<(), String>,
) -> Result<Taken, String> {
    let mut clients = Vec::new();
    for _ in 0..job.connections {
        clients.push(connect(job).await?);
    }
    let share = Rc::new(job.share());
    if let (1, Some(client)) = (job.connections, clients.pop()) {
        // Nobody has to take turns.
        let watch = Watch::start();
        let client = send(client, share).await?;
        let taken = watch.stop();
        quit(client).await?;
        return Ok(taken);
    }
    let tasks = LocalSet::new();
    let work = async {
        let watch = Watch::start();
        let tasks: Vec<_> = clients.into_iter().map(|client| spawn_local(send(client, share.clone()))).collect();
        let mut clients = Vec::new();
        for task in tasks {
            clients.push(task.await.map_err(said)??);
        }
        Ok::<_, String>((watch.stop(), clients))
    };
    let (taken, clients) = tasks.run_until(work).await?;
    for client in clients {
        quit(client).await?;
    }
    Ok(taken)
}

/// Runs a client in this thread.
fn alone<T>(client: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(said)?;
    runtime.block_on(client)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
