//! Domains in A-labels. An address whose local part is ASCII can go to any server then, also to one without SMTPUTF8.

/// A domain as DNS has it; one that DNS cannot have stays as it is. Without the feature `idna` every one does.
#[cfg(feature = "direct")]
pub(crate) fn for_dns(domain: &str) -> std::borrow::Cow<'_, str> {
    #[cfg(feature = "idna")]
    if let Ok(ascii) = postrider_wire::idna::to_ascii(domain) {
        return ascii.into();
    }
    domain.into()
}

#[cfg(feature = "idna")]
mod labels {
    use crate::{Domain, Envelope, ForwardPath, InvalidAddress, Mailbox, ReversePath};
    use std::str::FromStr;

    /// An address or domain, with its domain in A-labels.
    fn converted<T: FromStr<Err = InvalidAddress>>(text: &str) -> Result<T, InvalidAddress> {
        let (before, domain) = match text.rfind('@') {
            Some(at) => text.split_at(at + 1),
            None => ("", text),
        };
        if domain.is_ascii() {
            return text.parse();
        }
        let ascii = postrider_wire::idna::to_ascii(domain)
            .map_err(|_| InvalidAddress::new(text, "not a domain that DNS could have"))?;
        [before, &ascii].concat().parse()
    }

    impl Domain {
        /// In A-labels: `xn--bcher-kva.example`. ASCII stays as it is.
        ///
        /// # Errors
        /// If DNS could not have it.
        pub fn to_ascii(&self) -> Result<Self, InvalidAddress> {
            converted(self.as_str())
        }
    }

    impl Mailbox {
        /// With the domain in A-labels. The local part stays as it is: only the server that the mailbox is on knows what
        /// it means.
        ///
        /// # Errors
        /// If DNS could not have the domain.
        pub fn to_ascii(&self) -> Result<Self, InvalidAddress> {
            converted(self.as_str())
        }
    }

    impl ForwardPath {
        /// As [`Mailbox::to_ascii`].
        ///
        /// # Errors
        /// If DNS could not have the domain.
        pub fn to_ascii(&self) -> Result<Self, InvalidAddress> {
            converted(self.as_str())
        }
    }

    impl ReversePath {
        /// As [`Mailbox::to_ascii`].
        ///
        /// # Errors
        /// If DNS could not have the domain.
        pub fn to_ascii(&self) -> Result<Self, InvalidAddress> {
            match self {
                Self::Null => Ok(Self::Null),
                Self::Mailbox(mailbox) => mailbox.to_ascii().map(Self::Mailbox),
            }
        }
    }

    impl Envelope {
        /// With every domain in A-labels. If all local parts are ASCII, the envelope needs no SMTPUTF8 then.
        ///
        /// ```
        /// use postrider_smtp::Envelope;
        /// let envelope = Envelope::parse("ada@example.org", ["bob@bücher.example"])?.to_ascii()?;
        /// assert_eq!(envelope.recipients()[0].as_str(), "bob@xn--bcher-kva.example");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        ///
        /// # Errors
        /// If DNS could not have one of the domains.
        pub fn to_ascii(&self) -> Result<Self, InvalidAddress> {
            let to = self.recipients().iter().map(ForwardPath::to_ascii);
            let to = to.collect::<Result<_, _>>()?;
            Ok(self.with_paths(self.reverse_path().to_ascii()?, to))
        }
    }
}

#[cfg(all(test, feature = "idna"))]
mod tests {
    use crate::{Domain, Envelope, ForwardPath, MailParameters, Mailbox, ReversePath};

    #[test]
    fn rfc6531_only_the_domain_changes() {
        let mailbox: Mailbox = "ü@Bücher.example".parse().unwrap();
        let ascii = mailbox.to_ascii().unwrap();
        assert_eq!(ascii.as_str(), "ü@xn--bcher-kva.example");
        let quoted: ForwardPath = "\"a@ü\"@ü.example".parse().unwrap();
        let ascii = quoted.to_ascii().unwrap();
        assert_eq!(ascii.as_str(), "\"a@ü\"@xn--tda.example");
        for same in ["Ada@Example.ORG", "a@[192.0.2.1]"] {
            let mailbox: Mailbox = same.parse().unwrap();
            assert_eq!(mailbox.to_ascii().unwrap(), mailbox);
        }
        let domain: Domain = "例え.jp".parse().unwrap();
        assert_eq!(domain.to_ascii().unwrap().as_str(), "xn--r8jz45g.jp");
        let unassigned: Domain = "a\u{378}b.example".parse().unwrap();
        assert!(unassigned.to_ascii().is_err());
    }

    #[test]
    fn an_envelope_keeps_everything_else() {
        let parameters = MailParameters {
            require_tls: true,
            ..MailParameters::default()
        };
        let envelope = Envelope::parse("<>", ["a@ü.example", "postmaster"]).unwrap();
        let ascii = envelope.with_parameters(parameters).to_ascii().unwrap();
        assert_eq!(ascii.reverse_path(), &ReversePath::Null);
        assert!(ascii.recipients().iter().all(|to| !to.needs_smtp_utf8()));
        assert!(ascii.parameters().require_tls);
    }
}
