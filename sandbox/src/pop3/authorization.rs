//! The AUTHORIZATION state: CAPA (RFC 2449 §5), USER and PASS (RFC 1939 §7), AUTH (RFC 5034).

use super::server::{Pop3Server, State, write_line};
use super::transaction::Transaction;
use crate::fault::{Protocol, Stage};
use crate::sasl::{Exchange, Verdict};
use crate::service::Extension;
use crate::step::Step;
use crate::store::Refusal;
use bytes::BytesMut;
use postrider_wire::Secret;

impl Pop3Server {
    pub(super) fn capa(&self, out: &mut BytesMut) {
        self.ok(out, "capability list follows");
        for line in self.capabilities() {
            write_line(out, format_args!("{line}"));
        }
        write_line(out, format_args!("."));
    }

    fn capabilities(&self) -> Vec<String> {
        let settings = self.service.settings();
        let logged_in = matches!(self.state, State::Transaction(_));
        let mechanisms = settings.mechanisms(self.tls);
        let sasl = format!("SASL {}", mechanisms.join(" "));
        let on = |extension, line: &str| settings.offers(extension).then(|| line.to_owned());
        let user = on(Extension::User, "USER").filter(|_| settings.may_authenticate(self.tls));
        let stls = on(Extension::StartTls, "STLS").filter(|_| !self.tls && !logged_in);
        [
            user,
            (!mechanisms.is_empty()).then_some(sasl),
            stls,
            on(Extension::Uidl, "UIDL"),
            on(Extension::Top, "TOP"),
            on(Extension::Pipelining, "PIPELINING"),
            on(Extension::RespCodes, "RESP-CODES"),
            on(Extension::RespCodes, "AUTH-RESP-CODE"),
            Some("EXPIRE NEVER".to_owned()),
            Some("IMPLEMENTATION postrider-sandbox".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Every name is welcome until the password comes: who exists is nobody's business (RFC 1939 §13).
    pub(super) fn user(&mut self, name: &str, out: &mut BytesMut) {
        if !self.service.settings().may_authenticate(self.tls) {
            return self.refuse_with(out, "AUTH", "encryption is required: STLS first");
        }
        self.state = State::Authorization {
            user: Some(name.to_owned()),
        };
        self.ok(out, "send PASS");
    }

    pub(super) fn pass(&mut self, password: &str, out: &mut BytesMut) {
        let state = std::mem::replace(&mut self.state, State::START);
        match state {
            State::Authorization { user: Some(user) } => {
                self.log_in(&user, &Secret::from(password), out);
            }
            _ => self.error(out, "USER first"),
        }
    }

    pub(super) fn auth(
        &mut self,
        said: String,
        mechanism: &str,
        initial: Option<&str>,
        out: &mut BytesMut,
    ) -> Step {
        let initial = initial.map(str::as_bytes);
        self.auth_step(said, out, |server, out| {
            let settings = server.service.settings();
            let offered = settings.mechanisms(server.tls);
            let known = offered.iter().any(|m| m.eq_ignore_ascii_case(mechanism));
            if settings.mechanisms(true).is_empty() {
                server.error(out, "command not recognised");
            } else if !settings.may_authenticate(server.tls) {
                server.refuse_with(out, "AUTH", "encryption is required: STLS first");
            } else if !matches!(server.state, State::Authorization { .. }) {
                server.error(out, "already logged in");
            } else if !known {
                server.error(out, "this mechanism is not offered");
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
        let plan = self.service.script().pass(Protocol::Pop3, &[Stage::Auth]);
        let asks = plan.replies_with(b"+ ") || plan.replies_with(b"+\r");
        let step = self.planned_step(plan, Step::new(Stage::Auth, said), out, act);
        if asks && !matches!(self.state, State::Closed) {
            self.state = State::Auth(Exchange::Scripted);
        }
        step
    }

    fn judge(&mut self, verdict: Verdict, out: &mut BytesMut) {
        match verdict {
            Verdict::Challenge(exchange, challenge) => {
                self.state = State::Auth(exchange);
                write_line(out, format_args!("+ {challenge}"));
            }
            Verdict::Presented { user, password } => self.log_in(&user, &password, out),
            Verdict::Wrong => self.denied(out),
            Verdict::Malformed => self.error(out, "the response cannot be decoded"),
            Verdict::Cancelled => self.refuse(out, "authentication cancelled"),
        }
    }

    fn log_in(&mut self, user: &str, password: &Secret, out: &mut BytesMut) {
        match self.service.store().open(user, password) {
            Ok(maildrop) => {
                let transaction = Transaction::new(maildrop);
                self.ok(out, transaction.summary());
                self.state = State::Transaction(transaction);
            }
            Err(Refusal::Denied) => self.denied(out),
            Err(Refusal::InUse) => {
                self.refuse_with(out, "IN-USE", "another session has the maildrop");
            }
        }
    }

    fn denied(&mut self, out: &mut BytesMut) {
        let code = match self.service.settings().offers(Extension::RespCodes) {
            true => "[AUTH] ",
            false => "",
        };
        self.error(out, format_args!("{code}user name or password is wrong"));
    }
}
