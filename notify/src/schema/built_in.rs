//! The tables that the machinery itself reads: who is told, where, and when.

use super::{Field, FieldKind, Table};

/// People, and how they want to be told.
pub(super) fn tables() -> Vec<Table> {
    let mut tables = people();
    tables.extend(wishes());
    tables
}

/// `user`, `group`, `group_member` and `schedule`.
fn people() -> Vec<Table> {
    use FieldKind::{Boolean, Reference, String as Text};
    let user = || Reference("user".to_owned());
    vec![
        table(
            "user",
            "User",
            Some("name"),
            vec![
                ("name", "Name", Text),
                ("email", "Email", Text),
                ("active", "Active", Boolean),
                ("notification", "Notification", Boolean),
                ("locale", "Locale", Text),
                ("time_zone", "Time zone", Text),
                ("schedule", "Schedule", Reference("schedule".to_owned())),
            ],
        ),
        table(
            "group",
            "Group",
            Some("name"),
            vec![
                ("name", "Name", Text),
                ("email", "Email", Text),
                ("active", "Active", Boolean),
                ("manager", "Manager", user()),
                ("include_members", "Include members", Boolean),
                ("include_manager", "Include manager", Boolean),
            ],
        ),
        table(
            "group_member",
            "Group member",
            None,
            vec![
                ("group", "Group", Reference("group".to_owned())),
                ("user", "User", user()),
            ],
        ),
        table(
            "schedule",
            "Schedule",
            Some("name"),
            vec![
                ("name", "Name", Text),
                ("days", "Days", Text),
                ("hours", "Hours", Text),
                ("holidays", "Holidays", Text),
                ("time_zone", "Time zone", Text),
            ],
        ),
    ]
}

/// What each person has chosen: `notification_preference`, `notification_subscription`, `notification_device`, `user_delegate`.
fn wishes() -> Vec<Table> {
    use FieldKind::{Boolean, DateTime, Reference, String as Text};
    let user = || Reference("user".to_owned());
    vec![
        table(
            "notification_preference",
            "Notification preference",
            None,
            vec![
                ("user", "User", user()),
                ("address", "Address", Text),
                ("notification", "Notification", Text),
                ("active", "Active", Boolean),
                ("digest", "Digest", Text),
            ],
        ),
        table(
            "notification_subscription",
            "Notification subscription",
            None,
            vec![
                ("user", "User", user()),
                ("notification", "Notification", Text),
                ("condition", "Condition", Text),
                ("active", "Active", Boolean),
            ],
        ),
        table(
            "notification_device",
            "Notification device",
            Some("name"),
            vec![
                ("user", "User", user()),
                ("name", "Name", Text),
                ("email", "Email", Text),
                ("active", "Active", Boolean),
                ("primary", "Primary", Boolean),
                ("notifications", "Notifications", Text),
                ("schedule", "Schedule", Reference("schedule".to_owned())),
            ],
        ),
        table(
            "user_delegate",
            "Delegate",
            None,
            vec![
                ("user", "User", user()),
                ("delegate", "Delegate", user()),
                ("starts", "Starts", DateTime),
                ("ends", "Ends", DateTime),
                ("notifications", "Notifications", Boolean),
            ],
        ),
    ]
}

/// A built-in table with what the configuration says about it.
pub(super) fn extended(built_in: Table, mut given: Table) -> Table {
    given.fields.extend(built_in.fields);
    Table {
        display: given.display.or(built_in.display),
        ..given
    }
}

fn table(
    name: &str,
    label: &str,
    display: Option<&str>,
    fields: Vec<(&str, &str, FieldKind)>,
) -> Table {
    let field = |(name, label, kind): (&str, &str, FieldKind)| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
    };
    Table {
        name: name.to_owned(),
        label: label.to_owned(),
        number: None,
        display: display.map(str::to_owned),
        fields: fields
            .into_iter()
            .map(|all| (all.0.to_owned(), field(all)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    #[test]
    fn a_table_of_the_same_name_adds_fields_and_changes_none() {
        let own = table(
            "user",
            "Colleague",
            None,
            vec![
                ("phone", "Phone", FieldKind::String),
                ("active", "Active", FieldKind::Integer),
            ],
        );
        let schema = Schema::with_built_ins([own]);
        let user = schema.table("user").unwrap();
        assert_eq!(user.label, "Colleague");
        assert_eq!(user.display.as_deref(), Some("name"));
        assert_eq!(user.fields["phone"].kind, FieldKind::String);
        assert_eq!(user.fields["active"].kind, FieldKind::Boolean);
        assert_eq!(schema.tables.len(), 8);
    }
}
