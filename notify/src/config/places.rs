//! Where each setting stands in the file, for whoever explains what it decided.

use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// Tables in tables that are looked into; nothing that decides anything lies deeper.
const DEPTH: usize = 3;

/// The lines of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    file: String,
    lines: BTreeMap<Vec<String>, usize>,
}

impl Places {
    /// Those of a file: its name without the folder, its text, and what was read from it.
    pub(super) fn of(file: &str, text: &str, table: &DeTable<'_>) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let ends: Vec<usize> = ends.map(|(at, _)| at).collect();
        let mut places = Self {
            file: file.to_owned(),
            lines: BTreeMap::new(),
        };
        places.add(&mut Vec::new(), table, &ends);
        places
    }

    fn add(&mut self, path: &mut Vec<String>, table: &DeTable<'_>, ends: &[usize]) {
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            let line = ends.partition_point(|end| *end < key.span().start) + 1;
            self.lines.insert(path.clone(), line);
            if let (DeValue::Table(inner), true) = (value.get_ref(), path.len() < DEPTH) {
                self.add(path, inner, ends);
            }
            path.pop();
        }
    }

    /// `postrider.toml:31`, where the setting of this path stands: `["notification", "incident_assigned", "condition"]`.
    /// `None` if the file does not have it.
    pub fn of_setting(&self, path: &[&str]) -> Option<String> {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        let line = self.lines.get(&path)?;
        Some(format!("{}:{line}", self.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_path() {
        let text = "a = 1\n\n[user.ada]\nname = \"Ada\"\n[event.\"x.y\"]\n";
        let table = DeTable::parse(text).unwrap();
        let places = Places::of("desk.toml", text, table.get_ref());
        let line = |path: &[&str]| places.of_setting(path);
        assert_eq!(line(&["a"]).as_deref(), Some("desk.toml:1"));
        assert_eq!(line(&["user", "ada"]).as_deref(), Some("desk.toml:3"));
        assert_eq!(
            line(&["user", "ada", "name"]).as_deref(),
            Some("desk.toml:4")
        );
        assert_eq!(line(&["event", "x.y"]).as_deref(), Some("desk.toml:5"));
        assert_eq!(line(&["user", "bob"]), None);
    }
}
