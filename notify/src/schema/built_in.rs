//! The tables that the machinery itself reads: who is told, and where.

use super::{Field, FieldKind, Table};

/// `user`, `group` and `group_member`.
pub(super) fn tables() -> [Table; 3] {
    use FieldKind::{Boolean, Reference, String as Text};
    let user = || Reference("user".to_owned());
    [
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
        assert_eq!(schema.tables.len(), 3);
    }
}
