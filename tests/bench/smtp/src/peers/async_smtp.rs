use super::{said, together};
use crate::Job;
use async_smtp::{EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport};
use bench_rule::Taken;
use std::rc::Rc;
use tokio::io::BufStream;
use tokio::net::TcpStream;

type Client = SmtpTransport<BufStream<TcpStream>>;

pub(super) async fn send(job: &Job) -> Result<Taken, String> {
    if job.tls.is_some() {
        return Err("brings no TLS of its own".into());
    }
    let quit = async |mut client: Client| client.quit().await.map(|_| ()).map_err(said);
    together(job, connect, mails, quit).await
}

async fn connect(job: &Job) -> Result<Client, String> {
    let stream = TcpStream::connect(("127.0.0.1", job.port)).await.map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    SmtpTransport::new(SmtpClient::new(), BufStream::new(stream)).await.map_err(said)
}

async fn mails(mut client: Client, job: Rc<Job>) -> Result<Client, String> {
    let sender = EmailAddress::new(Job::SENDER.into()).map_err(said)?;
    let to = job.addresses().map(EmailAddress::new).collect::<Result<_, _>>().map_err(said)?;
    let envelope = Envelope::new(Some(sender), to).map_err(said)?;
    for _ in 0..job.mails {
        let mail = SendableEmail::new(envelope.clone(), job.message.clone());
        client.send(mail).await.map_err(said)?;
    }
    Ok(client)
}
