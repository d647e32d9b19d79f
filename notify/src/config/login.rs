//! User names, and where their passwords and tokens come from.

use super::document::{At, Section};
use crate::account::{Login, LoginKind, SecretSource};
use postrider_wire::Security;
use std::path::Path;

/// The keys that say where a secret is.
const SOURCES: [(&str, LoginKind, Place); 6] = [
    ("password_env", LoginKind::Password, Place::Env),
    ("password_file", LoginKind::Password, Place::File),
    ("password_command", LoginKind::Password, Place::Command),
    ("token_env", LoginKind::Token, Place::Env),
    ("token_file", LoginKind::Token, Place::File),
    ("token_command", LoginKind::Token, Place::Command),
];

#[derive(Clone, Copy)]
enum Place {
    Env,
    File,
    Command,
}

/// The log-in of an account, if it has one.
pub(super) fn read(section: &Section<'_>, dir: &Path) -> Option<Login> {
    for (key, what) in [
        ("password", "a password"),
        ("token", "a token"),
        ("secret", "a secret"),
    ] {
        if section.has(key) {
            let message = format!(
                "{what} does not belong into this file, which many may read: \
                 say where it is with `{key}_env = \"VARIABLE\"`, `{key}_file = \"PATH\"` or `{key}_command = [\"PROGRAM\", \"ARGUMENT\"]`"
            );
            section.fault(key, message.replace("secret_", "password_"));
        }
    }
    let user = section.text("user");
    let mut found = Vec::new();
    for (key, kind, place) in SOURCES {
        let words = section.texts(key);
        if section.has(key) {
            found.push((key, kind, source(section, key, place, &words, dir)));
        }
    }
    if let Some((key, ..)) = found.get(1) {
        section.fault(key, "one place is enough for a secret");
    }
    let first = found.into_iter().next();
    match (user, first) {
        (Some(user), Some((_, kind, source))) => Some(Login {
            user: user.value,
            kind,
            secret: source?,
        }),
        (Some(user), None) if !section.has("password") && !section.has("token") => {
            section.document.fault(
                &user.span,
                "this user needs a `password_env`, `password_file` or `password_command`",
            );
            None
        }
        (None, Some((key, ..))) => {
            section.fault(key, "a `user` is needed as well");
            None
        }
        _ => None,
    }
}

fn source(
    section: &Section<'_>,
    key: &str,
    place: Place,
    words: &[At<String>],
    dir: &Path,
) -> Option<SecretSource> {
    let filled = words.iter().all(|word| !word.value.is_empty());
    match (place, words) {
        (Place::Env, [name]) if filled => Some(SecretSource::Env(name.value.clone())),
        (Place::File, [path]) if filled => Some(SecretSource::File(dir.join(&path.value))),
        (Place::Command, [_, ..]) if filled => Some(SecretSource::Command(
            words.iter().map(|word| word.value.clone()).collect(),
        )),
        _ => {
            let expected = match place {
                Place::Env => "the name of an environment variable",
                Place::File => "the path of a file",
                Place::Command => "a program and its arguments",
            };
            section.fault(key, format!("{expected} is expected here"));
            None
        }
    }
}

/// Credentials may not cross the network in clear text unless the file says so aloud.
pub(super) fn refuse_clear_text(
    section: &Section<'_>,
    security: Security,
    login: bool,
    allowed: bool,
) {
    if login && !allowed && security == Security::None {
        section.fault(
            "security",
            "the password would cross the network in clear text: use `starttls` or `tls`, \
             or say `danger_allow_clear_text_credentials = true`",
        );
    }
}

/// The three keys that say where one secret is.
pub(super) type Keys = [&'static str; 3];

/// The key that a webhook's calls are signed with.
pub(super) const WEBHOOK: Keys = [
    "webhook_secret_env",
    "webhook_secret_file",
    "webhook_secret_command",
];

/// The password of the database.
pub(super) const DATABASE: Keys = [
    "database_password_env",
    "database_password_file",
    "database_password_command",
];

/// A secret that is no account's, if there is one.
pub(super) fn secret(section: &Section<'_>, dir: &Path, keys: Keys) -> Option<SecretSource> {
    let places = [Place::Env, Place::File, Place::Command];
    let mut found = Vec::new();
    for (key, place) in keys.into_iter().zip(places) {
        let words = section.texts(key);
        if section.has(key) {
            found.push((key, source(section, key, place, &words, dir)));
        }
    }
    if let Some((key, _)) = found.get(1) {
        section.fault(key, "one place is enough for a secret");
    }
    found.into_iter().next()?.1
}
