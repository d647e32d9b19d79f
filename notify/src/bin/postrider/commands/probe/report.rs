//! What was found out, for people and for programs.

use super::chain::Chain;
use crate::output::{self, Style, foreign, paint};
use crate::url::{Protocol, ServerUrl};
use postrider_wire::{Endpoint, Security};
use serde_json::{Value, json};

/// What a server offers at one point of the dialogue.
#[derive(Debug)]
pub(super) struct Offer {
    /// As the server wrote them.
    pub(super) extensions: Vec<String>,
    /// The ways to log in.
    pub(super) auth: Vec<String>,
    pub(super) size: Option<u64>,
    pub(super) limits: Option<String>,
    pub(super) pipelining: bool,
}

/// All that was found out.
#[derive(Debug)]
pub(super) struct Findings {
    protocol: Protocol,
    server: Endpoint,
    security: Security,
    pub(super) greeting: String,
    /// In clear text; `None` where TLS comes first.
    pub(super) before: Option<Offer>,
    pub(super) upgrade_offered: bool,
    /// The server's words.
    pub(super) upgrade_refused: Option<String>,
    /// Version and cipher.
    pub(super) tls: Option<String>,
    pub(super) chain: Chain,
    /// Why the certificate does not hold up.
    pub(super) certificate_fault: Option<String>,
    /// Inside TLS.
    pub(super) after: Option<Offer>,
}

impl Findings {
    pub(super) fn new(url: &ServerUrl, protocol: Protocol) -> Self {
        Self {
            protocol,
            server: url.endpoint.clone(),
            security: url.security,
            greeting: String::new(),
            before: None,
            upgrade_offered: false,
            upgrade_refused: None,
            tls: None,
            chain: Chain::default(),
            certificate_fault: None,
            after: None,
        }
    }

    fn upgrade(&self) -> &'static str {
        match self.protocol {
            Protocol::Smtp => "STARTTLS",
            Protocol::Pop3 => "STLS",
        }
    }

    /// What an administrator should know before anybody sends a password there.
    fn warnings(&self) -> Vec<String> {
        let upgrade = self.upgrade();
        let mut warnings = Vec::new();
        warnings.extend(self.certificate_fault.clone());
        warnings.extend(self.chain.warnings(self.server.host()));
        if let Some(words) = &self.upgrade_refused {
            warnings.push(format!("{upgrade} is offered and refused: {words}"));
        } else if self.before.is_some() && !self.upgrade_offered {
            warnings.push(format!(
                "{upgrade} is not offered: everything is in clear text, or somebody on the path removed the offer"
            ));
        }
        if let Some(before) = &self.before
            && !before.auth.is_empty()
        {
            let ways = before.auth.join(" ");
            warnings.push(format!(
                "log-in is offered in clear text ({ways}): a client that does not insist on TLS shows its password"
            ));
        }
        if self
            .tls
            .as_deref()
            .is_some_and(|tls| tls.starts_with("TLSv1_2"))
        {
            warnings.push("TLS 1.3 is not spoken, only TLS 1.2".to_owned());
        }
        let last = self.after.as_ref().or(self.before.as_ref());
        if let Some(offer) = last {
            if !offer.pipelining {
                let costs = "PIPELINING is not offered: every command costs a round trip";
                warnings.push(costs.to_owned());
            }
            if self.after.is_some() && offer.auth.is_empty() {
                warnings.push("no way to log in is offered".to_owned());
            }
        }
        warnings
    }

    pub(super) fn json(&self) -> Value {
        let offer = |offer: &Offer| {
            json!({
                "extensions": offer.extensions,
                "auth": offer.auth,
                "size": offer.size,
                "limits": offer.limits,
            })
        };
        json!({
            "server": self.server.to_string(),
            "security": self.security.to_string(),
            "greeting": self.greeting,
            "clear_text": self.before.as_ref().map(offer),
            "tls": self.tls,
            "certificate_verified": self.tls.is_some().then_some(self.certificate_fault.is_none()),
            "chain": self.chain.json(),
            "inside_tls": self.after.as_ref().map(offer),
            "warnings": self.warnings(),
        })
    }

    pub(super) fn show(&self) {
        let line = |name: &str, value: &str| {
            let name = paint(Style::Head, &format!("{name:<12}"));
            output::line(format!("{name} {}", foreign(value)));
        };
        line("server", &self.server.to_string());
        line("greeting", &self.greeting);
        if let Some(before) = &self.before {
            before.show("clear text");
        }
        if let Some(tls) = &self.tls {
            line("tls", tls);
            line(
                "certificate",
                match self.certificate_fault {
                    None => "verified",
                    Some(_) => "NOT verified",
                },
            );
            self.chain.show();
        }
        if let Some(after) = &self.after {
            after.show("inside tls");
        }
        for warning in self.warnings() {
            let mark = paint(Style::Bad, "warning:");
            output::line(format!("{mark} {}", foreign(&warning)));
        }
    }
}

impl Offer {
    fn show(&self, when: &str) {
        let name = paint(Style::Head, &format!("{when:<12}"));
        let auth = match self.auth.is_empty() {
            true => "no log-in".to_owned(),
            false => format!("log-in by {}", self.auth.join(" ")),
        };
        output::line(format!("{name} {}", foreign(&auth)));
        if let Some(size) = self.size {
            output::line(format!("{:<12} messages of up to {size} octets", ""));
        }
        for extension in &self.extensions {
            output::line(format!("{:<12} {}", "", foreign(extension)));
        }
    }
}
