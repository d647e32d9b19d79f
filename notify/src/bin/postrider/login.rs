//! The options of every command that connects to a server given on the command line.

use crate::exit::{Code, Failure, Result};
use crate::url::ServerUrl;
use postrider_notify::account::SecretSource;
use postrider_wire::sasl::{Credentials, Mechanism};
use postrider_wire::{Security, Tls, Transcript};
use std::path::PathBuf;
use std::time::Duration;

/// Where the password is looked for if no option says.
const VARIABLE: &str = "POSTRIDER_PASSWORD";

/// How to log in, and whom to trust.
#[derive(Debug, clap::Args)]
pub(crate) struct LoginArgs {
    /// The environment variable with the password [default: POSTRIDER_PASSWORD]
    #[arg(long, value_name = "NAME", group = "source")]
    password_env: Option<String>,
    /// The file whose first line is the password
    #[arg(long, value_name = "PATH", group = "source")]
    password_file: Option<PathBuf>,
    /// The command whose first line of output is the password; its words end at blanks, and there is no shell
    #[arg(long, value_name = "COMMAND", group = "source")]
    password_command: Option<String>,
    // Only so that it can be refused with a reason.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    password: Option<String>,
    /// The password is an OAuth 2 access token
    #[arg(long)]
    token: bool,
    /// Log in by this mechanism, or one of these, and by no other
    #[arg(long, value_name = "MECHANISM", value_delimiter = ',', value_parser = mechanism)]
    auth: Vec<Mechanism>,
    /// Trust the certificate authorities in this PEM file as well
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
    /// The longest wait for any answer
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: Option<u64>,
    /// Believe any certificate: whoever is on the path can read everything, and pose as the server
    #[arg(long)]
    danger_accept_invalid_certs: bool,
    /// With ?security=none: everybody on the path can read the password and the mail
    #[arg(long)]
    danger_allow_clear_text: bool,
}

fn mechanism(name: &str) -> std::result::Result<Mechanism, String> {
    Mechanism::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Mechanism::ALL.iter().map(|known| known.name()).collect();
        format!("there are {}", known.join(", "))
    })
}

/// The names of the options that were given.
fn given<const N: usize>(all: [(&'static str, bool); N]) -> impl Iterator<Item = &'static str> {
    let given = all.into_iter().filter(|(_, given)| *given);
    given.map(|(name, _)| name)
}

impl LoginArgs {
    /// What `postrider-pop3` needs to connect; reads the secret.
    pub(crate) fn pop3(
        &self,
        url: &ServerUrl,
        transcript: Transcript,
    ) -> Result<postrider_pop3::Config> {
        self.allowed(url)?;
        let mut config = postrider_pop3::Config::new(url.endpoint.clone())
            .security(url.security)
            .tls(self.tls()?)
            .transcript(transcript);
        if let Some(credentials) = self.credentials(url)? {
            config = config.credentials(credentials);
        }
        if let Some(wait) = self.timeout.map(Duration::from_secs) {
            config = config.timeouts(postrider_pop3::Timeouts {
                connect: wait,
                greeting: wait,
                reply: wait,
                body_idle: wait,
                quit: wait,
                ..postrider_pop3::Timeouts::default()
            });
        }
        Ok(match self.danger_allow_clear_text {
            true => config.danger_allow_clear_text_credentials(),
            false => config,
        })
    }

    /// What `postrider-smtp` needs to connect; reads the secret.
    pub(crate) fn smtp(
        &self,
        url: &ServerUrl,
        transcript: Transcript,
    ) -> Result<postrider_smtp::Config> {
        self.allowed(url)?;
        let mut config = postrider_smtp::Config::new(url.endpoint.clone())
            .security(url.security)
            .tls(self.tls()?)
            .transcript(transcript);
        if let Some(credentials) = self.credentials(url)? {
            config = config.credentials(credentials);
        }
        if let Some(wait) = self.timeout.map(Duration::from_secs) {
            config = config.timeouts(postrider_smtp::Timeouts::all(wait));
        }
        Ok(match self.danger_allow_clear_text {
            true => config.danger_allow_clear_text_credentials(),
            false => config,
        })
    }

    /// Refuses all of them: there is no server on the command line that they could be about.
    pub(crate) fn without_server(&self) -> Result {
        self.no_password()?;
        let (certs, clear) = (
            self.danger_accept_invalid_certs,
            self.danger_allow_clear_text,
        );
        let mut idle = self.about_log_in();
        idle.extend(given([
            ("--ca-file", self.ca_file.is_some()),
            ("--timeout", self.timeout.is_some()),
            ("--danger-accept-invalid-certs", certs),
            ("--danger-allow-clear-text", clear),
        ]));
        if idle.is_empty() {
            return Ok(());
        }
        let idle = idle.join(", ");
        let sentence = format!("without --server the account says all of this: leave out {idle}");
        Err(Failure::new(Code::Usage, sentence))
    }

    /// The options about the log-in that were given.
    fn about_log_in(&self) -> Vec<&'static str> {
        let options = given([
            ("--password-env", self.password_env.is_some()),
            ("--password-file", self.password_file.is_some()),
            ("--password-command", self.password_command.is_some()),
            ("--token", self.token),
            ("--auth", !self.auth.is_empty()),
        ]);
        options.collect()
    }

    fn no_password(&self) -> Result {
        match self.password {
            Some(_) => Err(Failure::new(
                Code::Usage,
                "a password on the command line can be read by everybody on this machine: \
                 use --password-env, --password-file or --password-command",
            )),
            None => Ok(()),
        }
    }

    /// Whether what the command line asks for may be done at all.
    fn allowed(&self, url: &ServerUrl) -> Result {
        self.no_password()?;
        if url.security == Security::None && !self.danger_allow_clear_text {
            return Err(Failure::new(
                Code::Usage,
                "?security=none sends password and mail in clear text; if that is meant, \
                 say --danger-allow-clear-text as well",
            ));
        }
        Ok(())
    }

    /// The user of the URL with the secret; `None` if there is no user.
    fn credentials(&self, url: &ServerUrl) -> Result<Option<Credentials>> {
        let Some(user) = &url.user else {
            if !self.about_log_in().is_empty() {
                url.clone().with_user()?;
            }
            return Ok(None);
        };
        let secret = self.source()?.read();
        let secret = secret.map_err(|error| Failure::new(Code::NoInput, error))?;
        let credentials = match self.token {
            true => Credentials::bearer(user, secret),
            false => Credentials::password(user, secret),
        };
        let credentials = credentials.map_err(|error| Failure::new(Code::Data, error))?;
        Ok(Some(credentials.only(self.auth.iter().copied())))
    }

    fn source(&self) -> Result<SecretSource> {
        if let Some(name) = &self.password_env {
            return Ok(SecretSource::Env(name.clone()));
        }
        if let Some(path) = &self.password_file {
            return Ok(SecretSource::File(path.clone()));
        }
        if let Some(command) = &self.password_command {
            let words = command.split_whitespace().map(str::to_owned).collect();
            return Ok(SecretSource::Command(words));
        }
        match std::env::var_os(VARIABLE) {
            Some(_) => Ok(SecretSource::Env(VARIABLE.to_owned())),
            None => Err(Failure::new(
                Code::Usage,
                format!(
                    "there is no password: set {VARIABLE}, or use --password-env, --password-file or --password-command"
                ),
            )),
        }
    }

    fn tls(&self) -> Result<Tls> {
        let mut builder = Tls::builder();
        if let Some(path) = &self.ca_file {
            let name = path.display();
            let pem = std::fs::read(path)
                .map_err(|e| Failure::new(Code::NoInput, format!("cannot read {name}: {e}")))?;
            builder = builder
                .add_root_pem(&pem)
                .map_err(|e| Failure::new(Code::Data, format!("{name}: {e}")))?;
        }
        if self.danger_accept_invalid_certs {
            builder = builder.danger_accept_invalid_certs();
        }
        builder
            .build()
            .map_err(|error| Failure::new(Code::Software, error))
    }
}
