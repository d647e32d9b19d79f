//! The scene: a mail server in this process, the example configuration in a temporary folder, and four people.

use super::person::Person;
use super::tell::{Broken, Dialogue};
use crate::setup::Setup;
use postrider_notify::config::{self, Config, ExampleParts};
use postrider_notify::daemon;
use postrider_notify::token::Signer;
use postrider_sandbox::Sandbox;
use std::path::{Path, PathBuf};

/// The domain that everything happens in.
pub(super) const DOMAIN: &str = "example.org";

/// Everything that the story needs.
pub(super) struct Scene {
    pub(super) sandbox: Sandbox,
    pub(super) setup: Setup,
    pub(super) signer: Signer,
    pub(super) dialogue: Dialogue,
    pub(super) support: Person,
    pub(super) ada: Person,
    pub(super) grace: Person,
    pub(super) carol: Person,
    pub(super) folder: Folder,
}

impl Scene {
    pub(super) async fn set() -> Result<Self, Broken> {
        let support = Person::new("Support", "support", "support@example.org");
        let ada = Person::new("Ada Lovelace", "ada", "ada@example.org");
        let grace = Person::new("Grace Hopper", "grace", "grace@example.org");
        let carol = Person::new("Carol Customer", "carol", "carol@example.net");
        let mut builder = Sandbox::builder();
        for person in [&support, &ada, &grace, &carol] {
            builder = builder.mailbox(person.address, person.user, person.password.as_str());
        }
        // Mail to support+TOKEN@ is for support@, as on most servers.
        let sandbox = builder.catch_all(support.address).start().await?;
        let folder = Folder::create()?;
        write_example(&sandbox, &support, &folder.0)?;
        let config = Config::load(&folder.0.join("postrider.toml"))?;
        let setup = Setup::new(config).map_err(|failure| Broken(failure.to_string()))?;
        let signer = daemon::signer(setup.store.as_ref())?;
        Ok(Self {
            sandbox,
            setup,
            signer,
            dialogue: Dialogue::new(),
            support,
            ada,
            grace,
            carol,
            folder,
        })
    }
}

/// The configuration that `postrider init` writes, for this server.
fn write_example(sandbox: &Sandbox, support: &Person, dir: &Path) -> Result<(), Broken> {
    std::fs::write(dir.join("ca.pem"), sandbox.ca_pem())?;
    std::fs::write(dir.join("password"), &support.password)?;
    let parts = ExampleParts {
        smtp_host: sandbox.smtp().host().to_owned(),
        smtp_port: sandbox.smtp().port(),
        smtp_security: "starttls",
        pop3_host: sandbox.pop3().host().to_owned(),
        pop3_port: sandbox.pop3().port(),
        pop3_security: "starttls",
        user: support.user.to_owned(),
        password: "password_file = \"password\"".to_owned(),
        ca_file: Some("ca.pem".to_owned()),
        database: "postrider.db".to_owned(),
        mail_domain: DOMAIN.to_owned(),
    };
    for (name, text) in config::example(&parts) {
        let path = dir.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// A folder that is removed in the end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    fn create() -> Result<Self, Broken> {
        let name = format!("postrider-try-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system, as everything in this place is.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
