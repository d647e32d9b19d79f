//! AUTH (RFC 4954).

use super::server::{SmtpServer, State};
use crate::fault::{Protocol, Stage};
use crate::sasl::{Exchange, Verdict};
use crate::step::Step;
use bytes::BytesMut;

impl SmtpServer {
    pub(super) fn auth(
        &mut self,
        said: String,
        mechanism: &str,
        initial: Option<&str>,
        out: &mut BytesMut,
    ) -> Step {
        let initial = initial.map(str::as_bytes);
        self.auth_step(said, out, |server, out| {
            if let Some((code, enhanced, text)) = server.auth_refused(mechanism) {
                server.say(out, code, enhanced, text);
            } else {
                server.judge(Exchange::start(mechanism, initial), out);
            }
        })
    }

    pub(super) fn auth_response(
        &mut self,
        exchange: Exchange,
        response: &[u8],
        out: &mut BytesMut,
    ) -> Step {
        let said = if response == b"*" { "*" } else { "…" };
        self.auth_step(said.to_owned(), out, |server, out| {
            server.judge(exchange.respond(response), out);
        })
    }

    /// A step of the dialogue. If a fault asks something, the next line is an answer to it and not a command.
    fn auth_step(
        &mut self,
        said: String,
        out: &mut BytesMut,
        act: impl FnOnce(&mut Self, &mut BytesMut),
    ) -> Step {
        let plan = self.service.script().pass(Protocol::Smtp, &[Stage::Auth]);
        let asks = plan.replies_with(b"334");
        let step = self.planned_step(plan, Step::new(Stage::Auth, said), out, act);
        if asks && !matches!(self.state, State::Closed) {
            self.state = State::Auth(Exchange::Scripted);
        }
        step
    }

    fn auth_refused(&self, mechanism: &str) -> Option<(u16, &'static str, &'static str)> {
        let settings = self.service.settings();
        let offered = settings.mechanisms(self.session.tls);
        let known = |name: &&str| name.eq_ignore_ascii_case(mechanism);
        if settings.mechanisms(true).is_empty() {
            Some((502, "5.5.1", "AUTH is not implemented"))
        } else if offered.is_empty() {
            Some((538, "5.7.11", "encryption is required: STARTTLS first"))
        } else if !self.session.extended {
            Some((503, "5.5.1", "EHLO first"))
        } else if self.session.user.is_some() {
            Some((503, "5.5.1", "already authenticated"))
        } else if self.session.transaction.is_some() {
            Some((503, "5.5.1", "not during a mail transaction"))
        } else if !offered.iter().any(known) {
            Some((504, "5.5.4", "this mechanism is not offered"))
        } else {
            None
        }
    }

    fn judge(&mut self, verdict: Verdict, out: &mut BytesMut) {
        match verdict {
            Verdict::Challenge(exchange, challenge) => {
                self.state = State::Auth(exchange);
                self.say(out, 334, "", challenge);
            }
            Verdict::Presented { user, password }
                if self.service.store().authenticate(&user, &password) =>
            {
                self.session.user = Some(user);
                self.say(out, 235, "2.7.0", "authentication successful");
            }
            Verdict::Presented { .. } | Verdict::Wrong => {
                self.say(out, 535, "5.7.8", "user name or password is wrong");
            }
            Verdict::Malformed => self.say(out, 501, "5.5.2", "the response cannot be decoded"),
            Verdict::Cancelled => self.say(out, 501, "5.7.0", "authentication cancelled"),
        }
    }
}
