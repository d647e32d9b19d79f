//! The first example: a record changes, and somebody is told.

use super::scene::Scene;
use super::tell::{Broken, Teller};
use crate::commands::{fields, log};
use jiff::Timestamp;
use postrider_notify::delivery::{Sender, Sent};
use postrider_notify::event::Event;
use postrider_notify::explain;
use postrider_notify::outgoing::{DeliveryState, LogRow};
use postrider_notify::process::Processor;
use postrider_notify::record::RecordKey;
use postrider_notify::store::LogFilter;
use std::sync::Arc;

pub(super) async fn play(scene: &Scene, teller: &mut Teller) -> Result<(), Broken> {
    let incident = create(scene, teller)?;
    settle(scene, teller, &incident)?;
    let delivery = deliver(scene, teller, &incident).await?;
    show_log(scene, teller, &incident, delivery)
}

fn create(scene: &Scene, teller: &mut Teller) -> Result<RecordKey, Broken> {
    teller.step("A user creates an incident and assigns it to Ada");
    let given = [
        ("short_description", "The analytical engine does not start"),
        ("description", "It hums, and nothing turns."),
        ("priority", "2"),
        ("caller", "grace"),
        ("assigned_to", "ada"),
    ];
    let words: Vec<String> = given.iter().map(|(f, v)| format!("{f}={v:?}")).collect();
    teller.say(format!(
        "$ postrider record create incident --as grace {}",
        words.join(" ")
    ));
    let given = given.map(|(field, value)| (field.to_owned(), value.to_owned()));
    let key = scene
        .setup
        .records
        .insert("incident", None, &fields(given.to_vec()), "grace")?;
    let expected = RecordKey::new("incident", "INC0010001");
    teller.check(key == expected, format!("{expected} is on disk"), &key)?;
    Ok(key)
}

/// Settles what is due, and explains what came of the incident.
fn settle(scene: &Scene, teller: &mut Teller, record: &RecordKey) -> Result<(), Broken> {
    teller.step("Its event is matched, the mail is rendered, and both are queued durably");
    for event in settle_all(scene)? {
        if let Some(explanation) = scene.setup.store.explain(event)? {
            teller.say(explain::text(&explanation));
        }
    }
    let rows = rows(scene, record)?;
    let is_adas = rows
        .iter()
        .all(|row| row.mail.recipient == scene.ada.address);
    teller.check(
        rows.len() == 1 && is_adas,
        format!(
            "one mail about {record} is queued, for {}",
            scene.ada.address
        ),
        log::table(&rows),
    )
}

/// Settles every event that is due; gives those about incidents.
pub(super) fn settle_all(scene: &Scene) -> Result<Vec<i64>, Broken> {
    let (config, store) = (&scene.setup.config, &scene.setup.store);
    let processor = Processor::new(Arc::clone(config), Arc::clone(store), scene.signer.clone());
    let mut about = Vec::new();
    loop {
        let now = Timestamp::now();
        let due = store.due_events(now, 100)?;
        if due.is_empty() {
            return Ok(about);
        }
        let settled = due.iter().map(|event| processor.settle(event, now));
        let settlements: Vec<_> = settled.collect::<Result<_, _>>()?;
        store.settle(&settlements)?;
        let is_incident = |event: &&Event| {
            let record = event.what.record.as_ref();
            record.is_some_and(|record| record.table == "incident")
        };
        about.extend(due.iter().filter(is_incident).map(|event| event.id));
    }
}

async fn deliver(scene: &Scene, teller: &mut Teller, record: &RecordKey) -> Result<i64, Broken> {
    teller.step("It is delivered by SMTP: STARTTLS, a verified certificate, a log-in");
    let sent = send(scene).await?;
    teller.dialogue(&scene.dialogue);
    teller.check(
        sent.count(DeliveryState::Delivered) == 1,
        "the server took the mail",
        format!("{sent:?}"),
    )?;
    let rows = rows(scene, record)?;
    let row = rows
        .first()
        .ok_or_else(|| Broken(format!("no mail about {record}")))?;
    let queued = scene
        .setup
        .store
        .raw_message(row.delivery)?
        .unwrap_or_default();
    let arrived = scene.sandbox.messages(scene.ada.address);
    teller.check(
        arrived.len() == 1 && arrived.iter().all(|mail| *mail.content == *queued),
        format!(
            "it lies in Ada's mailbox, octet by octet as it was queued ({} octets)",
            queued.len()
        ),
        format!("{} mails are there", arrived.len()),
    )?;
    Ok(row.delivery)
}

/// Sends what is due, and says QUIT.
pub(super) async fn send(scene: &Scene) -> Result<Sent, Broken> {
    let account = scene.setup.config.smtp.first();
    let account = account.ok_or_else(|| Broken("there is no SMTP account".to_owned()))?;
    let store = Arc::clone(&scene.setup.store);
    let mut sender = Sender::new(account.clone(), store, scene.dialogue.transcript.clone());
    let sent = sender.run_once(Timestamp::now()).await?;
    sender.close().await;
    match &sent.paused {
        Some(pause) => Err(Broken(pause.reason.clone())),
        None => Ok(sent),
    }
}

fn show_log(
    scene: &Scene,
    teller: &mut Teller,
    record: &RecordKey,
    delivery: i64,
) -> Result<(), Broken> {
    teller.step("The email log says what became of it");
    teller.say(format!("$ postrider log --record {record}"));
    let rows = rows(scene, record)?;
    teller.say(log::table(&rows));
    let is_sent = |row: &&LogRow| row.delivery == delivery && row.state == DeliveryState::Delivered;
    let row = rows.iter().find(is_sent);
    let said = row
        .and_then(|row| row.last.as_ref())
        .filter(|last| last.code == 250);
    let words = said.map(|last| last.text.clone()).unwrap_or_default();
    teller.check(
        said.is_some(),
        format!("the log says sent, in the server's words: {words}"),
        log::table(&rows),
    )
}

pub(super) fn rows(scene: &Scene, record: &RecordKey) -> Result<Vec<LogRow>, Broken> {
    Ok(scene.setup.store.log(&LogFilter {
        record: Some(record.clone()),
        limit: 100,
        ..LogFilter::default()
    })?)
}
