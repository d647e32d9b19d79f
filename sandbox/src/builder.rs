use crate::certificate::{Certificate, Identity};
use crate::dialogue::Dialogue;
use crate::driver::{Listener, Port, Ports, bind};
use crate::fault::{Fault, Script};
use crate::sandbox::Sandbox;
use crate::service::{Extension, Limits, Service, Settings};
use crate::store::{Login, Store};
use postrider_wire::{Endpoint, Secret, Tls};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Collects what a sandbox shall be like. Begins with [`Sandbox::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    mailboxes: Vec<(String, Login)>,
    catch_all: Option<String>,
    settings: Settings,
    faults: Vec<Fault>,
    seed: u64,
    certificate: Certificate,
    ports: [u16; 4],
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            mailboxes: Vec::new(),
            catch_all: None,
            settings: Settings {
                hostname: "localhost".to_owned(),
                switched_off: Vec::new(),
                require_auth: true,
                clear_text_auth: false,
                received_field: false,
                address_faults: true,
                limits: Limits::default(),
            },
            faults: Vec::new(),
            seed: 0,
            certificate: Certificate::Valid,
            ports: [0; 4],
        }
    }

    /// Adds a mailbox: its address, and the login for its maildrop and for sending.
    #[must_use]
    pub fn mailbox(
        mut self,
        address: impl Into<String>,
        user: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Self {
        let login = Login {
            user: user.into(),
            password: password.into(),
        };
        self.mailboxes.push((address.into(), login));
        self
    }

    /// Puts mail for unknown recipients into this mailbox; without it they are refused with 550.
    #[must_use]
    pub fn catch_all(mut self, address: impl Into<String>) -> Self {
        self.catch_all = Some(address.into());
        self
    }

    /// Whether MAIL needs AUTH before it. It does by default, as long as AUTH is not switched off.
    #[must_use]
    pub fn require_auth(mut self, required: bool) -> Self {
        self.settings.require_auth = required;
        self
    }

    /// Whether passwords may be sent in clear text. Not by default: AUTH and USER are offered inside TLS only.
    #[must_use]
    pub fn clear_text_auth(mut self, allowed: bool) -> Self {
        self.settings.clear_text_auth = allowed;
        self
    }

    /// Switches an extension off, in both protocols.
    #[must_use]
    pub fn without(mut self, extension: Extension) -> Self {
        self.settings.switched_off.push(extension);
        self
    }

    /// Whether a Received field is put before the content. By default the content is stored as it came.
    #[must_use]
    pub fn received_field(mut self, wanted: bool) -> Self {
        self.settings.received_field = wanted;
        self
    }

    /// What is right or wrong with the servers' certificate.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = certificate;
        self
    }

    /// The name that the servers greet with: `localhost` by default.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.settings.hostname = name.into();
        self
    }

    /// How much the servers accept.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Whether recipients such as `fail-550@…` do what they say. They do by default; see the crate's README.
    #[must_use]
    pub fn address_faults(mut self, obeyed: bool) -> Self {
        self.settings.address_faults = obeyed;
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The seed for [`Nth::OneIn`](crate::Nth::OneIn) and [`Action::Garbage`](crate::Action::Garbage).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The port for SMTP with STARTTLS; 0, the default, lets the system choose.
    #[must_use]
    pub fn smtp_port(self, port: u16) -> Self {
        self.port(0, port)
    }

    /// The port for SMTP inside TLS.
    #[must_use]
    pub fn smtps_port(self, port: u16) -> Self {
        self.port(1, port)
    }

    /// The port for POP3 with STLS.
    #[must_use]
    pub fn pop3_port(self, port: u16) -> Self {
        self.port(2, port)
    }

    /// The port for POP3 inside TLS.
    #[must_use]
    pub fn pop3s_port(self, port: u16) -> Self {
        self.port(3, port)
    }

    fn port(mut self, index: usize, port: u16) -> Self {
        if let Some(entry) = self.ports.get_mut(index) {
            *entry = port;
        }
        self
    }

    /// The parts without sockets, for running the machines by hand.
    ///
    /// # Errors
    /// `InvalidInput` for an address or user name that is given twice, or a value that could not stand in a line of
    /// the protocol.
    pub fn service(self) -> io::Result<Service> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
        let printable = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !printable(&self.settings.hostname) {
            return Err(invalid(format!(
                "no host name: {:?}",
                self.settings.hostname
            )));
        }
        let store = Store::new(self.settings.limits.store);
        for (address, login) in self.mailboxes {
            if !printable(&address) || !address.contains('@') || !printable(&login.user) {
                return Err(invalid(format!(
                    "no mailbox: {address:?}, user {:?}",
                    login.user
                )));
            }
            let shown = format!("{address:?}, user {:?}", login.user);
            if !store.add(address, login) {
                return Err(invalid(format!("the mailbox is there already: {shown}")));
            }
        }
        if let Some(address) = self.catch_all
            && !store.set_catch_all(&address)
        {
            return Err(invalid(format!("the catch-all is no mailbox: {address:?}")));
        }
        let script = Script::new(self.seed, self.faults);
        Ok(Service::new(self.settings, store, script))
    }

    /// Opens the ports on 127.0.0.1 and begins to serve. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// A port that is in use, or what [`service`](Self::service) refuses.
    pub async fn start(self) -> io::Result<Sandbox> {
        let ports = self.ports;
        let identity = Identity::generate(self.certificate)?;
        let trusted = Tls::builder()
            .only_added_roots()
            .add_root_pem(identity.ca_pem.as_bytes())
            .and_then(|tls| tls.build());
        let dialogue = Dialogue::new(self.settings.limits.transcript);
        let service = self.service()?;
        let (listeners, endpoints) = bind_all(ports).await?;
        let (stop, stopped) = watch::channel(());
        let accepted = Arc::new(Ports::default());
        let shared = Arc::new(Listener {
            service: service.clone(),
            dialogue: dialogue.clone(),
            acceptor: TlsAcceptor::from(identity.config),
            accepted: Arc::clone(&accepted),
            connections: AtomicU64::new(0),
            stop: stopped,
        });
        let tasks = listeners
            .into_iter()
            .map(|(listener, port)| tokio::spawn(Arc::clone(&shared).listen(listener, port)))
            .collect();
        Ok(Sandbox {
            service,
            dialogue,
            endpoints,
            ca_pem: identity.ca_pem,
            tls: trusted.map_err(io::Error::other)?,
            accepted,
            stop,
            tasks,
        })
    }
}

type Bound = (Vec<(TcpListener, Port)>, Ports<Endpoint>);

async fn bind_all([smtp, smtps, pop3, pop3s]: [u16; 4]) -> io::Result<Bound> {
    let (smtp, smtps) = (bind(smtp).await?, bind(smtps).await?);
    let (pop3, pop3s) = (bind(pop3).await?, bind(pop3s).await?);
    let endpoints = Ports {
        smtp: smtp.1,
        smtps: smtps.1,
        pop3: pop3.1,
        pop3s: pop3s.1,
    };
    let listeners = vec![
        (smtp.0, Port::Smtp),
        (smtps.0, Port::Smtps),
        (pop3.0, Port::Pop3),
        (pop3s.0, Port::Pop3s),
    ];
    Ok((listeners, endpoints))
}
