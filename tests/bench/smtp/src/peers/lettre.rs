use super::said;
use crate::Job;
use bench_rule::{Taken, Watch};
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use std::thread;

pub(super) fn send(job: &Job) -> Result<Taken, String> {
    let mut builder = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(job.port)
        .pool_config(PoolConfig::new().max_size(job.connections as u32).min_idle(1));
    if let Some(certificate) = &job.tls {
        let certificate = Certificate::from_pem(certificate.pem.as_bytes()).map_err(said)?;
        let tls = TlsParameters::builder("127.0.0.1".into()).add_root_certificate(certificate);
        builder = builder.tls(Tls::Wrapper(tls.build().map_err(said)?));
    }
    let client = builder.build();
    let sender: Address = Job::SENDER.parse().map_err(said)?;
    let to = job.addresses().map(|a| a.parse()).collect::<Result<_, _>>().map_err(said)?;
    let envelope = Envelope::new(Some(sender), to).map_err(said)?;
    // Opens the connection, which goes back to the pool.
    client.test_connection().map_err(said)?;
    let share = job.share().mails;
    let send = || (0..share).try_for_each(|_| client.send_raw(&envelope, &job.message).map(|_| ()).map_err(said));
    let watch = Watch::start();
    if job.connections == 1 {
        send()?;
        return Ok(watch.stop());
    }
    // A pool is shared by threads, each of which has a connection as long as it sends.
    thread::scope(|scope| {
        let threads: Vec<_> = (0..job.connections).map(|_| scope.spawn(send)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "it panicked".to_owned())?)
    })?;
    Ok(watch.stop_wall())
}
