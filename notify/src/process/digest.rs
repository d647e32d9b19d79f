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
    /// Those of the directory that may pass: the digest should be looked at again later. Everything else is part of the outcome.
    pub fn digest(&self, due: &DueDigest, now: Timestamp) -> Result<DigestOutcome, StoreError> {
        match self.outcome_of(due, now) {
            // Looking again would show the same, and hold up the digests behind it.
            Err(error @ StoreError::Corrupt(_)) => Ok(untold(due, "error", error.to_string())),
            outcome => outcome,
        }
    }

    fn outcome_of(&self, due: &DueDigest, now: Timestamp) -> Result<DigestOutcome, StoreError> {
        let ended = |verdict, detail| untold(due, verdict, detail);
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
        let mail = |parts| self.digest_mail((due, parts), notification, account, &recipient, now);
        let mut parts = in_one_mail(&due.parts, self.config.outgoing.max_body);
        loop {
            let error = match mail(parts) {
                Ok(mail) => {
                    let detail = told(parts, &mail, &recipient);
                    return Ok(DigestOutcome {
                        ended: parts.len(),
                        mail: Some(mail),
                        ..ended("digest", detail)
                    });
                }
                Err(RenderError::Template(TemplateError::Store(error))) => return Err(error),
                Err(error) => error,
            };
            if parts.len() > 1 {
                // Half of them may fit, and if one is at fault, the others are not to be lost with it.
                parts = parts.get(..parts.len() / 2).unwrap_or_default();
                continue;
            }
            let all = ended("render_error", error.to_string());
            // Where the part behind it cannot be told alone either, no part is at fault, but the frame.
            let behind = due.parts.get(1..2).filter(|behind| !behind.is_empty());
            let is_frame = |behind| {
                matches!(
                    mail(behind),
                    Err(RenderError::Template(TemplateError::Template(_)))
                )
            };
            return Ok(match behind.is_some_and(is_frame) {
                true => all,
                false => DigestOutcome {
                    ended: parts.len(),
                    ..all
                },
            });
        }
    }

    /// A mail that tells the parts, which are the first ones of the digest.
    fn digest_mail(
        &self,
        (due, parts): (&DueDigest, &[Part]),
        notification: &Notification,
        account: &SmtpAccount,
        recipient: &Recipient,
        now: Timestamp,
    ) -> Result<OutgoingMail, RenderError> {
        let instance = &self.config.instance;
        let cover = Cover {
            // No other digest has this part, and no other mail tells of it by this notification.
            event: parts.last().map_or(0, |part| part.event),
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
        let parts = self.addressed(parts);
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

/// Nobody is told, and why.
fn untold(due: &DueDigest, verdict: &'static str, detail: String) -> DigestOutcome {
    DigestOutcome {
        digest: due.id,
        parts: due.count,
        ended: due.parts.len(),
        verdict,
        detail,
        mail: None,
    }
}

/// The first parts, as many as are no larger together than one body may be; one at least, if there is any.
fn in_one_mail(parts: &[Part], max_body: usize) -> &[Part] {
    let (mut html, mut text) = (0, 0);
    let fits = |part: &&Part| {
        text += part.text.len();
        html += part.html.as_deref().map_or(part.text.len(), str::len);
        html.max(text) <= max_body
    };
    let count = parts.iter().take_while(fits).count();
    parts.get(..count.max(1)).unwrap_or(parts)
}

/// The verdict on each part of a digest that is told.
fn told(parts: &[Part], mail: &OutgoingMail, recipient: &Recipient) -> String {
    let one = format!("told in a digest of {}: {}", parts.len(), mail.message_id);
    let held = recipient.hold.as_ref();
    let held = held.map(|hold| format!("held until {}: {}", hold.until, hold.reason));
    joined([one, held.unwrap_or_default()])
}
