use super::Store;
use crate::mail::Mail;
use postrider_wire::Secret;
use std::collections::HashSet;

/// Who may open a maildrop.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

impl Login {
    pub(crate) fn admits(&self, user: &str, password: &Secret) -> bool {
        // In a sandbox nobody measures the time of a comparison.
        self.user == user && self.password.expose_secret() == password.expose_secret()
    }
}

/// The mails of one address.
pub(super) struct Maildrop {
    pub(super) address: String,
    pub(super) login: Option<Login>,
    pub(super) mails: Vec<Mail>,
    pub(super) locked: bool,
}

impl Maildrop {
    pub(super) fn new(address: String, login: Option<Login>) -> Self {
        Self {
            address,
            login,
            mails: Vec::new(),
            locked: false,
        }
    }

    pub(super) fn is(&self, address: &str) -> bool {
        self.address.eq_ignore_ascii_case(address)
    }
}

/// Why a maildrop was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// User name or password is wrong.
    Denied,
    /// Another session has it (`[IN-USE]`, RFC 2449 §8.1.1).
    InUse,
}

/// A maildrop locked by one POP3 session: a snapshot with fixed message numbers. Dropping it releases the lock and
/// deletes nothing.
pub(crate) struct OpenMaildrop {
    store: Store,
    index: usize,
    mails: Vec<Mail>,
}

impl OpenMaildrop {
    pub(super) fn new(store: Store, index: usize, mails: Vec<Mail>) -> Self {
        Self {
            store,
            index,
            mails,
        }
    }

    /// The mails in the order of their message numbers.
    pub(crate) fn mails(&self) -> &[Mail] {
        &self.mails
    }

    /// The UPDATE state: takes these mails out of the maildrop.
    pub(crate) fn delete(&self, uidls: &HashSet<&str>) {
        self.store
            .lock()
            .remove(self.index, |mail| uidls.contains(mail.uidl.as_str()));
    }
}

impl Drop for OpenMaildrop {
    fn drop(&mut self) {
        if let Some(maildrop) = self.store.lock().list.get_mut(self.index) {
            maildrop.locked = false;
        }
    }
}
