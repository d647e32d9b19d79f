use super::desk::{DESK, parse};

/// The input is a configuration, or the end of one that is right as far as it goes.
///
/// * It is one, or every mistake says in words where it is: a line and a column that the file has.
/// * What is read has names for what refers to each other: every notification's account, event and table exist.
pub fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for text in [text.to_string(), format!("{DESK}{text}")] {
        match parse(&text) {
            Ok(config) => {
                for notification in &config.notifications {
                    assert!(config.account(notification).is_some() || config.smtp.is_empty());
                    assert!(config.notification(&notification.name).is_some());
                }
                assert!(config.inbound_actions.iter().all(|action| {
                    action.table.is_empty() || config.schema.tables.contains_key(&action.table)
                }));
            }
            Err(error) => {
                assert!(!error.faults.is_empty(), "refused for no reason");
                for fault in &error.faults {
                    let line = text.split('\n').nth(fault.line.saturating_sub(1));
                    let columns = line.map_or(0, |line| line.chars().count()) + 1;
                    assert!(line.is_some() && fault.column <= columns, "{fault:?}");
                    assert!(!fault.message.is_empty());
                    assert!(error.to_string().contains(&fault.message), "{error}");
                }
            }
        }
    }
}
