use super::said;
use crate::Job;
use bench_rule::{Taken, Watch};
use postrider_smtp::{Client, Config, Endpoint, Envelope, Mail, Pipelining, Security, Tls};

pub(super) async fn send(job: &Job, pipelining: Pipelining) -> Result<Taken, String> {
    let endpoint = Endpoint::new("127.0.0.1", job.port).map_err(said)?;
    let mut config = Config::new(endpoint).pipelining(pipelining).security(Security::None);
    if let Some(certificate) = &job.tls {
        let tls = Tls::builder().only_added_roots().add_root_pem(certificate.pem.as_bytes()).map_err(said)?;
        config = config.security(Security::Tls).tls(tls.build().map_err(said)?);
    }
    let envelope = Envelope::parse(Job::SENDER, job.addresses()).map_err(said)?;
    let mail = Mail { envelope: &envelope, message: &job.message };
    let mails = vec![mail; job.mails];
    let mut client = Client::connect(&config).await.map_err(said)?;
    let watch = Watch::start();
    let mut accepted = 0;
    client.send_each(&mails, |_, outcomes| accepted += outcomes.iter().filter(|o| o.is_accepted()).count()).await;
    let taken = watch.stop();
    client.quit().await;
    if accepted == job.mails * job.recipients {
        Ok(taken)
    } else {
        Err(format!("{accepted} of {} accepted", job.mails * job.recipients))
    }
}
