use super::{said, together};
use crate::Job;
use bench_rule::Taken;
use postrider_smtp::content::{self, Source};
use postrider_smtp::{Client, Config, Endpoint, Envelope, Mail, Pipelining, RecipientOutcome, Security, Tls};
use std::io::Read;
use std::rc::Rc;

pub(super) async fn send(job: &Job, pipelining: Pipelining) -> Result<Taken, String> {
    let endpoint = Endpoint::new("127.0.0.1", job.port).map_err(said)?;
    let mut config = Config::new(endpoint).pipelining(pipelining).security(Security::None);
    if let Some(certificate) = &job.tls {
        let tls = Tls::builder().only_added_roots().add_root_pem(certificate.pem.as_bytes()).map_err(said)?;
        config = config.security(Security::Tls).tls(tls.build().map_err(said)?);
    }
    let connect = async |_: &Job| Client::connect(&config).await.map_err(said);
    let quit = async |client: Client| {
        client.quit().await;
        Ok(())
    };
    together(job, connect, mails, quit).await
}

async fn mails(mut client: Client, job: Rc<Job>) -> Result<Client, String> {
    let envelope = Envelope::parse(Job::SENDER, job.addresses()).map_err(said)?;
    let mail = Mail { envelope: &envelope, message: &job.message };
    let mails = vec![mail; job.mails];
    let mut accepted = 0;
    client.send_each(&mails, |_, outcomes| accepted += outcomes.iter().filter(|o| o.is_accepted()).count()).await;
    if accepted == job.mails * job.recipients {
        Ok(client)
    } else {
        Err(format!("{accepted} of {} accepted", job.mails * job.recipients))
    }
}

/// One mail whose message nobody ever has as a whole.
pub(super) async fn stream(port: u16, octets: u64) -> Result<(), String> {
    let endpoint = Endpoint::new("127.0.0.1", port).map_err(said)?;
    let config = Config::new(endpoint).security(Security::None);
    let mut client = Client::connect(&config).await.map_err(said)?;
    let envelope = Envelope::parse(Job::SENDER, ["recipient@example.org"]).map_err(said)?;
    let lines = crate::message(64 * 1024);
    let mut content = content::from_read(Lines { lines, at: 0 }.take(octets));
    let outcomes = client.send_from(&envelope, Source::once(&mut content)).await;
    client.quit().await;
    match outcomes.iter().all(RecipientOutcome::is_accepted) {
        true => Ok(()),
        false => Err(outcomes.iter().map(|outcome| outcome.to_string()).collect()),
    }
}

/// The same lines again and again.
struct Lines {
    lines: Vec<u8>,
    at: usize,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.lines[self.at..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at = (self.at + n) % self.lines.len();
        Ok(n)
    }
}
