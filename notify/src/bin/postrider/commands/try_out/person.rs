//! A person with a mail program: reads a maildrop over POP3, writes over SMTP.

use super::tell::{Broken, Dialogue};
use postrider_notify::inbound::mail::Mail;
use postrider_sandbox::Sandbox;
use postrider_wire::Security;
use postrider_wire::sasl::Credentials;
use std::hash::{BuildHasher, Hasher};

/// Somebody with an address and a password at the sandbox.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) user: &'static str,
    pub(super) address: &'static str,
    pub(super) password: String,
}

/// A mail that somebody writes.
pub(super) struct Letter<'l> {
    pub(super) to: &'l str,
    pub(super) subject: &'l str,
    pub(super) text: &'l str,
    /// The mail that it answers.
    pub(super) answers: Option<&'l Mail>,
}

impl Person {
    pub(super) fn new(name: &'static str, user: &'static str, address: &'static str) -> Self {
        Self {
            name,
            user,
            address,
            password: random_word(),
        }
    }

    fn credentials(&self) -> Result<Credentials, Broken> {
        Ok(Credentials::password(self.user, self.password.as_str())?)
    }

    /// Reads everything in the maildrop and leaves it there.
    pub(super) async fn read(
        &self,
        sandbox: &Sandbox,
        dialogue: &Dialogue,
    ) -> Result<Vec<Vec<u8>>, Broken> {
        let config = postrider_pop3::Config::new(sandbox.pop3().clone())
            .security(Security::StartTls)
            .tls(sandbox.tls())
            .credentials(self.credentials()?)
            .transcript(dialogue.transcript.clone());
        let mut client = postrider_pop3::Client::connect(&config).await?;
        let mut mails = Vec::new();
        for listed in client.list().await? {
            mails.push(client.retr_to_vec(listed.number, 1 << 20).await?);
        }
        client.quit().await?;
        Ok(mails)
    }

    /// Writes a mail; gives the server's last words.
    pub(super) async fn write(
        &self,
        letter: &Letter<'_>,
        sandbox: &Sandbox,
        dialogue: &Dialogue,
    ) -> Result<String, Broken> {
        let config = postrider_smtp::Config::new(sandbox.smtp().clone())
            .security(Security::StartTls)
            .tls(sandbox.tls())
            .credentials(self.credentials()?)
            .transcript(dialogue.transcript.clone());
        let message = letter.compose(self)?;
        let mut client = postrider_smtp::Client::connect(&config).await?;
        let envelope = postrider_smtp::Envelope::parse(self.address, [letter.to])?;
        let outcomes = client.send(&envelope, &message).await;
        client.quit().await;
        match outcomes.first() {
            Some(outcome) if outcome.is_accepted() => Ok(outcome.cause.to_string()),
            Some(outcome) => Err(Broken(outcome.to_string())),
            None => Err(Broken("the client gave no outcome".to_owned())),
        }
    }
}

impl Letter<'_> {
    /// The message as a mail program writes it.
    fn compose(&self, author: &Person) -> Result<Vec<u8>, Broken> {
        let mut message = postrider_mime::MessageBuilder::new()
            .from((author.name, author.address))
            .to(self.to)
            .subject(self.subject)
            .text(self.text);
        if let Some(date) =
            postrider_mime::DateTime::from_unix(jiff::Timestamp::now().as_second(), 0)
        {
            message = message.date(date);
        }
        if let Some(id) = self.answers.and_then(|mail| mail.message_id.as_deref()) {
            message = message.in_reply_to(id).references([id]);
        }
        Ok(message.build()?)
    }
}

/// A word that nobody can guess before it is printed.
fn random_word() -> String {
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{random:016x}")
}
