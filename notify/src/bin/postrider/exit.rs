//! How the program ends: exit codes of sysexits(3), and one sentence that says what, where, and what to do.

use crate::output;
use postrider_notify::connect::explained;
use postrider_notify::records::RecordError;
use postrider_notify::store::StoreError;
use postrider_wire::sasl::SaslError;
use std::fmt;
use std::process::ExitCode;

/// What went wrong, by its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// Two things that were compared are not the same, as diff(1) says it.
    Differs = 1,
    /// The command line is wrong.
    Usage = 64,
    /// The data given is wrong.
    Data = 65,
    /// An input does not exist or cannot be read.
    NoInput = 66,
    /// The recipient does not exist, or is refused.
    NoUser = 67,
    /// A service is unavailable.
    Unavailable = 69,
    /// A defect of this program.
    Software = 70,
    /// An output cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed: the disk is full, the database cannot be written.
    Io = 74,
    /// It may work later.
    Temporary = 75,
    /// The other side broke its protocol.
    Protocol = 76,
    /// Log-in refused, or not permitted.
    NoPermission = 77,
    /// The configuration is wrong.
    Config = 78,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    sentence: String,
}

/// What a command comes to.
pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(code: Code, sentence: impl fmt::Display) -> Self {
        let sentence = sentence.to_string();
        Self { code, sentence }
    }

    /// An exit code about which everything is said already.
    pub(crate) fn silent(code: Code) -> Self {
        Self::new(code, "")
    }

    /// A failure of an SMTP server, or of the way to it.
    pub(crate) fn smtp(what: &str, error: &postrider_smtp::Error) -> Self {
        use postrider_smtp::{ErrorKind, Stage};
        let code = match error.kind() {
            ErrorKind::Refused(_) if error.is_retryable() => Code::Temporary,
            ErrorKind::Refused(_) if error.stage() == Stage::Auth => Code::NoPermission,
            ErrorKind::Sasl(error) => sasl(error),
            ErrorKind::Connect(error) => connect(error),
            ErrorKind::Io(_)
            | ErrorKind::Closed
            | ErrorKind::Timeout(_)
            | ErrorKind::Closing(_) => Code::Temporary,
            ErrorKind::Refused(_)
            | ErrorKind::StartTlsNotOffered
            | ErrorKind::NoMechanism(_)
            | ErrorKind::Missing(_) => Code::Unavailable,
            _ => Code::Protocol,
        };
        Self::new(code, format!("{what}: {}", explained(error)))
    }

    /// A server that cannot be reached, or with which TLS cannot be spoken.
    pub(crate) fn connect(error: &postrider_wire::ConnectError) -> Self {
        Self::new(connect(error), explained(error))
    }

    /// A failure of a POP3 server, or of the way to it.
    pub(crate) fn pop3(what: &str, error: &postrider_pop3::Error) -> Self {
        use postrider_pop3::{ErrorKind, Local, Request, Stage, Violation};
        let code = match error.kind() {
            _ if error.is_credential_fault() => Code::NoPermission,
            ErrorKind::Connect(error) => connect(error),
            ErrorKind::Violation(Violation::Sasl(error)) => sasl(error),
            _ if error.is_retryable() => Code::Temporary,
            // What was not removed is removed another time.
            ErrorKind::Refused(_) if error.stage() == Stage::Request(Request::Quit) => {
                Code::Temporary
            }
            ErrorKind::Refused(_)
            | ErrorKind::TlsRefused(_)
            | ErrorKind::TlsNotOffered
            | ErrorKind::NoMechanism(_) => Code::Unavailable,
            ErrorKind::Argument(_) | ErrorKind::Local(Local::LineTooLong) => Code::Data,
            _ => Code::Protocol,
        };
        Self::new(code, format!("{what}: {}", explained(error)))
    }

    /// Its exit code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Prints the sentence and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if !self.sentence.is_empty() {
            output::error(&self.sentence);
        }
        ExitCode::from(self.code as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Whether waiting helps against a connection that could not be made.
fn connect(error: &postrider_wire::ConnectError) -> Code {
    // TLS that the two sides do not agree on, a certificate for example, is not mended by waiting.
    match error.is_retryable() && error.tls_error().is_none() {
        true => Code::Temporary,
        false => Code::Unavailable,
    }
}

/// Whether the server refused the log-in, or broke the rules of its dialogue.
fn sasl(error: &SaslError) -> Code {
    match error {
        SaslError::Rejected(_) => Code::NoPermission,
        SaslError::NoRandomness => Code::Software,
        _ => Code::Protocol,
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match error {
            _ if error.is_busy() => Code::Temporary,
            StoreError::Database { .. } | StoreError::Uncertain(_) | StoreError::Lock { .. } => {
                Code::Io
            }
            StoreError::NoRecord(_) => Code::NoInput,
            StoreError::RecordExists(_) | StoreError::AlreadyProcessed(_) => Code::Data,
            StoreError::Locked(_) => Code::Temporary,
            _ => Code::Software,
        };
        let sentence = match error.remedy() {
            Some(remedy) => format!("{error} ({remedy})"),
            None => error.to_string(),
        };
        Self::new(code, sentence)
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            error => Self::new(Code::Data, error),
        }
    }
}

/// A wrong command line; help and version are no failure.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if error.use_stderr() {
        // Nobody is left to be told when the terminal is gone.
        return ExitCode::from(Code::Usage as u8);
    }
    output::note(printed);
    ended(output::written())
}

/// The exit code of what a command came to.
pub(crate) fn ended(result: Result) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_locked_may_be_free_later() {
        let failure = Failure::from(StoreError::Database {
            doing: "write changes and events in desk.db".to_owned(),
            source: "database is locked".into(),
        });
        assert_eq!(failure.code(), Code::Temporary);
        assert_eq!(
            failure.to_string(),
            "cannot write changes and events in desk.db: database is locked \
             (another process keeps it locked: try again once that is done)"
        );
    }
}
