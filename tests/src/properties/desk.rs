use postrider_notify::config::Config;
use std::path::Path;

/// The text of a configuration without templates, for properties of what stands on one.
pub(crate) const DESK: &str = r#"
[instance]
name = "Desk"
mail_domain = "example.org"

[smtp.main]
host = "localhost"
from = "support@example.org"
reply_to = "support@example.org"

[table.incident]
number = { prefix = "INC", digits = 7 }
display = "short_description"

[table.incident.fields]
short_description = "string"
description = "string"
priority = "integer"
assigned_to = "reference user"
opened = "datetime"
comments = "journal"

[user.ada]
name = "Ada Lovelace"
email = "ada@example.org"

[inbound.reply]
class = "reply"
table = "incident"
comment = "comments"

[inbound.new]
class = "new"
table = "incident"

[inbound.new.set]
short_description = "${mail.subject}"
description = "${mail.text}"
"#;

/// [`DESK`], read.
pub(crate) fn desk() -> Config {
    parse(DESK).unwrap_or_else(|error| panic!("{error}"))
}

/// A configuration in a folder that does not exist, and so has no templates.
pub(crate) fn parse(text: &str) -> Result<Config, postrider_notify::config::ConfigError> {
    Config::parse(Path::new("no-such-folder/postrider.toml"), text)
}
