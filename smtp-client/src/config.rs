use crate::opening::Terms;
use crate::planner::Policy;
use crate::{
    Attribute, Credentials, Domain, Endpoint, Error, ErrorKind, Limits, LineEnds, Pipelining,
    Protocol, Route, Security, Stage, Timeouts, Tls, Transcript,
};
use postrider_wire::sasl::ChannelBinding;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Which server to send through, and on what terms. Cheap to clone; `Debug` shows no secret.
///
/// ```
/// use postrider_smtp::{Config, Credentials, Endpoint, Security};
/// let config = Config::new(Endpoint::new("smtp.example.org", 587)?)
///     .credentials(Credentials::password("ada", "s3cret")?)
///     .ehlo_name("app.example.org".parse()?);
/// assert_eq!(config.endpoint().to_string(), "smtp.example.org:587");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    endpoint: Endpoint,
    route: Route,
    binds_channel: bool,
    tls: Option<Tls>,
    default_tls: Arc<OnceLock<Tls>>,
    timeouts: Timeouts,
    policy: Policy,
    terms: Terms,
    /// Whether the server offered PIPECONNECT the last time, where that is made use of.
    pipe_connect: Option<Arc<AtomicBool>>,
}

impl Config {
    /// A server, with the terms that are safe: TLS as customary on the port ([`Security::for_port`]), the public
    /// certificate authorities, no credentials in clear text, the time limits of RFC 5321.
    pub fn new(endpoint: Endpoint) -> Self {
        let terms = Terms {
            protocol: Protocol::Smtp,
            ehlo_name: Domain::from_ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            security: Security::for_port(endpoint.port()),
            xclient: Vec::new(),
            credentials: None,
            clear_text_credentials: false,
            limits: Limits::default(),
            transcript: Transcript::off(),
        };
        Self {
            endpoint,
            route: Route::direct(),
            binds_channel: true,
            tls: None,
            default_tls: Arc::default(),
            timeouts: Timeouts::default(),
            policy: Policy::default(),
            terms,
            pipe_connect: None,
        }
    }

    /// How the connection must be protected.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.terms.security = security;
        self
    }

    /// From which address of ours, and through which proxy. By default neither is chosen.
    ///
    /// ```
    /// # use postrider_smtp::{Config, Endpoint, Route};
    /// let route = Route::direct()
    ///     .source_address("192.0.2.7".parse()?)
    ///     .proxy("socks5://127.0.0.1:1080".parse()?);
    /// let config = Config::new(Endpoint::new("smtp.example.org", 587)?).route(route);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    /// Which certificates are trusted, and which one is shown. By default those of the public authorities.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whom to log in as. Without credentials AUTH is not used.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.terms.credentials = Some(credentials);
        self
    }

    /// The name to give ourselves in EHLO. By default `[127.0.0.1]`, which submission servers take; a server on
    /// port 25 may want a name that resolves.
    #[must_use]
    pub fn ehlo_name(mut self, name: Domain) -> Self {
        self.terms.ehlo_name = name;
        self
    }

    /// Tells a Postfix server with XCLIENT about the client that we stand for. An error if it does not offer that.
    #[must_use]
    pub fn xclient(mut self, attributes: Vec<Attribute>) -> Self {
        self.terms.xclient = attributes;
        self
    }

    /// SMTP, or LMTP.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.terms.protocol = protocol;
        self
    }

    /// How long to wait for what.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How much the server may say, and how much may be unanswered.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.terms.limits = limits;
        self.policy.limits = limits;
        self
    }

    /// Writes every dialogue down, without secrets and without messages.
    #[must_use]
    pub fn transcript(mut self, transcript: Transcript) -> Self {
        self.terms.transcript = transcript;
        self
    }

    /// How far to run ahead of the replies.
    #[must_use]
    pub fn pipelining(mut self, pipelining: Pipelining) -> Self {
        self.policy.pipelining = pipelining;
        self
    }

    /// Says EHLO before the greeting to a server that offered PIPECONNECT (Exim) in the session before: a round trip less.
    /// Clones of this configuration, and so the connections of a pool, learn from each other.
    #[must_use]
    pub fn pipe_connect(mut self) -> Self {
        self.pipe_connect = Some(Arc::default());
        self
    }

    /// What becomes of a CR or LF alone in a message.
    #[must_use]
    pub fn line_ends(mut self, line_ends: LineEnds) -> Self {
        self.policy.line_ends = line_ends;
        self
    }

    /// Does not bind the login to the TLS connection (SCRAM-…-PLUS). For a server that offers it and then cannot do it with
    /// TLS 1.3, against RFC 9266: somebody in the middle with a trusted certificate goes unnoticed.
    #[must_use]
    pub fn without_channel_binding(mut self) -> Self {
        self.binds_channel = false;
        self
    }

    /// Sends the credentials even where everybody on the path can read them. For a server on one's own machine only.
    #[must_use]
    pub fn danger_allow_clear_text_credentials(mut self) -> Self {
        self.terms.clear_text_credentials = true;
        self
    }

    /// The server.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn may_bind(&self, binding: Option<ChannelBinding>) -> Option<ChannelBinding> {
        binding.filter(|_| self.binds_channel)
    }

    pub(crate) fn way(&self) -> &Route {
        &self.route
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    pub(crate) fn times(&self) -> &Timeouts {
        &self.timeouts
    }

    pub(crate) fn begins_early(&self) -> bool {
        let offered = self.pipe_connect.as_ref();
        offered.is_some_and(|offered| offered.load(Ordering::Relaxed))
    }

    /// Remembers whether the next session may begin early.
    pub(crate) fn remember(&self, offers_pipe_connect: bool) {
        if let Some(offered) = &self.pipe_connect {
            offered.store(offers_pipe_connect, Ordering::Relaxed);
        }
    }

    pub(crate) fn tls_config(&self) -> Result<Tls, Error> {
        if let Some(tls) = self.tls.as_ref().or_else(|| self.default_tls.get()) {
            return Ok(tls.clone());
        }
        let tls = Tls::webpki_roots().map_err(|error| {
            let error = io::Error::other(error);
            Error::new(Stage::Tls, ErrorKind::Io(Arc::new(error)))
        })?;
        Ok(self.default_tls.get_or_init(|| tls).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t7_debug_shows_no_secret() {
        let config = Config::new(Endpoint::new("mx", 25).unwrap())
            .credentials(Credentials::password("user", "secret").unwrap());
        assert!(!format!("{config:?}").contains("secret\""), "{config:?}");
        assert!(!format!("{config:?}").contains("secret,"));
    }

    #[test]
    fn the_defaults_are_safe() {
        let config = |port| Config::new(Endpoint::new("mx", port).unwrap());
        assert_eq!(config(465).terms().security, Security::Tls);
        assert_eq!(config(587).terms().security, Security::StartTls);
        assert_eq!(config(25).terms().security, Security::StartTls);
        assert!(!config(25).terms().clear_text_credentials);
    }
}
