//! What is called outside of the store: a program, a webhook. Both get the same JSON.

use super::{Incoming, command};
use crate::digest::sha256;
use crate::inbound::rule::{InboundAction, Program, Webhook};
use serde_json::{Value, json};

/// A call that is to be made.
pub(in crate::inbound) struct Call {
    /// The action that asks for it.
    pub(in crate::inbound) action: String,
    key: String,
    payload: String,
    target: Target,
}

enum Target {
    Program(Program),
    Webhook(Webhook),
}

impl Call {
    /// The calls of an action.
    pub(super) fn of(action: &InboundAction, payload: Value) -> Vec<Self> {
        let key = payload.get("idempotency_key").and_then(Value::as_str);
        let key = key.unwrap_or_default().to_owned();
        let payload = payload.to_string();
        let program = action.command.clone().map(Target::Program);
        let webhook = action.webhook.clone().map(Target::Webhook);
        let calls = program.into_iter().chain(webhook).map(|target| Self {
            action: action.name.clone(),
            key: key.clone(),
            payload: payload.clone(),
            target,
        });
        calls.collect()
    }

    /// Makes it. Gives what came back, on one line.
    pub(in crate::inbound) fn make(&self) -> Result<String, String> {
        match &self.target {
            Target::Program(program) => command::run(program, &self.key, &self.payload),
            Target::Webhook(webhook) => post(webhook, &self.key, &self.payload),
        }
    }
}

#[cfg(feature = "webhook")]
fn post(webhook: &Webhook, key: &str, payload: &str) -> Result<String, String> {
    super::webhook::post(webhook, key, payload)
}

/// Whether this can be the address of a webhook; why not, in a sentence without it.
#[cfg(feature = "webhook")]
pub(crate) fn webhook_address(url: &str) -> Result<(), String> {
    super::webhook::target(url).map(|_| ())
}

#[cfg(not(feature = "webhook"))]
const WITHOUT: &str = "this program was built without webhooks (feature `webhook`)";

#[cfg(not(feature = "webhook"))]
fn post(_: &Webhook, _: &str, _: &str) -> Result<String, String> {
    Err(WITHOUT.to_owned())
}

#[cfg(not(feature = "webhook"))]
pub(crate) fn webhook_address(_: &str) -> Result<(), String> {
    Err(WITHOUT.to_owned())
}

/// What is told. The idempotency key is the same whenever the same mail calls for the same action.
pub(super) fn payload(
    action: &InboundAction,
    incoming: &Incoming<'_>,
    mail: &Value,
    sender: &Value,
    instance: &str,
) -> Value {
    let inbound = incoming.inbound;
    let record = incoming.record.map(
        |record| json!({"table": record.key.table, "id": record.key.id, "fields": record.whole()}),
    );
    let made_of = format!(
        "{}\n{}\n{}\n{}",
        inbound.what.account, inbound.id, inbound.what.sha256, action.name
    );
    json!({
        "version": 1,
        "idempotency_key": sha256(made_of.as_bytes()),
        "instance": instance,
        "action": action.name,
        "inbound": {
            "id": inbound.id,
            "account": inbound.what.account,
            "received": inbound.received.to_string(),
            "sha256": inbound.what.sha256,
        },
        "class": incoming.found.class.name(),
        "matched_by": incoming.found.matched_by,
        "record": record,
        "mail": mail,
        "sender": sender,
    })
}
