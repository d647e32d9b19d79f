use super::Mechanism;
use crate::Secret;
use std::fmt;

/// Who we are, and how we prove it.
///
/// A value exists only if every mechanism can carry it: user names and secrets hold no NUL, CR or LF.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    acting_as: Option<String>,
    /// The mechanisms that may be used; all, if none is named.
    only: Vec<Mechanism>,
    proof: Proof,
}

#[derive(Clone)]
pub(crate) enum Proof {
    Password(Secret),
    Bearer(Secret),
    External,
    Anonymous,
}

impl Credentials {
    /// A user name and a password.
    ///
    /// # Errors
    /// [`InvalidCredentials`] for an empty user name, or NUL, CR or LF in either value.
    pub fn password(
        user: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Result<Self, InvalidCredentials> {
        Self::checked(user.into(), Proof::Password(password.into()))
    }

    /// A user name and an OAuth 2.0 access token.
    ///
    /// # Errors
    /// [`InvalidCredentials`] for an empty user name or token, or a byte outside visible ASCII in the token (RFC 6750 §2.1).
    pub fn bearer(
        user: impl Into<String>,
        token: impl Into<Secret>,
    ) -> Result<Self, InvalidCredentials> {
        Self::checked(user.into(), Proof::Bearer(token.into()))
    }

    /// The identity that the connection proves by itself, usually by a client certificate.
    pub fn external() -> Self {
        Self {
            user: String::new(),
            acting_as: None,
            only: Vec::new(),
            proof: Proof::External,
        }
    }

    /// No identity; `trace` is shown to the server's administrator, and may be a mail address or nothing (RFC 4505).
    ///
    /// # Errors
    /// [`InvalidCredentials`] for a control character, or more than 255 characters.
    pub fn anonymous(trace: impl Into<String>) -> Result<Self, InvalidCredentials> {
        let trace = trace.into();
        if trace.chars().any(char::is_control) || trace.chars().count() > 255 {
            return Err(InvalidCredentials("the trace is not one short line"));
        }
        Ok(Self {
            user: trace,
            acting_as: None,
            only: Vec::new(),
            proof: Proof::Anonymous,
        })
    }

    /// Acts as another user than the one who logs in (the authorization identity). Only PLAIN, SCRAM and EXTERNAL can say
    /// that.
    ///
    /// # Errors
    /// [`InvalidCredentials`] for an empty identity, or one with a control character.
    pub fn act_as(mut self, identity: impl Into<String>) -> Result<Self, InvalidCredentials> {
        let identity = identity.into();
        if identity.is_empty() || identity.chars().any(char::is_control) {
            return Err(InvalidCredentials(
                "the identity to act as is empty or holds a control character",
            ));
        }
        self.acting_as = Some(identity);
        Ok(self)
    }

    /// Uses these mechanisms and no other. For trying a server; by default the strongest one is taken that it offers.
    #[must_use]
    pub fn only(mut self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        self.only = mechanisms.into_iter().collect();
        self
    }

    /// Whether only some mechanisms may be used. What is no SASL mechanism, as USER and PASS of POP3, is none of them.
    pub fn is_restricted(&self) -> bool {
        !self.only.is_empty()
    }

    /// Whether a mechanism may be used.
    pub(crate) fn permits(&self, mechanism: Mechanism) -> bool {
        self.only.is_empty() || self.only.contains(&mechanism)
    }

    /// The user name (the authentication identity).
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, if that is what proves the identity. POP3's PASS and APOP need it outside SASL.
    pub fn as_password(&self) -> Option<&Secret> {
        match &self.proof {
            Proof::Password(password) => Some(password),
            _ => None,
        }
    }

    /// Whom to act as, if not as the one who logs in.
    pub fn acting_as(&self) -> Option<&str> {
        self.acting_as.as_deref()
    }

    /// What must not be shown: the password, or the token.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match &self.proof {
            Proof::Password(secret) | Proof::Bearer(secret) => Some(secret),
            Proof::External | Proof::Anonymous => None,
        }
    }

    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    fn checked(user: String, proof: Proof) -> Result<Self, InvalidCredentials> {
        let bad = |bytes: &[u8]| bytes.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'));
        if user.is_empty() {
            return Err(InvalidCredentials("the user name is empty"));
        }
        if bad(user.as_bytes()) || user.contains('\u{1}') {
            return Err(InvalidCredentials(
                "the user name holds a control character",
            ));
        }
        match &proof {
            Proof::Password(p) if bad(p.expose_secret()) => Err(InvalidCredentials(
                "the password holds NUL, CR or LF (a trailing newline in the file it came from?)",
            )),
            Proof::Bearer(t) if t.is_empty() => Err(InvalidCredentials("the token is empty")),
            Proof::Bearer(t) if !t.expose_secret().iter().all(u8::is_ascii_graphic) => Err(
                InvalidCredentials("the token holds a byte outside visible ASCII"),
            ),
            _ => Ok(Self {
                user,
                acting_as: None,
                only: Vec::new(),
                proof,
            }),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = match self.proof {
            Proof::Password(_) => "Password(…)",
            Proof::Bearer(_) => "Bearer(…)",
            Proof::External => "External",
            Proof::Anonymous => "Anonymous",
        };
        write!(f, "Credentials {{ user: {:?}, {proof} }}", self.user)
    }
}

/// Credentials that no mechanism could carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCredentials(&'static str);

impl fmt::Display for InvalidCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidCredentials {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_nul_are_refused() {
        for text in ["a\r\nDELE 1", "a\nb", "u\0v"] {
            assert!(Credentials::password(text, "x").is_err(), "{text:?}");
            assert!(Credentials::password("x", text).is_err(), "{text:?}");
            assert!(Credentials::bearer("x", text).is_err(), "{text:?}");
        }
        let error = Credentials::password("", "x").unwrap_err();
        assert!(error.to_string().contains("user"), "{error}");
        assert!(Credentials::password("x", "").is_ok());
    }

    #[test]
    fn debug_shows_the_user_only() {
        let shown = format!("{:?}", Credentials::password("ada", "hunter2").unwrap());
        assert_eq!(shown, r#"Credentials { user: "ada", Password(…) }"#);
    }
}
