//! The second example: somebody answers, a customer writes, and both end up in records.

use super::outbound::{send, settle_all};
use super::person::Letter;
use super::scene::Scene;
use super::tell::{Broken, Teller};
use crate::commands::inbound;
use jiff::Timestamp;
use postrider_notify::explain;
use postrider_notify::inbound::mail::Mail;
use postrider_notify::inbound::processor::{Processed, Processor};
use postrider_notify::inbound::reader::{Fetched, Reader, Round};
use postrider_notify::inbound::{Class, InboundState};
use postrider_notify::outgoing::DeliveryState;
use postrider_notify::record::RecordKey;
use postrider_notify::token::ReplyToken;
use std::sync::Arc;

/// What Ada answers.
const ANSWER: &str = "A moth in relay 70. It runs again.";

/// What Carol asks.
const QUESTION: &str = "The door of the machine room does not open. Could somebody come?";

pub(super) async fn play(scene: &Scene, teller: &mut Teller) -> Result<(), Broken> {
    let (mail, reply_to) = read(scene, teller).await?;
    answer(scene, teller, &mail, &reply_to).await?;
    ask(scene, teller).await?;
    fetch(scene, teller).await?;
    let customer = act(scene, teller)?;
    acknowledge(scene, teller, &customer).await?;
    fetch_again(scene, teller).await
}

async fn read(scene: &Scene, teller: &mut Teller) -> Result<(Mail, String), Broken> {
    teller.step("Ada reads her mail over POP3");
    let mails = scene.ada.read(&scene.sandbox, &scene.dialogue).await?;
    teller.dialogue_after_login(&scene.dialogue);
    let raw = mails
        .first()
        .ok_or_else(|| Broken("Ada's maildrop is empty".to_owned()))?;
    let mail = Mail::parse(raw);
    let message = postrider_mime::Message::parse(raw);
    let reply_to = message
        .reply_to()
        .first_address()
        .unwrap_or_default()
        .to_owned();
    teller.say(format!(
        "Subject:  {}\nReply-To: {reply_to}\n\n{}",
        mail.subject, mail.text
    ));
    let token = ReplyToken::from_address(&reply_to);
    let good = token.is_some_and(|token| scene.signer.verify(&token, scene.ada.address));
    let what = "Reply-To bears a token that is signed for Ada and this incident";
    teller.check(good, what, &reply_to)?;
    Ok((mail, reply_to))
}

async fn answer(
    scene: &Scene,
    teller: &mut Teller,
    mail: &Mail,
    reply_to: &str,
) -> Result<(), Broken> {
    teller.step("Ada answers, quoting what she was sent");
    let quoted: String = mail
        .text
        .lines()
        .map(|line| format!("> {line}\n"))
        .collect();
    let letter = Letter {
        to: reply_to,
        subject: &format!("Re: {}", mail.subject),
        text: &format!("{ANSWER}\n\nOn 23 November 2026, Support wrote:\n{quoted}-- \nAda\n"),
        answers: Some(mail),
    };
    write(scene, teller, &scene.ada, &letter).await
}

async fn ask(scene: &Scene, teller: &mut Teller) -> Result<(), Broken> {
    teller.step("Carol, a customer whom nobody knows, writes to the support mailbox");
    let letter = Letter {
        to: scene.support.address,
        subject: "Locked out",
        text: &format!("{QUESTION}\n"),
        answers: None,
    };
    write(scene, teller, &scene.carol, &letter).await
}

async fn write(
    scene: &Scene,
    teller: &mut Teller,
    person: &super::person::Person,
    letter: &Letter<'_>,
) -> Result<(), Broken> {
    let said = person.write(letter, &scene.sandbox, &scene.dialogue).await;
    teller.dialogue_after_login(&scene.dialogue);
    let said = said?;
    teller.check(
        true,
        format!("the server took {}'s mail: {said}", person.name),
        "",
    )
}

async fn fetch(scene: &Scene, teller: &mut Teller) -> Result<(), Broken> {
    teller.step("The support mailbox is fetched by POP3: stored on disk first, deleted afterwards");
    let fetched = fetch_once(scene).await?;
    teller.dialogue(&scene.dialogue);
    let left = scene.sandbox.messages(scene.support.address).len();
    teller.check(
        fetched.new.len() == 2 && fetched.deleted == 2 && left == 0,
        "both mails are stored, and the maildrop is empty",
        format!("{fetched:?}, {left} left"),
    )
}

async fn fetch_once(scene: &Scene) -> Result<Fetched, Broken> {
    let account = scene.setup.config.pop3.first();
    let account = account.ok_or_else(|| Broken("there is no POP3 account".to_owned()))?;
    let store = Arc::clone(&scene.setup.store);
    let mut reader = Reader::new(account.clone(), store, scene.dialogue.transcript.clone());
    let round = reader.run_once(Timestamp::now()).await?;
    match round {
        Round::Fetched(fetched) => Ok(fetched),
        Round::Failed { error, .. } => Err(Broken(error.to_string())),
        Round::Paused(pause) => Err(Broken(pause.reason)),
    }
}

/// Both mails are acted upon; gives Carol's incident.
fn act(scene: &Scene, teller: &mut Teller) -> Result<RecordKey, Broken> {
    teller.step("Each mail is classified, and its action is applied in one transaction");
    let (config, store) = (&scene.setup.config, &scene.setup.store);
    let processor = Processor::new(Arc::clone(config), Arc::clone(store), scene.signer.clone());
    let done = processor.run_once(Timestamp::now())?;
    teller.say("$ postrider inbound list");
    teller.say(inbound::table(&store.inbound_log(10)?));
    let from = |address: &str| {
        let found = done.iter().find(|processed| processed.from == address);
        found.ok_or_else(|| Broken(format!("the mail of {address} was not processed: {done:?}")))
    };
    commented(scene, teller, from(scene.ada.address)?)?;
    created(scene, teller, from(scene.carol.address)?)
}

fn commented(scene: &Scene, teller: &mut Teller, ada: &Processed) -> Result<(), Broken> {
    let outcome = &ada.outcome;
    let incident = RecordKey::new("incident", "INC0010001");
    teller.check(
        outcome.class == Class::Reply
            && outcome.state == InboundState::Processed
            && outcome.matched_by.starts_with("token:")
            && outcome.record.as_ref() == Some(&incident),
        format!("Ada's answer belongs to {incident}, by its signed token"),
        format!("{outcome:?}"),
    )?;
    let journal = scene.setup.store.journal(&incident)?;
    let ours = journal
        .iter()
        .any(|entry| entry.author == "ada" && entry.text == ANSWER);
    teller.check(
        ours && journal.len() == 1,
        format!("her words are a comment on it, without the quote: {ANSWER}"),
        format!("{journal:?}"),
    )
}

fn created(scene: &Scene, teller: &mut Teller, carol: &Processed) -> Result<RecordKey, Broken> {
    let outcome = &carol.outcome;
    let expected = RecordKey::new("incident", "INC0010002");
    teller.check(
        outcome.class == Class::New && outcome.record.as_ref() == Some(&expected),
        format!("Carol's mail made a new incident, {expected}"),
        format!("{outcome:?}"),
    )?;
    let record = scene.setup.store.record(&expected)?;
    let field = |name: &str| {
        let value = record.as_ref().and_then(|record| record.fields.get(name));
        value
            .and_then(|value| value.as_str())
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let holds = field("short_description") == "Locked out"
        && field("description") == QUESTION
        && field("caller_email") == scene.carol.address;
    teller.check(
        holds,
        "it holds her subject, her words and her address",
        format!("{record:?}"),
    )?;
    Ok(expected)
}

async fn acknowledge(
    scene: &Scene,
    teller: &mut Teller,
    incident: &RecordKey,
) -> Result<(), Broken> {
    teller.step("Grace is told of the comment, and Carol that her mail has arrived");
    for event in settle_all(scene)? {
        if let Some(explanation) = scene.setup.store.explain(event)? {
            teller.say(explain::text(&explanation));
        }
    }
    let sent = send(scene).await?;
    teller.dialogue_after_login(&scene.dialogue);
    teller.check(
        !sent.attempts.is_empty() && sent.count(DeliveryState::Delivered) == sent.attempts.len(),
        "the server took every mail",
        format!("{sent:?}"),
    )?;
    let arrived = scene.sandbox.messages(scene.carol.address);
    let mail = arrived
        .first()
        .map(|mail| Mail::parse(&mail.content))
        .unwrap_or_default();
    teller.say(format!("Subject:  {}\n\n{}", mail.subject, mail.text));
    teller.check(
        arrived.len() == 1 && mail.subject.contains(&incident.id),
        format!(
            "an acknowledgement with {} lies in Carol's mailbox",
            incident.id
        ),
        format!("{} mails: {:?}", arrived.len(), mail.subject),
    )?;
    teller.check(
        mail.automatic.is_some(),
        "it says that no person wrote it, so that no machine answers it",
        "there is no Auto-Submitted",
    )
}

async fn fetch_again(scene: &Scene, teller: &mut Teller) -> Result<(), Broken> {
    teller.step("A second fetch finds nothing, and nothing happens twice");
    let fetched = fetch_once(scene).await?;
    teller.dialogue_after_login(&scene.dialogue);
    teller.check(
        fetched == Fetched::default(),
        "nothing was fetched",
        format!("{fetched:?}"),
    )?;
    let incidents = scene.setup.store.records("incident")?.len();
    let comments = scene
        .setup
        .store
        .journal(&RecordKey::new("incident", "INC0010001"))?
        .len();
    teller.check(
        (incidents, comments) == (2, 1),
        "there are two incidents and one comment",
        format!("{incidents} incidents, {comments} comments"),
    )
}
