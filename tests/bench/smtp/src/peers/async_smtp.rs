use super::said;
use crate::Job;
use async_smtp::{EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport};
use bench_rule::{Taken, Watch};
use tokio::io::BufStream;
use tokio::net::TcpStream;

pub(super) async fn send(job: &Job) -> Result<Taken, String> {
    if job.tls.is_some() {
        return Err("brings no TLS of its own".into());
    }
    let stream = TcpStream::connect(("127.0.0.1", job.port)).await.map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    let mut client = SmtpTransport::new(SmtpClient::new(), BufStream::new(stream)).await.map_err(said)?;
    let sender = EmailAddress::new(Job::SENDER.into()).map_err(said)?;
    let to = job.addresses().map(EmailAddress::new).collect::<Result<_, _>>().map_err(said)?;
    let envelope = Envelope::new(Some(sender), to).map_err(said)?;
    let watch = Watch::start();
    for _ in 0..job.mails {
        let mail = SendableEmail::new(envelope.clone(), job.message.clone());
        client.send(mail).await.map_err(said)?;
    }
    let taken = watch.stop();
    client.quit().await.map_err(said)?;
    Ok(taken)
}
