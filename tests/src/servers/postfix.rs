use super::NotAvailable;
use super::mail::MAILBOXES;
use super::program::{await_port, fill_in, find, free_ports, launch, run, say};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const MAIN: &str = include_str!("../../servers/main.cf");
const MASTER: &str = include_str!("../../servers/master.cf");

/// The ways in which Postfix listens, each on a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpPort {
    /// Every extension, STARTTLS offered, no AUTH.
    Full,
    /// The same with TLS from the first byte.
    ImplicitTls,
    /// No extension at all.
    Bare,
    /// AUTH wanted, and offered in clear text too.
    AuthInClear,
    /// AUTH wanted, offered after STARTTLS only.
    AuthAfterStartTls,
    /// Bare LF and talking before one's turn are refused.
    Strict,
}

impl SmtpPort {
    /// All of them, with their names in `master.cf`.
    const ALL: [(Self, &str); 6] = [
        (Self::Full, "FULL"),
        (Self::ImplicitTls, "IMPLICIT_TLS"),
        (Self::Bare, "BARE"),
        (Self::AuthInClear, "AUTH_IN_CLEAR"),
        (Self::AuthAfterStartTls, "AUTH_AFTER_STARTTLS"),
        (Self::Strict, "STRICT"),
    ];
}

/// A running Postfix, stopped when dropped.
pub(crate) struct Postfix {
    program: PathBuf,
    configuration: PathBuf,
    ports: [u16; 6],
}

impl Postfix {
    pub(crate) fn installed() -> Result<PathBuf, NotAvailable> {
        find("postconf").and(find("postfix"))
    }

    /// Starts it over the certificate in `folder`, beside Dovecot, whose socket answers for AUTH.
    pub(crate) fn start(program: PathBuf, folder: &Path) -> Self {
        let configuration = folder.join("postfix");
        for own in [&configuration, &folder.join("spool"), &folder.join("data")] {
            fs::create_dir(own).expect("a folder for Postfix");
        }
        run(Command::new("chown")
            .arg("postfix")
            .arg(folder.join("data")));
        let ports: [u16; 6] = free_ports();
        write_main(&configuration, folder);
        write_master(&configuration, &ports);
        launch(
            Command::new(&program)
                .arg("-c")
                .arg(&configuration)
                .arg("start"),
            &configuration.join("said"),
        );
        let postfix = Self {
            program,
            configuration,
            ports,
        };
        for port in ports {
            assert!(
                await_port(port, Duration::from_secs(10)),
                "Postfix does not listen:\n{}",
                fs::read_to_string(folder.join("postfix.log")).unwrap_or_default()
            );
        }
        postfix
    }

    pub(crate) fn port(&self, wanted: SmtpPort) -> u16 {
        let place = SmtpPort::ALL.iter().position(|(port, _)| *port == wanted);
        self.ports[place.expect("ALL holds every port")]
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // A failure to stop is not the test's: nothing is lost but a process.
        let _ = Command::new(&self.program)
            .arg("-c")
            .arg(&self.configuration)
            .arg("stop")
            .output();
    }
}

fn write_main(configuration: &Path, folder: &Path) {
    // -d: as compiled in. Where Postfix was installed but never set up, there is no main.cf to ask.
    let compiled_in = |name| say(Command::new("postconf").args(["-d", "-h", name]));
    let mailboxes: Vec<String> = MAILBOXES
        .iter()
        .map(|user| format!("{{{user}@mail.test = {user}/Maildir/}}"))
        .collect();
    let values = [
        ("MAILBOXES", mailboxes.join(", ")),
        ("DIR", folder.display().to_string()),
        ("COMMANDS", compiled_in("command_directory")),
        ("DAEMONS", compiled_in("daemon_directory")),
    ];
    let values = values
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    fill_in(MAIN, &configuration.join("main.cf"), &values);
}

fn write_master(configuration: &Path, ports: &[u16; 6]) {
    let ports = ports.map(|port| port.to_string());
    let values: Vec<(&str, &str)> = SmtpPort::ALL
        .iter()
        .zip(&ports)
        .map(|((_, name), port)| (*name, port.as_str()))
        .collect();
    fill_in(MASTER, &configuration.join("master.cf"), &values);
}
