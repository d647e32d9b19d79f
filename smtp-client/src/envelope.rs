use crate::parameters::{MailParameters, RcptParameters};
use crate::{ForwardPath, InvalidAddress, ReversePath};
use std::fmt;

/// Who a mail is from and who it is for, as the servers see it (RFC 5321 §2.3.1). Nothing of it is read from the message.
///
/// ```
/// use postrider_smtp::Envelope;
/// let envelope = Envelope::parse("ada@example.org", ["bob@example.net", "eve@example.net"])?;
/// assert_eq!(envelope.recipients().len(), 2);
/// # Ok::<(), postrider_smtp::InvalidEnvelope>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    from: ReversePath,
    to: Vec<ForwardPath>,
    parameters: MailParameters,
    /// Parallel to `to`, or empty if no recipient has any.
    recipient_parameters: Vec<RcptParameters>,
}

impl Envelope {
    /// An envelope with at least one recipient.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if there is no recipient.
    pub fn new(from: ReversePath, to: Vec<ForwardPath>) -> Result<Self, InvalidEnvelope> {
        if to.is_empty() {
            return Err(InvalidEnvelope::NoRecipient);
        }
        Ok(Self {
            from,
            to,
            parameters: MailParameters::default(),
            recipient_parameters: Vec::new(),
        })
    }

    /// An envelope from text; an empty `from`, or `<>`, is the null reverse-path.
    ///
    /// # Errors
    /// [`InvalidEnvelope`] if there is no recipient, or an address is not valid.
    pub fn parse(
        from: &str,
        to: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, InvalidEnvelope> {
        let to = to.into_iter().map(|to| to.as_ref().parse());
        Self::new(from.parse()?, to.collect::<Result<_, _>>()?)
    }

    /// Sets what is asked for the mail as a whole: DSN, REQUIRETLS, a priority and so on. Sending it to a server that
    /// does not offer the extension is refused, and the refusal names it.
    ///
    /// `size`, `body` ([`Body::EightBitMime`](crate::Body::EightBitMime)) and `smtp_utf8` are found out when the mail
    /// is sent and need not be set.
    #[must_use]
    pub fn with_parameters(mut self, parameters: MailParameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Sets what is asked for each recipient.
    #[must_use]
    pub fn with_recipient_parameters(
        mut self,
        parameters: impl Fn(&ForwardPath) -> RcptParameters,
    ) -> Self {
        self.recipient_parameters = self.to.iter().map(parameters).collect();
        self
    }

    /// The same for other addresses, as many as there are.
    #[cfg(feature = "idna")]
    pub(crate) fn with_paths(&self, from: ReversePath, to: Vec<ForwardPath>) -> Self {
        Self {
            from,
            to,
            ..self.clone()
        }
    }

    /// The same for some of the recipients, by their indices.
    #[cfg(feature = "direct")]
    pub(crate) fn only(&self, indices: &[usize]) -> Self {
        let parameters = indices.iter();
        Self {
            from: self.from.clone(),
            to: indices
                .iter()
                .filter_map(|&index| self.to.get(index).cloned())
                .collect(),
            parameters: self.parameters.clone(),
            recipient_parameters: parameters
                .filter_map(|&index| self.recipient_parameters.get(index).cloned())
                .collect(),
        }
    }

    /// Where errors go.
    pub fn reverse_path(&self) -> &ReversePath {
        &self.from
    }

    /// The recipients, at least one.
    pub fn recipients(&self) -> &[ForwardPath] {
        &self.to
    }

    /// What is asked for the mail as a whole.
    pub fn parameters(&self) -> &MailParameters {
        &self.parameters
    }

    /// What is asked for the recipient at this index.
    pub fn recipient_parameters(&self, index: usize) -> Option<&RcptParameters> {
        self.recipient_parameters.get(index)
    }
}

/// A mail to be sent: an envelope, and the message as RFC 5322 has it. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'m> {
    /// Who it is from and for.
    pub envelope: &'m Envelope,
    /// Header and body.
    pub message: &'m [u8],
}

impl<'m> Mail<'m> {
    /// A message in an envelope.
    pub fn new(envelope: &'m Envelope, message: &'m [u8]) -> Self {
        Self { envelope, message }
    }
}

/// An envelope that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidEnvelope {
    /// It has no recipient.
    NoRecipient,
    /// An address is not valid.
    Address(InvalidAddress),
}

impl fmt::Display for InvalidEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecipient => f.write_str("the envelope has no recipient"),
            Self::Address(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InvalidEnvelope {}

impl From<InvalidAddress> for InvalidEnvelope {
    fn from(error: InvalidAddress) -> Self {
        Self::Address(error)
    }
}
