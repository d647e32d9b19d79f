use crate::mailbox::{AddrSpec, Mailbox};
use crate::value_error::ValueError;

/// What a mailbox can be given as: a [`Mailbox`], an [`AddrSpec`], `"Name <address>"`, or a name and an address.
pub trait IntoMailbox {
    /// The mailbox, if it can be written.
    fn into_mailbox(self) -> Result<Mailbox, ValueError>;
}

impl IntoMailbox for Mailbox {
    fn into_mailbox(self) -> Result<Mailbox, ValueError> {
        Ok(self)
    }
}

impl IntoMailbox for &Mailbox {
    fn into_mailbox(self) -> Result<Mailbox, ValueError> {
        Ok(self.clone())
    }
}

impl IntoMailbox for AddrSpec {
    fn into_mailbox(self) -> Result<Mailbox, ValueError> {
        Ok(self.into())
    }
}

impl IntoMailbox for &str {
    fn into_mailbox(self) -> Result<Mailbox, ValueError> {
        Mailbox::parse(self)
    }
}

impl IntoMailbox for &String {
    fn into_mailbox(self) -> Result<Mailbox, ValueError> {
        Mailbox::parse(self)
    }
}

impl IntoMailbox for String {
    fn into_mailbox(self) -> Result<Mailbox, ValueError> {
        Mailbox::parse(&self)
    }
}

impl<N: AsRef<str>, A: AsRef<str>> IntoMailbox for (N, A) {
    fn into_mailbox(self) -> Result<Mailbox, ValueError> {
        Mailbox::new(self.0.as_ref(), AddrSpec::parse(self.1.as_ref())?).map_err(|(_, error)| error)
    }
}
