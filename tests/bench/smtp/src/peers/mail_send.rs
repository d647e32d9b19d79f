use super::{said, together};
use crate::Job;
use bench_rule::Taken;
use mail_send::smtp::AssertReply;
use mail_send::smtp::message::Message;
use mail_send::{SmtpClient, SmtpClientBuilder};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub(super) async fn send(job: &Job) -> Result<Taken, String> {
    if job.tls.is_some() {
        let connect = async |job: &Job| {
            let builder = SmtpClientBuilder::new("127.0.0.1", job.port).implicit_tls(true).allow_invalid_certs();
            builder.connect().await.map_err(said)
        };
        return together(job, connect, mails, quit).await;
    }
    together(job, connect, mails, quit).await
}

async fn connect(job: &Job) -> Result<SmtpClient<TcpStream>, String> {
    let stream = TcpStream::connect(("127.0.0.1", job.port)).await.map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    let mut client = SmtpClient { stream, timeout: Duration::from_secs(60) };
    client.read().await.map_err(said)?.assert_positive_completion().map_err(said)?;
    client.capabilities("[127.0.0.1]", false).await.map_err(said)?;
    Ok(client)
}

async fn quit<S: AsyncRead + AsyncWrite + Unpin>(client: SmtpClient<S>) -> Result<(), String> {
    client.quit().await.map_err(said)
}

async fn mails<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: SmtpClient<S>,
    job: Rc<Job>,
) -> Result<SmtpClient<S>, String> {
    for _ in 0..job.mails {
        let mail = Message::new(Job::SENDER.to_owned(), job.addresses(), job.message.as_slice());
        client.send(mail).await.map_err(said)?;
    }
    Ok(client)
}
