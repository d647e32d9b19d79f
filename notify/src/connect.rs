//! From an account of the configuration to what the protocol crates need to connect.

use crate::account::{Login, LoginKind, Pop3Account, SmtpAccount, Transport};
use crate::secret::SecretError;
use postrider_wire::sasl::{Credentials, InvalidCredentials};
use postrider_wire::{Tls, TlsConfigError, Transcript};
use std::fmt;

impl SmtpAccount {
    /// What `postrider-smtp` needs to connect; reads the secret, which may block.
    ///
    /// # Errors
    /// [`AccountError`] if the secret cannot be read, or something in the account is not usable.
    pub fn connection(
        &self,
        transcript: Transcript,
    ) -> Result<postrider_smtp::Config, AccountError> {
        let failed = |why| AccountError::new("SMTP", &self.name, why);
        let tls = tls(
            self.ca.as_deref(),
            self.accept_invalid_certs,
            &self.transport,
        )
        .map_err(failed)?;
        let mut config = postrider_smtp::Config::new(self.endpoint.clone())
            .security(self.security)
            .tls(tls)
            .route(self.transport.route())
            .transcript(transcript);
        if let Some(login) = &self.login {
            config = config.credentials(credentials(login).map_err(failed)?);
        }
        if let Some(name) = &self.ehlo_name {
            let domain = name.parse();
            config = config.ehlo_name(domain.map_err(|_| failed(Cause::EhloName(name.clone())))?);
        }
        if let Some(timeout) = self.timeout {
            config = config.timeouts(postrider_smtp::Timeouts::all(timeout));
        }
        if self.allow_clear_text_credentials {
            config = config.danger_allow_clear_text_credentials();
        }
        Ok(config)
    }
}

impl Pop3Account {
    /// What `postrider-pop3` needs to connect; reads the secret, which may block.
    ///
    /// # Errors
    /// [`AccountError`] if the secret cannot be read, or something in the account is not usable.
    pub fn connection(
        &self,
        transcript: Transcript,
    ) -> Result<postrider_pop3::Config, AccountError> {
        let failed = |why| AccountError::new("POP3", &self.name, why);
        let tls = tls(
            self.ca.as_deref(),
            self.accept_invalid_certs,
            &self.transport,
        )
        .map_err(failed)?;
        let mut config = postrider_pop3::Config::new(self.endpoint.clone())
            .security(self.security)
            .tls(tls)
            .route(self.transport.route())
            .credentials(credentials(&self.login).map_err(failed)?)
            .limits(postrider_pop3::Limits {
                max_message: self.max_message,
                ..postrider_pop3::Limits::default()
            })
            .transcript(transcript);
        if let Some(timeout) = self.timeout {
            config = config.timeouts(postrider_pop3::Timeouts {
                connect: timeout,
                greeting: timeout,
                reply: timeout,
                body_idle: timeout,
                quit: timeout,
                ..postrider_pop3::Timeouts::default()
            });
        }
        if self.allow_clear_text_credentials {
            config = config.danger_allow_clear_text_credentials();
        }
        Ok(config)
    }
}

fn tls(ca: Option<&str>, accept_invalid: bool, transport: &Transport) -> Result<Tls, Cause> {
    let mut builder = Tls::builder();
    if let Some(pem) = ca {
        builder = builder.add_root_pem(pem.as_bytes()).map_err(Cause::Tls)?;
    }
    if accept_invalid {
        builder = builder.danger_accept_invalid_certs();
    }
    let builder = transport.tls(builder).map_err(Cause::Tls)?;
    builder.build().map_err(Cause::Tls)
}

fn credentials(login: &Login) -> Result<Credentials, Cause> {
    let secret = login.secret.read().map_err(Cause::Secret)?;
    let user = login.user.as_str();
    let credentials = match login.kind {
        LoginKind::Password => Credentials::password(user, secret),
        LoginKind::Token => Credentials::bearer(user, secret),
    };
    credentials.map_err(Cause::Credentials)
}

/// An error of the protocol crates in the words of the configuration: their hints speak to programmers.
pub fn explained(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    text.replace("Security::StartTls", "security = \"starttls\"")
        .replace("Security::Tls", "security = \"tls\"")
        .replace("Security::None", "security = \"none\"")
        .replace(
            "danger_allow_clear_text_credentials()",
            "danger_allow_clear_text_credentials = true",
        )
}

/// An account that cannot be used as it is configured.
#[derive(Debug)]
pub struct AccountError {
    protocol: &'static str,
    account: String,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Secret(SecretError),
    Credentials(InvalidCredentials),
    Tls(TlsConfigError),
    EhloName(String),
}

impl AccountError {
    fn new(protocol: &'static str, account: &str, cause: Cause) -> Self {
        Self {
            protocol,
            account: account.to_owned(),
            cause,
        }
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} account {:?}: ", self.protocol, self.account)?;
        match &self.cause {
            Cause::Secret(error) => write!(f, "{error}"),
            Cause::Credentials(error) => write!(f, "{error}"),
            Cause::Tls(error) => write!(
                f,
                "the certificates in `ca_file` or `client_certificate_file`: {error}"
            ),
            Cause::EhloName(name) => write!(f, "{name:?} is not a name that EHLO can give"),
        }
    }
}

impl std::error::Error for AccountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Secret(error) => Some(error),
            Cause::Credentials(error) => Some(error),
            Cause::Tls(error) => Some(error),
            Cause::EhloName(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_in_the_words_of_the_configuration() {
        for (hint, words) in [
            (
                "did you mean Security::StartTls or Security::Tls?",
                "did you mean security = \"starttls\" or security = \"tls\"?",
            ),
            (
                "Security::None or danger_allow_clear_text_credentials()",
                "security = \"none\" or danger_allow_clear_text_credentials = true",
            ),
        ] {
            assert_eq!(explained(&hint), words);
        }
    }
}
