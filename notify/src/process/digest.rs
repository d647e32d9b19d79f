//! Digests: what is kept of an event, and the mail that tells all of it.

use super::{Processor, joined};
use crate::account::SmtpAccount;
use crate::address::with_name;
use crate::email_digest::{Digest, DigestOutcome, DueDigest, NewPart, Part, Scope};
use crate::event::Event;
use crate::notification::Notification;
use crate::outgoing::OutgoingMail;
use crate::recipients::{Recipient, Surroundings, choose_again};
use crate::render::{Content, Cover, RenderError, digest_content};
use crate::store::StoreError;
use crate::template::{Context, TemplateError};
use jiff::Timestamp;
use std::time::Duration;

/// What is kept of an event for somebody who is told in digests.
pub(super) fn part(
    notification: &Notification,
    event: &Event,
    recipient: &Recipient,
    interval: Duration,
    content: &Content,
) -> NewPart {
    let record = event.what.record.clone();
    let single = notification
        .digest
        .as_ref()
        .is_some_and(|digest| digest.scope == Scope::Single);
    NewPart {
        user: recipient.user.clone(),
        address: recipient.address.clone(),
        via: recipient.via.clone(),
        about: record.clone().filter(|_| single),
        interval,
        record,
        subject: content.subject.clone(),
        html: content.html.clone(),
        text: content.text.clone(),
    }
}

impl Processor {
    /// What becomes of a digest that is due.
    ///
    /// # Errors
    /// Those of the directory: the digest should be looked at again later. Everything else is part of the outcome.
    pub fn digest(&self, due: &DueDigest, now: Timestamp) -> Result<DigestOutcome, StoreError> {
        let ended = |verdict, detail: String| DigestOutcome {
            digest: due.id,
            parts: due.parts.len(),
            verdict,
            detail,
            mail: None,
        };
        let name = &due.notification;
        let Some(notification) = self.config.notification(name) else {
            let why =
                format!("when the digest was due, there was no [notification.{name}] any more");
            return Ok(ended("error", why));
        };
        if !notification.active {
            let why = "when the digest was due, the notification was switched off";
            return Ok(ended("error", why.to_owned()));
        }
        let Some(account) = self.config.account(notification) else {
            return Ok(ended(
                "error",
                "there is no account to go out by".to_owned(),
            ));
        };
        let around = Surroundings {
            schema: &self.config.schema,
            directory: &*self.directory,
            own: &self.own,
            account: &account.name,
            now,
        };
        let recipient = match choose_again(notification, due, around)? {
            Ok(recipient) => recipient,
            Err(not) => {
                let why = format!("when the digest was due: {}", not.detail);
                return Ok(ended(not.verdict, why));
            }
        };
        if let Some(why) = self.config.outgoing.denied(&recipient.address) {
            return Ok(ended("denied_domain", why));
        }
        match self.digest_mail(due, notification, account, &recipient, now) {
            Ok(mail) => {
                let detail = told(due, &mail, &recipient);
                let mail = Some(mail);
                Ok(DigestOutcome {
                    mail,
                    ..ended("digest", detail)
                })
            }
            Err(RenderError::Template(TemplateError::Store(error))) => Err(error),
            Err(error) => Ok(ended("render_error", error.to_string())),
        }
    }

    fn digest_mail(
        &self,
        due: &DueDigest,
        notification: &Notification,
        account: &SmtpAccount,
        recipient: &Recipient,
        now: Timestamp,
    ) -> Result<OutgoingMail, RenderError> {
        let instance = &self.config.instance;
        let cover = Cover {
            // No other digest has this part, and no other mail tells of it by this notification.
            event: due.parts.last().map_or(0, |part| part.event),
            notification,
            record: due.about.as_ref(),
            account,
            mail_domain: &instance.mail_domain,
            unsubscribe_url: &instance.unsubscribe_url,
            signer: &self.signer,
            now,
        };
        let context = self
            .digest_context(due)
            .map_err(|error| RenderError::Template(TemplateError::Store(error)))?
            .value("recipient", cover.named(recipient));
        let usual = Digest::default();
        let digest = notification.digest.as_ref().unwrap_or(&usual);
        let parts = self.addressed(&due.parts);
        let content = digest_content(
            notification,
            digest,
            &parts,
            &self.config.templates,
            context,
        )
        .map_err(RenderError::Template)?;
        self.refuse_large_body(&content)?;
        let raw = cover
            .message(recipient, &content, &[])
            .map_err(RenderError::Build)?;
        let limit = self.config.outgoing.max_message;
        if raw.len() > limit {
            return Err(RenderError::TooLarge("max_message", limit));
        }
        let not_before = recipient.hold.as_ref().map(|hold| hold.until);
        Ok(OutgoingMail {
            message_id: cover.message_id(recipient),
            sender: with_name(&account.from)
                .map_or("", |(_, address)| address)
                .to_owned(),
            recipient: recipient.address.clone(),
            subject: content.subject,
            raw,
            account: account.name.clone(),
            record: due.about.clone(),
            expires: super::expires(not_before.unwrap_or(now)),
            not_before,
            rank: None,
        })
    }

    /// What the templates of a digest know: the record, as it is now, where the digest is about one.
    fn digest_context(&self, due: &DueDigest) -> Result<Context, StoreError> {
        let instance = &self.config.instance;
        let context = Context::new(self.config.schema.clone(), self.directory.clone())
            .instance(&instance.name, &instance.url)
            .preferences(&instance.preferences_url);
        let Some(key) = &due.about else {
            return Ok(context);
        };
        let fields = self.directory.record(key)?.unwrap_or_default();
        Ok(context.record("current", key.clone(), fields))
    }

    /// The parts, each with where its record is shown.
    fn addressed<'p>(&self, parts: &'p [Part]) -> Vec<(&'p Part, String)> {
        let url = &self.config.instance.url;
        let address = |part: &Part| {
            let record = part.record.as_ref().filter(|_| !url.is_empty());
            record.map_or(String::new(), |key| crate::template::address(url, key))
        };
        parts.iter().map(|part| (part, address(part))).collect()
    }
}

/// The verdict on each part of a digest that is told.
fn told(due: &DueDigest, mail: &OutgoingMail, recipient: &Recipient) -> String {
    let one = format!(
        "told in a digest of {}: {}",
        due.parts.len(),
        mail.message_id
    );
    let held = recipient.hold.as_ref();
    let held = held.map(|hold| format!("held until {}: {}", hold.until, hold.reason));
    joined([one, held.unwrap_or_default()])
}
