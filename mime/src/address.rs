//! Address fields as they were received: lists of mailboxes and groups (RFC 5322 §3.4).

use std::borrow::Cow;
use std::slice;

use crate::mailbox::Mailbox;

/// An entry of an address field (RFC 5322 §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address<'m> {
    /// One mailbox.
    Mailbox(LooseMailbox<'m>),
    /// A named group of mailboxes.
    Group(Group<'m>),
}

/// A named group of mailboxes: `undisclosed-recipients:;` (RFC 5322 §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'m> {
    /// The display name, decoded.
    pub name: Cow<'m, str>,
    /// The members.
    pub mailboxes: Vec<LooseMailbox<'m>>,
}

/// A mailbox as it was received: whatever could be read, not fit for writing yet.
///
/// [`mailbox`](Self::mailbox) makes a [`Mailbox`] of it where it is fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooseMailbox<'m> {
    /// The display name, decoded.
    pub name: Option<Cow<'m, str>>,
    /// The address as it was written, without comments and white space. Where the entry is not regular, what stands between its
    /// words is left in it: it could be another address otherwise, which nobody wrote.
    pub address: Option<Cow<'m, str>>,
    /// Whether the name was found in a comment: `jo@example.org (Jo)`.
    pub name_from_comment: bool,
    /// Whether the entry follows RFC 5322; where not, it was read as well as could be.
    pub regular: bool,
}

impl LooseMailbox<'_> {
    /// The mailbox, if its address can be written safely. A name that cannot be is left out.
    pub fn mailbox(&self) -> Option<Mailbox> {
        let addr = self.address.as_deref()?.parse().ok()?;
        let name = self.name.as_deref().unwrap_or_default();
        Some(Mailbox::new(name, addr).unwrap_or_else(|(addr, _)| Mailbox::from(addr)))
    }

    /// The same mailbox, with its texts copied out of the message.
    pub fn into_owned(self) -> LooseMailbox<'static> {
        LooseMailbox {
            name: self.name.map(|n| Cow::Owned(n.into_owned())),
            address: self.address.map(|a| Cow::Owned(a.into_owned())),
            ..self
        }
    }
}

/// The entries of all address fields of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressList<'m> {
    pub(crate) entries: Vec<Address<'m>>,
}

impl<'m> AddressList<'m> {
    /// The entries in order.
    pub fn entries(&self) -> slice::Iter<'_, Address<'m>> {
        self.entries.iter()
    }

    /// All mailboxes in order, those in groups in the place of their group.
    pub fn mailboxes(&self) -> impl Iterator<Item = &LooseMailbox<'m>> {
        self.entries.iter().flat_map(|entry| match entry {
            Address::Mailbox(mailbox) => slice::from_ref(mailbox),
            Address::Group(group) => &group.mailboxes,
        })
    }

    /// The first mailbox.
    pub fn first(&self) -> Option<&LooseMailbox<'m>> {
        self.mailboxes().next()
    }

    /// The address of the first mailbox.
    pub fn first_address(&self) -> Option<&str> {
        self.first()?.address.as_deref()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
