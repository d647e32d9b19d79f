//! Where everything is kept: `database`, a file or the address of a PostgreSQL database.

use super::document::Section;
use super::{account, login};
use crate::account::SecretSource;
use std::path::{Path, PathBuf};

/// The file, where nothing is said.
const FILE: &str = "postrider.db";

/// A database of PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresAddress {
    /// `postgres://USER@HOST[:PORT]/DATABASE`, without a password.
    pub url: String,
    /// Where the password is, if there is one.
    pub password: Option<SecretSource>,
    /// Certificate authorities to trust as well, as PEM.
    pub ca: Option<String>,
}

/// The file of SQLite, and the address that takes its place.
pub(super) fn read(top: &Section<'_>, dir: &Path) -> (PathBuf, Option<PostgresAddress>) {
    let password = login::secret(top, dir, login::DATABASE);
    let ca = top.text("database_ca_file");
    let Some(place) = top.text("database") else {
        return (dir.join(FILE), None);
    };
    let url = place.value;
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        if password.is_some() || ca.is_some() {
            let message =
                "a password or a certificate is for a database at `postgres://USER@HOST/DATABASE`";
            top.document.fault(&place.span, message);
        }
        return (dir.join(url), None);
    }
    if !cfg!(feature = "postgres") {
        let message = "this program was built without PostgreSQL: build it with `--features postgres`, or name a file";
        top.document.fault(&place.span, message);
    }
    let user = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'));
    if user.is_some_and(|(user, _)| user.contains(':')) {
        let message = "a password does not belong into this file, which many may read: say where it is with \
                       `database_password_env = \"VARIABLE\"`, `database_password_file = \"PATH\"` or \
                       `database_password_command = [\"PROGRAM\", \"ARGUMENT\"]`";
        top.document.fault(&place.span, message);
    }
    let ca = ca.and_then(|path| account::certificate(top, &path, dir));
    (dir.join(FILE), Some(PostgresAddress { url, password, ca }))
}
