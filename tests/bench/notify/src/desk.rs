//! The configuration, the record and the templates.

use crate::said;
use postrider_notify::config::Config;
use postrider_notify::event::{EventKind, NewEvent};
use postrider_notify::record::RecordKey;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, process};

const CONFIG: &str = r#"
database = "desk.db"

[instance]
name = "Bench"
url = "https://desk.example.org"
mail_domain = "example.org"

[smtp.main]
host = "127.0.0.1"
port = @PORT@
security = "none"
from = "Help desk <desk@example.org>"
reply_to = "desk@example.org"

[table.incident]
number = { prefix = "INC", digits = 7 }
[table.incident.fields]
short_description = "string"
description = "string"
priority = "integer"
opened_by = "string"
steps = "string"

[event."incident.escalated"]
table = "incident"

[notification.escalated]
event = "incident.escalated"
condition = "priority<=2^short_descriptionISNOTEMPTY"
parm1 = true
subject = "${number}: ${short_description}"
template = "escalated"

[notification.minor]
event = "incident.escalated"
condition = "priority>2"
parm1 = true
subject = "${number}"
text = "Never mind."
"#;

/// The templates, which Python and nodemailer are given as well, in their own words.
const HTML: &str = include_str!("../templates/escalated.html");
const TEXT: &str = include_str!("../templates/escalated.txt");

/// A folder with the configuration; removed when dropped.
#[derive(Debug)]
pub struct Desk {
    folder: PathBuf,
    /// What was read from it.
    pub config: Arc<Config>,
}

impl Desk {
    /// Writes it for a server on that port.
    ///
    /// # Errors
    /// If it cannot be written, or read back.
    pub fn new(name: &str, port: u16) -> Result<Self, String> {
        let folder = env::temp_dir().join(format!("postrider-bench-notify-{name}-{}", process::id()));
        let templates = folder.join("templates");
        fs::create_dir_all(&templates).map_err(said)?;
        fs::write(folder.join("postrider.toml"), CONFIG.replace("@PORT@", &port.to_string())).map_err(said)?;
        fs::write(templates.join("escalated.html"), HTML).map_err(said)?;
        fs::write(templates.join("escalated.txt"), TEXT).map_err(said)?;
        let config = Arc::new(Config::load(&folder).map_err(said)?);
        Ok(Self { folder, config })
    }

    /// A file in the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The n-th event: an application fires it about its own record, and hands the fields over.
pub fn event(n: usize) -> NewEvent {
    let fields = json!({
        "id": format!("INC{n:07}"),
        "number": format!("INC{n:07}"),
        "short_description": format!("Printer {n} on fire"),
        "description": "There is smoke & light where there should be paper. ".repeat(8),
        "priority": 1,
        "opened_by": "Grace Hopper",
        "steps": "unplug,open the window,leave the room,call somebody",
    });
    let Value::Object(current) = fields else {
        return unreachable_event();
    };
    NewEvent {
        name: "incident.escalated".into(),
        kind: EventKind::Fired,
        record: Some(RecordKey::new("incident", format!("INC{n:07}"))),
        parm1: format!("recipient{n}@example.net"),
        parm2: String::new(),
        actor: "grace".into(),
        current,
        previous: Default::default(),
        idempotency_key: None,
        due: None,
    }
}

/// `json!` of braces is an object.
fn unreachable_event() -> NewEvent {
    panic!("an object is an object")
}
