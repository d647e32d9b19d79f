use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs, io, process};

/// The password of every maildrop.
pub const PASSWORD: &str = "secret";

/// The maildrops.
const USERS: [&str; 5] = ["small", "few", "large", "far", "durable"];

/// The owner of their files: no such user need exist.
const OWNER: u32 = 5000;

const CONFIGURATION: &str = include_str!("../../../servers/dovecot.conf");

/// A Dovecot over folders of its own, stopped and removed when dropped.
#[derive(Debug)]
pub struct Dovecot {
    /// POP3, on 127.0.0.1.
    pub port: u16,
    folder: PathBuf,
    program: PathBuf,
    /// How often a maildrop was filled: names of files are never used again.
    filled: u64,
}

impl Dovecot {
    /// Starts it.
    ///
    /// # Errors
    /// If it is not installed, this is not root's process, or it does not listen.
    pub fn start() -> io::Result<Self> {
        let program = ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot"].map(PathBuf::from);
        let program = program.into_iter().find(|p| p.exists()).ok_or_else(|| other("Dovecot is not installed"))?;
        let folder = env::temp_dir().join(format!("postrider-bench-pop3-{}", process::id()));
        fs::create_dir_all(folder.join("dovecot/run"))?;
        fs::create_dir_all(folder.join("dovecot/state"))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let users: String = USERS.iter().map(|u| format!("{u}:{{PLAIN}}{PASSWORD}\n")).collect();
        fs::write(folder.join("dovecot/users"), users)?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(other)?;
        fs::write(folder.join("cert.pem"), made.cert.pem())?;
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
        let ports = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [port, tls] = [ports[0].local_addr()?.port(), ports[1].local_addr()?.port()];
        drop(ports);
        let text = CONFIGURATION
            .replace("{DIR}", &folder.to_string_lossy())
            .replace("{POP3}", &port.to_string())
            .replace("{POP3S}", &tls.to_string());
        fs::write(folder.join("dovecot.conf"), text)?;
        let dovecot = Self { port, folder, program, filled: 0 };
        dovecot.own(&dovecot.folder.join("mail"))?;
        for user in USERS {
            dovecot.own(&dovecot.folder.join("mail").join(user))?;
        }
        dovecot.launch()?;
        Ok(dovecot)
    }

    fn launch(&self) -> io::Result<()> {
        let status = self.command().stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        for _ in 0..1000 {
            if !status.success() {
                break;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            // It says nothing when it is ready, so one has to ask.
            sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(self.folder.join("dovecot.log")).unwrap_or_default();
        Err(other(format!("Dovecot does not listen (is this root's process?): {log}")))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.join("dovecot.conf"));
        command
    }

    fn own(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        chown(folder, Some(OWNER), Some(OWNER))
    }

    /// A folder for what clients leave behind.
    pub fn scratch(&self) -> &Path {
        &self.folder
    }

    /// Puts so many mails of so many bytes into a maildrop, and has Dovecot index them.
    pub fn fill(&mut self, user: &str, count: usize, size: usize) -> io::Result<()> {
        self.filled += 1;
        let maildir = self.folder.join("mail").join(user).join("Maildir");
        let masters = self.folder.join("masters").join(size.to_string());
        fs::create_dir_all(&masters)?;
        for folder in ["", "cur", "new", "tmp"] {
            self.own(&maildir.join(folder))?;
        }
        for number in 0..count {
            let master = masters.join(number.to_string());
            if !master.exists() {
                fs::write(&master, mail(number, size))?;
                chown(&master, Some(OWNER), Some(OWNER))?;
            }
            let name = format!("{}.M{number}P1.bench", 1_700_000_000 + self.filled);
            // A hard link: a mail is written once and fetched many times.
            fs::hard_link(&master, maildir.join("new").join(name))?;
        }
        crate::raw::look(self.port, user).map_err(other).map(drop)
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let _ = self.command().arg("stop").output();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A mail with dots where they hurt: each 20th line begins with one, each 37th is one.
fn mail(number: usize, size: usize) -> Vec<u8> {
    let mut mail = format!(
        "From: bench{number}@example.org\nSubject: mail {number}\nMessage-ID: <{number}.{size}@example.org>\n\n"
    );
    let mut line = 1;
    while mail.len() < size {
        match (line % 37, line % 20) {
            (0, _) => mail.push_str(".\n"),
            (_, 0) => mail.push_str(".begins with a dot, as lines do now and then in any text, and goes on\n"),
            _ => mail.push_str("The quick brown fox jumps over the lazy dog, and the post is late again.\n"),
        }
        line += 1;
    }
    mail.into()
}

fn other(error: impl ToString) -> io::Error {
    io::Error::other(error.to_string())
}
