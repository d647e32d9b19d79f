use super::NotAvailable;
use super::certificate;
use super::dovecot::Dovecot;
use super::postfix::{Postfix, SmtpPort};
use super::program::{folder, is_root};
use postrider_wire::{Endpoint, Tls};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The mailboxes at `mail.test`, each also a user of SMTP AUTH. A test takes one that no other test of its file uses.
pub const MAILBOXES: [&str; 17] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kevin",
    "laura", "mike", "nina", "oscar", "peggy", "support",
];

/// Every user's password. It has a space and a `%`, because passwords do.
pub const PASSWORD: &str = "tr0ub4dor &%3";

/// Postfix and Dovecot over one set of maildirs: mail for `alice@mail.test` that is submitted here can be fetched here.
///
/// Mail for `pf.test` is accepted and thrown away, except for `bad@` (550), `tmp@` (450) and `bye@` (421 and closed).
/// Both are stopped when this is dropped.
pub struct MailServers {
    // In the order in which they are to be stopped.
    postfix: Postfix,
    dovecot: Dovecot,
    folder: TempDir,
}

impl MailServers {
    /// Starts both on ports chosen by the system, with a certificate made for the occasion. Takes about three seconds.
    ///
    /// # Errors
    /// [`NotAvailable`] if this process is not root's, or a program is not installed.
    ///
    /// # Panics
    /// If an installed server does not start: that is a failure, not a reason to leave a test out.
    pub fn start() -> Result<Self, NotAvailable> {
        if !is_root() {
            return Err(NotAvailable::new(
                "Postfix and Dovecot want to be started by root",
            ));
        }
        let (postfix, dovecot) = (Postfix::installed()?, Dovecot::installed()?);
        let folder = folder("mail");
        certificate::make(folder.path())?;
        let dovecot = Dovecot::start(dovecot, folder.path());
        let postfix = Postfix::start(postfix, folder.path());
        Ok(Self {
            postfix,
            dovecot,
            folder,
        })
    }

    /// The servers that another test of this process is using already, or new ones.
    ///
    /// # Errors
    /// As [`MailServers::start`].
    pub fn shared() -> Result<Arc<Self>, NotAvailable> {
        static RUNNING: Mutex<Weak<MailServers>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(servers) = running.upgrade() {
            return Ok(servers);
        }
        let servers = Arc::new(Self::start()?);
        *running = Arc::downgrade(&servers);
        Ok(servers)
    }

    /// Where Postfix listens.
    pub fn smtp(&self, port: SmtpPort) -> Endpoint {
        loopback(self.postfix.port(port))
    }

    /// Where Dovecot offers POP3, in clear text and with STLS.
    pub fn pop3(&self) -> Endpoint {
        loopback(self.dovecot.pop3)
    }

    /// Where Dovecot speaks POP3 inside TLS from the first byte.
    pub fn pop3s(&self) -> Endpoint {
        loopback(self.dovecot.pop3s)
    }

    /// The certificate of the authority that signed the servers' certificate.
    pub fn authority(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("ca.pem")).expect("ca.pem")
    }

    /// The file that [`MailServers::authority`] reads, for programs that want a path.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// TLS that trusts the servers' authority and nobody else.
    pub fn tls(&self) -> Tls {
        Tls::builder()
            .only_added_roots()
            .add_root_pem(&self.authority())
            .and_then(|builder| builder.build())
            .expect("the authority just made")
    }

    /// Puts mails into a user's mailbox past all servers, as Dovecot itself would store them: with LF line ends, and under
    /// names that are their unique-ids and hold their sizes.
    pub fn store<'m>(&self, user: &str, messages: impl Iterator<Item = &'m str>) {
        self.dovecot.store(user, messages);
    }

    /// How many mails lie in a user's mailbox, in Dovecot's `new` and `cur`.
    pub fn delivered(&self, user: &str) -> usize {
        let maildir = self.folder.path().join("mail").join(user).join("Maildir");
        ["new", "cur"]
            .iter()
            .filter_map(|part| fs::read_dir(maildir.join(part)).ok())
            .map(Iterator::count)
            .sum()
    }

    /// Waits until a user's mailbox holds `count` mails: Postfix answers before it delivers, and tells nobody when it has.
    ///
    /// # Panics
    /// After 20 seconds, with Postfix's log.
    pub fn await_delivery(&self, user: &str, count: usize) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.delivered(user) < count {
            assert!(
                Instant::now() < end,
                "{user} has {} mails of {count}:\n{}",
                self.delivered(user),
                self.postfix_log()
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// What Postfix has written down.
    pub fn postfix_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("postfix.log")).unwrap_or_default()
    }

    /// What Dovecot has written down.
    pub fn dovecot_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("dovecot.log")).unwrap_or_default()
    }
}

fn loopback(port: u16) -> Endpoint {
    Endpoint::new("127.0.0.1", port).expect("an address")
}
