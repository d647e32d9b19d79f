//! What an SMTP server offers.

use super::link::{Link, Trouble};
use super::report::{Findings, Offer};
use bytes::BytesMut;
use postrider_smtp::{
    Command, Connection, Domain, Event, Extension, Limits, Meaning, Protocol, Reply,
};
use postrider_wire::Security;
use std::net::{IpAddr, Ipv4Addr};

pub(super) async fn ask(link: &mut Link, found: &mut Findings) -> Result<(), Trouble> {
    let mut smtp = Connection::new(Protocol::Smtp, Limits::default());
    if link.security == Security::Tls {
        link.start_tls(found).await?;
    }
    let greeting = hear(&mut smtp, link).await?;
    if greeting.meaning != Meaning::Done {
        return Err(turned_away(link, &greeting.reply));
    }
    found.greeting = greeting.reply.to_string();
    let offer = hello(&mut smtp, link).await?;
    if link.security == Security::Tls {
        found.after = Some(offer);
        return goodbye(&mut smtp, link).await;
    }
    found.before = Some(offer);
    found.upgrade_offered = smtp.capabilities().offers(Extension::StartTls);
    if found.upgrade_offered && link.security != Security::None {
        let answer = say(&mut smtp, link, &Command::StartTls).await?;
        if answer.meaning == Meaning::Done {
            link.start_tls(found).await?;
            let started = smtp.tls_started();
            started.map_err(|error| link.nonsense(error))?;
            found.after = Some(hello(&mut smtp, link).await?);
        } else {
            found.upgrade_refused = Some(answer.reply.to_string());
        }
    }
    goodbye(&mut smtp, link).await
}

/// EHLO, or HELO where the server does not know that.
async fn hello(smtp: &mut Connection, link: &mut Link) -> Result<Offer, Trouble> {
    let name = Domain::from_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut answer = say(smtp, link, &Command::Ehlo(&name)).await?;
    if answer.meaning == Meaning::Refused && answer.reply.code().is_permanent() {
        answer = say(smtp, link, &Command::Helo(&name)).await?;
    }
    if answer.meaning != Meaning::Done {
        return Err(turned_away(link, &answer.reply));
    }
    let capabilities = smtp.capabilities();
    let line = |(keyword, parameters): (&str, &str)| match parameters {
        "" => keyword.to_owned(),
        parameters => format!("{keyword} {parameters}"),
    };
    let mut auth: Vec<String> = Vec::new();
    for mechanism in capabilities.auth() {
        if !auth.iter().any(|known| known == mechanism) {
            auth.push(mechanism.to_owned());
        }
    }
    Ok(Offer {
        extensions: capabilities.keywords().map(line).collect(),
        auth,
        size: capabilities.size(),
        limits: capabilities.keyword("LIMITS").map(str::to_owned),
        pipelining: capabilities.offers(Extension::Pipelining),
    })
}

fn turned_away(link: &Link, reply: &Reply) -> Trouble {
    link.turned_away(reply, reply.code().is_transient())
}

async fn goodbye(smtp: &mut Connection, link: &mut Link) -> Result<(), Trouble> {
    link.take_leave();
    let _ = say(smtp, link, &Command::Quit).await;
    Ok(())
}

async fn say(
    smtp: &mut Connection,
    link: &mut Link,
    command: &Command<'_>,
) -> Result<Event, Trouble> {
    link.nothing_unasked().await?;
    let mut out = BytesMut::new();
    let sent = smtp.send(command, &mut out);
    sent.map_err(|error| link.nonsense(error))?;
    link.write(&mut out).await?;
    hear(smtp, link).await
}

async fn hear(smtp: &mut Connection, link: &mut Link) -> Result<Event, Trouble> {
    loop {
        let heard = smtp.receive(&mut link.input);
        match heard.map_err(|error| link.nonsense(error))? {
            Some(event) => return Ok(event),
            None => link.read().await?,
        }
    }
}
