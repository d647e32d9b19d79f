use super::program::{find, folder, free_ports, is_root, launch, run};
use super::{NotAvailable, certificate};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Who runs the server when we are root, which PostgreSQL refuses to be: nobody, in every Linux.
const NOBODY: u32 = 65534;

/// A PostgreSQL of its own with an empty database, stopped when dropped.
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Makes a database cluster in a temporary folder and starts a server on it. Takes some seconds.
    ///
    /// # Errors
    /// [`NotAvailable`] if PostgreSQL is not installed.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Result<Self, NotAvailable> {
        let programs = programs()?;
        let folder = folder("postgres");
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("chown by root");
        }
        let [port] = free_ports();
        let server = Self {
            programs,
            folder,
            port,
        };
        run(server
            .program("initdb")
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8"])
            .args(["--no-locale", "--no-sync"]));
        // Durability is the operating system's business here: a test database does not outlive the test.
        server.certify()?;
        let place = server.folder.path().display();
        let options = format!(
            "-p {port} -h 127.0.0.1 -k {place} -c fsync=off \
             -c ssl=on -c ssl_cert_file={place}/cert.pem -c ssl_key_file={place}/key.pem"
        );
        launch(
            server
                .program("pg_ctl")
                .args(["-w", "-o", &options, "-l"])
                .arg(server.folder.path().join("log"))
                .arg("start"),
            &server.folder.path().join("said"),
        );
        Ok(server)
    }

    /// Where it is: user postgres, no password, database postgres.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same database by another port of this machine.
    pub fn url_by(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// Another database of the server.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The same server by its name, as its certificate has it.
    pub fn url_of_localhost(&self) -> String {
        format!("postgres://postgres@localhost:{}/postgres", self.port)
    }

    /// The authority that signed the server's certificate, as PEM.
    ///
    /// # Panics
    /// If it is gone.
    pub fn authority(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("ca.pem")).expect("ca.pem")
    }

    fn certify(&self) -> Result<(), NotAvailable> {
        certificate::make(self.folder.path())?;
        let key = self.folder.path().join("key.pem");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("the mode of a key");
        if is_root() {
            chown(&key, Some(NOBODY), Some(NOBODY)).expect("chown by root");
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path());
        command.arg("-D").arg(self.folder.path().join("data"));
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A failure to stop is not the test's: nothing is lost but a process.
        let _ = self
            .program("pg_ctl")
            .args(["-m", "immediate", "stop"])
            .output();
    }
}

/// The folder with `initdb` and `pg_ctl`: on the PATH, or Debian's for the newest version.
fn programs() -> Result<PathBuf, NotAvailable> {
    if let (Ok(initdb), Ok(_)) = (find("initdb"), find("pg_ctl")) {
        return Ok(initdb.parent().unwrap_or(Path::new("/")).to_owned());
    }
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    versions.sort();
    versions
        .pop()
        .ok_or_else(|| NotAvailable::new("PostgreSQL is not installed"))
}
