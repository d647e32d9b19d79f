//! The example configuration: an incident desk that one can start from.

use std::path::PathBuf;

/// What of the example depends on the place where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleParts {
    /// The host of the SMTP server.
    pub smtp_host: String,
    /// Its port.
    pub smtp_port: u16,
    /// `none`, `starttls` or `tls`.
    pub smtp_security: &'static str,
    /// The host of the POP3 server.
    pub pop3_host: String,
    /// Its port.
    pub pop3_port: u16,
    /// `none`, `starttls` or `tls`.
    pub pop3_security: &'static str,
    /// The user of both.
    pub user: String,
    /// The line that says where the password is: `password_env = "POSTRIDER_PASSWORD"`.
    pub password: String,
    /// A file of certificate authorities to trust as well.
    pub ca_file: Option<String>,
    /// The file of the store.
    pub database: String,
    /// The domain of the addresses.
    pub mail_domain: String,
}

impl Default for ExampleParts {
    /// A mail server at `mail.example.org`, to be replaced by one's own.
    fn default() -> Self {
        Self {
            smtp_host: "mail.example.org".into(),
            smtp_port: 587,
            smtp_security: "starttls",
            pop3_host: "mail.example.org".into(),
            pop3_port: 995,
            pop3_security: "tls",
            user: "support@example.org".into(),
            password: "password_env = \"POSTRIDER_PASSWORD\"".into(),
            ca_file: None,
            database: "postrider.db".into(),
            mail_domain: "example.org".into(),
        }
    }
}

/// The templates by path.
const TEMPLATES: [(&str, &str); 9] = [
    (
        "templates/layout.html",
        include_str!("example/templates/layout.html"),
    ),
    (
        "templates/layout.txt",
        include_str!("example/templates/layout.txt"),
    ),
    (
        "templates/incident_assigned.html",
        include_str!("example/templates/incident_assigned.html"),
    ),
    (
        "templates/incident_assigned.txt",
        include_str!("example/templates/incident_assigned.txt"),
    ),
    (
        "templates/incident_commented.html",
        include_str!("example/templates/incident_commented.html"),
    ),
    (
        "templates/incident_commented.txt",
        include_str!("example/templates/incident_commented.txt"),
    ),
    (
        "templates/incident_received.html",
        include_str!("example/templates/incident_received.html"),
    ),
    (
        "templates/incident_received.txt",
        include_str!("example/templates/incident_received.txt"),
    ),
    (
        "templates/incident_escalated.txt",
        include_str!("example/templates/incident_escalated.txt"),
    ),
];

/// The files of the example: path, relative to its folder, and content. The configuration comes first.
pub fn example(parts: &ExampleParts) -> Vec<(PathBuf, String)> {
    let ca_file = match &parts.ca_file {
        Some(path) => format!("ca_file = {}", quoted(path)),
        None => "# ca_file = \"ca.pem\"            # trust these certificate authorities as well"
            .to_owned(),
    };
    let config = include_str!("example/postrider.toml")
        .replace("@SMTP_HOST@", &quoted(&parts.smtp_host))
        .replace("@SMTP_PORT@", &parts.smtp_port.to_string())
        .replace("@SMTP_SECURITY@", &quoted(parts.smtp_security))
        .replace("@POP3_HOST@", &quoted(&parts.pop3_host))
        .replace("@POP3_PORT@", &parts.pop3_port.to_string())
        .replace("@POP3_SECURITY@", &quoted(parts.pop3_security))
        .replace("@USER@", &quoted(&parts.user))
        .replace("@PASSWORD@", &parts.password)
        .replace("@CA_FILE@", &ca_file)
        .replace("@DATABASE@", &quoted(&parts.database))
        .replace("@DOMAIN@", &parts.mail_domain);
    let templates = TEMPLATES
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
    std::iter::once((PathBuf::from(super::FILE), config))
        .chain(templates)
        .collect()
}

/// A TOML text.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
