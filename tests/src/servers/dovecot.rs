use super::NotAvailable;
use super::mail::{MAILBOXES, PASSWORD};
use super::program::{await_port, fill_in, find, free_ports, launch, say};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CONFIGURATION: &str = include_str!("../../servers/dovecot.conf");

/// The owner of the maildirs. No such user need exist; Dovecot refuses 0.
const MAIL_UID: u32 = 5000;

/// A running Dovecot, stopped when dropped.
pub(crate) struct Dovecot {
    program: PathBuf,
    configuration: PathBuf,
    mail: PathBuf,
    /// POP3 with STLS.
    pub(crate) pop3: u16,
    /// POP3 with TLS from the first byte.
    pub(crate) pop3s: u16,
}

impl Dovecot {
    /// The program, if it is one whose configuration we can write: 2.4 has another language for it.
    pub(crate) fn installed() -> Result<PathBuf, NotAvailable> {
        let program = find("dovecot")?;
        let version = say(Command::new(&program).arg("--version"));
        if version.starts_with("2.3.") {
            Ok(program)
        } else {
            Err(NotAvailable::new(format!(
                "the configuration is for Dovecot 2.3, installed is {version}"
            )))
        }
    }

    /// Starts it over the certificate in `folder`.
    pub(crate) fn start(program: PathBuf, folder: &Path) -> Self {
        let (own, mail) = (folder.join("dovecot"), folder.join("mail"));
        fs::create_dir_all(own.join("run")).expect("dovecot/run");
        fs::create_dir_all(own.join("state")).expect("dovecot/state");
        let users: String = MAILBOXES
            .iter()
            .map(|user| format!("{user}:{{PLAIN}}{PASSWORD}\n"))
            .collect();
        fs::write(own.join("users"), users).expect("dovecot/users");
        give_to_mail(&mail);
        for user in MAILBOXES {
            give_to_mail(&mail.join(user));
        }
        let [pop3, pop3s] = free_ports();
        let configuration = folder.join("dovecot.conf");
        let values = [
            ("DIR", folder.to_str().expect("an ASCII path")),
            ("POP3", &pop3.to_string()),
            ("POP3S", &pop3s.to_string()),
        ];
        fill_in(CONFIGURATION, &configuration, &values);
        launch(
            Command::new(&program).arg("-c").arg(&configuration),
            &own.join("said"),
        );
        let dovecot = Self {
            program,
            configuration,
            mail,
            pop3,
            pop3s,
        };
        for port in [pop3, pop3s] {
            assert!(
                await_port(port, Duration::from_secs(10)),
                "Dovecot does not listen:\n{}",
                fs::read_to_string(folder.join("dovecot.log")).unwrap_or_default()
            );
        }
        dovecot
    }

    /// Writes messages with CR LF line ends into a user's Maildir.
    pub(crate) fn store<'m>(&self, user: &str, messages: impl Iterator<Item = &'m str>) {
        let maildir = self.mail.join(user).join("Maildir");
        for folder in ["", "cur", "new", "tmp"] {
            give_to_mail(&maildir.join(folder));
        }
        for (place, message) in messages.enumerate() {
            let lines = message.replace("\r\n", "\n");
            let (size, sent) = (lines.len(), message.len());
            let name = format!("1700000000.M{place:06}P1.host,S={size},W={sent}:2,");
            let path = maildir.join("cur").join(name);
            fs::write(&path, lines).expect("a mail");
            std::os::unix::fs::chown(&path, Some(MAIL_UID), Some(MAIL_UID)).expect("chown by root");
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // A failure to stop is not the test's: nothing is lost but a process.
        let _ = Command::new(&self.program)
            .arg("-c")
            .arg(&self.configuration)
            .arg("stop")
            .output();
    }
}

fn give_to_mail(folder: &Path) {
    fs::create_dir_all(folder).expect("a mail folder");
    std::os::unix::fs::chown(folder, Some(MAIL_UID), Some(MAIL_UID)).expect("chown by root");
}
