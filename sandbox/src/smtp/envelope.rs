//! MAIL and RCPT (RFC 5321 §4.1.1.2 and §4.1.1.3).

use super::parameter::{Parameter, Refused, check_mail, check_rcpt};
use super::server::{SmtpServer, Transaction};
use crate::fault::{AddressFault, Protocol, Stage};
use crate::mail::Recipient;
use crate::service::Extension;
use crate::step::Step;
use crate::store::Destination;
use bytes::BytesMut;

impl SmtpServer {
    pub(super) fn mail(&mut self, path: &str, parameters: &[Parameter<'_>], out: &mut BytesMut) {
        if let Some((code, enhanced, text)) = self.mail_refused() {
            return self.say(out, code, enhanced, text);
        }
        let meaning = match check_mail(parameters, self.service.settings()) {
            Ok(meaning) => meaning,
            Err(refused) => return self.parameter_refused(refused, out),
        };
        if !path.is_ascii() && !meaning.utf8 {
            return self.say(out, 553, "5.6.7", "this address needs SMTPUTF8");
        }
        self.session.transaction = Some(Transaction {
            from: path.to_owned(),
            parameters: as_written(parameters),
            eight_bit: meaning.eight_bit,
            utf8: meaning.utf8,
            ..Transaction::default()
        });
        self.say(out, 250, "2.1.0", "Ok");
    }

    fn mail_refused(&self) -> Option<(u16, &'static str, &'static str)> {
        let settings = self.service.settings();
        let authenticated = self.session.user.is_some()
            || !settings.require_auth
            || !settings.offers(Extension::Auth);
        if self.session.client.is_none() {
            Some((503, "5.5.1", "EHLO or HELO first"))
        } else if !authenticated && !settings.may_authenticate(self.session.tls) {
            Some((530, "5.7.0", "STARTTLS and authentication are required"))
        } else if !authenticated {
            Some((530, "5.7.0", "authentication is required"))
        } else if self.session.transaction.is_some() {
            Some((503, "5.5.1", "a mail transaction is open already"))
        } else {
            None
        }
    }

    pub(super) fn rcpt(
        &mut self,
        said: String,
        path: &str,
        parameters: &[Parameter<'_>],
        out: &mut BytesMut,
    ) -> Step {
        let order = match self.service.settings().address_faults {
            true => AddressFault::parse(path),
            false => None,
        };
        let mut plan = self.service.script().pass(Protocol::Smtp, &[Stage::Rcpt]);
        plan.also(order.as_ref().and_then(|(fault, _)| fault.at_rcpt()));
        let step = Step::new(Stage::Rcpt, said);
        self.planned_step(plan, step, out, |server, out| {
            server.add_recipient(path, parameters, order, out);
        })
    }

    fn add_recipient(
        &mut self,
        path: &str,
        parameters: &[Parameter<'_>],
        order: Option<(AddressFault, String)>,
        out: &mut BytesMut,
    ) {
        if let Some((code, enhanced, text)) = self.rcpt_refused(path) {
            return self.say(out, code, enhanced, text);
        }
        if let Err(refused) = check_rcpt(parameters, self.service.settings()) {
            return self.parameter_refused(refused, out);
        }
        let Some(destination) = self.destination(path, order.as_ref()) else {
            let shown: String = path.chars().take(200).collect();
            return self.say(
                out,
                550,
                "5.1.1",
                format_args!("<{shown}>: no such mailbox"),
            );
        };
        if let Some(transaction) = &mut self.session.transaction {
            transaction.recipients.push(Recipient {
                address: path.to_owned(),
                parameters: as_written(parameters),
            });
            transaction.destinations.insert(destination);
            let at_end = order.and_then(|(fault, _)| fault.at_end_of_data());
            transaction.at_end.extend(at_end);
        }
        self.say(out, 250, "2.1.5", "Ok");
    }

    fn rcpt_refused(&self, path: &str) -> Option<(u16, &'static str, &'static str)> {
        match &self.session.transaction {
            None => Some((503, "5.5.1", "MAIL first")),
            Some(t) if t.chunks.is_some() => Some((503, "5.5.1", "the content has begun already")),
            Some(t) if !path.is_ascii() && !t.utf8 => {
                Some((553, "5.6.7", "this address needs SMTPUTF8"))
            }
            Some(t) if t.recipients.len() >= self.service.settings().limits.recipients => {
                Some((452, "4.5.3", "too many recipients"))
            }
            Some(_) => None,
        }
    }

    /// A recipient that asks for a fault is known, even if no mailbox has its address.
    fn destination(
        &self,
        path: &str,
        order: Option<&(AddressFault, String)>,
    ) -> Option<Destination> {
        let store = self.service.store();
        match order {
            Some((_, address)) if address == path => Some(
                store
                    .route(path)
                    .unwrap_or(Destination::Own(path.to_owned())),
            ),
            Some((_, address)) => store.route(address),
            None => store.route(path),
        }
    }

    fn parameter_refused(&mut self, refused: Refused, out: &mut BytesMut) {
        match refused {
            Refused::Unsupported => self.say(out, 555, "5.5.4", "a parameter is not supported"),
            Refused::Malformed => self.say(out, 501, "5.5.4", "a parameter is malformed"),
            Refused::TooLarge => self.say(out, 552, "5.3.4", "the mail is too large"),
        }
    }
}

fn as_written(parameters: &[Parameter<'_>]) -> Vec<String> {
    let one = |p: &Parameter<'_>| match p.value {
        Some(value) => format!("{}={value}", p.keyword),
        None => p.keyword.to_owned(),
    };
    parameters.iter().map(one).collect()
}
