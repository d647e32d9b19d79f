use super::config::Config;
use super::error::ErrorKind;
use crate::{Command, Connection, Event, Password, Reply, Request, UserName};
use postrider_wire::Security;
use postrider_wire::sasl::{self, Channel, Credentials, NoMechanism};

/// From the greeting to an open maildrop: CAPA, STLS, CAPA again, login, CAPA again. No socket; events in, steps out.
#[derive(Debug)]
pub(crate) struct Opening {
    security: Security,
    credentials: Option<Credentials>,
    channel: Channel,
    logged_in: bool,
    /// UTF8 is still to be asked for.
    utf8: bool,
    #[cfg(feature = "apop")]
    apop: bool,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing yet: the answer is not complete.
    Wait,
    /// Send this command.
    Send(Command),
    /// Answer the server's challenge.
    Respond,
    /// Do the TLS handshake, then call [`Opening::tls_started`].
    StartTls,
    /// The session is as far as it can go.
    Done,
}

impl Opening {
    pub(crate) fn new(config: &Config, encrypted: bool) -> Self {
        let channel = match encrypted {
            true => Channel::Encrypted,
            false => Channel::without_tls(config.security, config.clear_text_credentials),
        };
        Self {
            security: config.security,
            credentials: config.credentials.clone(),
            channel,
            logged_in: false,
            utf8: config.utf8,
            #[cfg(feature = "apop")]
            apop: config.apop,
        }
    }

    pub(crate) fn next(&mut self, event: &Event, pop3: &Connection) -> Result<Step, ErrorKind> {
        match event {
            Event::Greeting(_) => Ok(Step::Send(Command::Capa)),
            Event::Challenge => Ok(Step::Respond),
            Event::Finished {
                request: Request::Capa,
                ..
            }
            | Event::Refused {
                request: Some(Request::Capa),
                ..
            } => self.after_capabilities(pop3),
            Event::Accepted {
                request: Request::Utf8,
                ..
            }
            | Event::Refused {
                request: Some(Request::Utf8),
                ..
            } => self.login(pop3),
            Event::Accepted { request, .. } => self.accepted(*request),
            Event::Refused {
                request: Some(Request::Stls),
                reply,
            } => self.stls_refused(reply, pop3),
            Event::Refused { reply, .. } => Err(ErrorKind::Refused(reply.clone())),
            _ => Ok(Step::Wait),
        }
    }

    /// TLS is in place; what was learned before counts for nothing.
    pub(crate) fn tls_started(&mut self) -> Step {
        self.channel = Channel::Encrypted;
        Step::Send(Command::Capa)
    }

    fn after_capabilities(&mut self, pop3: &Connection) -> Result<Step, ErrorKind> {
        let upgrade = matches!(
            self.security,
            Security::StartTls | Security::StartTlsIfOffered
        );
        if self.logged_in {
            Ok(Step::Done)
        } else if !upgrade || self.channel == Channel::Encrypted {
            self.login(pop3)
        } else if pop3.capabilities().stls()
            || (pop3.capabilities().is_empty() && self.security == Security::StartTls)
        {
            Ok(Step::Send(Command::Stls))
        } else if self.security == Security::StartTls {
            Err(ErrorKind::TlsNotOffered)
        } else {
            self.login(pop3)
        }
    }

    fn stls_refused(&mut self, reply: &Reply, pop3: &Connection) -> Result<Step, ErrorKind> {
        match self.security {
            Security::StartTlsIfOffered => self.login(pop3),
            _ => Err(ErrorKind::TlsRefused(reply.clone())),
        }
    }

    fn accepted(&mut self, request: Request) -> Result<Step, ErrorKind> {
        match (request, &self.credentials) {
            (Request::Stls, _) => Ok(Step::StartTls),
            (Request::User, Some(credentials)) => {
                let password = credentials
                    .as_password()
                    .cloned()
                    .unwrap_or_else(|| "".into());
                Password::new(password)
                    .map(|p| Step::Send(Command::Pass(p)))
                    .map_err(ErrorKind::Argument)
            }
            _ if is_login(request) => {
                self.logged_in = true;
                Ok(Step::Send(Command::Capa))
            }
            _ => Ok(Step::Wait),
        }
    }

    /// UTF8 if it is wanted, for it must come before the login (RFC 6856 §2); then APOP if it is wanted, or else the
    /// strongest SASL mechanism, or else USER and PASS. There is one attempt: no falling back to a weaker way.
    pub(crate) fn login(&mut self, pop3: &Connection) -> Result<Step, ErrorKind> {
        if std::mem::take(&mut self.utf8) && pop3.capabilities().utf8() {
            return Ok(Step::Send(Command::Utf8));
        }
        let Some(credentials) = &self.credentials else {
            return Ok(Step::Done);
        };
        #[cfg(feature = "apop")]
        if let Some(step) = self.apop(credentials, pop3) {
            return step;
        }
        let channel = match self.channel {
            Channel::Encrypted if pop3.can_be_bound() => Channel::Bound,
            channel => channel,
        };
        match sasl::select(pop3.capabilities().sasl(), credentials, channel) {
            Ok(mechanism) => Ok(Step::Send(Command::Auth(mechanism, credentials.clone()))),
            Err(error) => self.user_and_pass(credentials, pop3, error),
        }
    }

    #[cfg(feature = "apop")]
    fn apop(
        &self,
        credentials: &Credentials,
        pop3: &Connection,
    ) -> Option<Result<Step, ErrorKind>> {
        let stripped = self.channel == Channel::PerhapsStripped;
        let may = self.apop && !stripped && !credentials.is_restricted();
        let password = credentials.as_password().filter(|_| may)?.clone();
        crate::Timestamp::find(pop3.greeting()?.raw_text())?;
        let user = UserName::new(credentials.user()).map_err(ErrorKind::Argument);
        let password = Password::new(password).map_err(ErrorKind::Argument);
        Some(user.and_then(|user| Ok(Step::Send(Command::Apop(user, password?)))))
    }

    fn user_and_pass(
        &self,
        credentials: &Credentials,
        pop3: &Connection,
        no_mechanism: NoMechanism,
    ) -> Result<Step, ErrorKind> {
        // Servers without CAPA, and some with it, have USER without saying so.
        let capabilities = pop3.capabilities();
        let has_user = capabilities.user() || !capabilities.has("SASL");
        let may = has_user && !credentials.is_restricted();
        let Some(password) = credentials.as_password().filter(|_| may) else {
            return Err(ErrorKind::NoMechanism(no_mechanism));
        };
        if !self.channel.may_show_credentials() {
            return Err(ErrorKind::ClearText);
        }
        // Both are checked before the first is sent.
        Password::new(password.clone()).map_err(ErrorKind::Argument)?;
        let user = UserName::new(credentials.user()).map_err(ErrorKind::Argument)?;
        Ok(Step::Send(Command::User(user)))
    }
}

/// Commands whose `+OK` opens the maildrop.
fn is_login(request: Request) -> bool {
    match request {
        #[cfg(feature = "apop")]
        Request::Apop => true,
        Request::Pass | Request::Auth => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
