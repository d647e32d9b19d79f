//! What a POP3 server offers.

use super::link::{Link, Trouble};
use super::report::{Findings, Offer};
use bytes::BytesMut;
use postrider_pop3::{Command, Connection, Event, Limits, Reply, ResponseCode};
use postrider_wire::Security;

pub(super) async fn ask(link: &mut Link, found: &mut Findings) -> Result<(), Trouble> {
    let mut pop3 = Connection::new(Limits::default());
    if link.security == Security::Tls {
        link.start_tls(found).await?;
    }
    match hear(&mut pop3, link).await? {
        Ok(reply) => found.greeting = reply.map(|r| r.to_string()).unwrap_or_default(),
        Err(reply) => {
            let for_now = reply.code().is_some_and(ResponseCode::is_temporary);
            return Err(link.turned_away(reply, for_now));
        }
    }
    let offer = capabilities(&mut pop3, link).await?;
    if link.security == Security::Tls {
        found.after = Some(offer);
        return goodbye(&mut pop3, link).await;
    }
    found.before = Some(offer);
    found.upgrade_offered = pop3.capabilities().stls();
    if found.upgrade_offered && link.security != Security::None {
        match say(&mut pop3, link, &Command::Stls).await? {
            Ok(_) => {
                link.start_tls(found).await?;
                pop3.tls_started();
                found.after = Some(capabilities(&mut pop3, link).await?);
            }
            Err(reply) => found.upgrade_refused = Some(reply.to_string()),
        }
    }
    goodbye(&mut pop3, link).await
}

async fn capabilities(pop3: &mut Connection, link: &mut Link) -> Result<Offer, Trouble> {
    // A server without CAPA refuses it, and offers nothing then.
    let _ = say(pop3, link, &Command::Capa).await?;
    let offered = pop3.capabilities();
    let user = offered.user().then(|| "USER".to_owned());
    Ok(Offer {
        extensions: offered.iter().map(str::to_owned).collect(),
        auth: user
            .into_iter()
            .chain(offered.sasl().map(str::to_owned))
            .collect(),
        size: None,
        limits: None,
        pipelining: offered.pipelining(),
    })
}

async fn goodbye(pop3: &mut Connection, link: &mut Link) -> Result<(), Trouble> {
    link.take_leave();
    let _ = say(pop3, link, &Command::Quit).await;
    Ok(())
}

/// The server's yes, with its words where it had any, or its no.
type Answer = Result<Option<Reply>, Reply>;

async fn say(pop3: &mut Connection, link: &mut Link, command: &Command) -> Result<Answer, Trouble> {
    link.nothing_unasked().await?;
    let mut out = BytesMut::new();
    let sent = pop3.send(command, &mut out);
    sent.map_err(|error| link.nonsense(error))?;
    link.write(&mut out).await?;
    hear(pop3, link).await
}

async fn hear(pop3: &mut Connection, link: &mut Link) -> Result<Answer, Trouble> {
    loop {
        let heard = pop3.receive(&mut link.input);
        match heard.map_err(|error| link.nonsense(error))? {
            Some(Event::Greeting(reply)) => return Ok(Ok(Some(reply))),
            Some(Event::Accepted { reply, request })
                if request != postrider_pop3::Request::Capa =>
            {
                return Ok(Ok(Some(reply)));
            }
            Some(Event::Finished { .. }) => return Ok(Ok(None)),
            Some(Event::Refused { reply, .. }) => return Ok(Err(reply)),
            Some(_) => {}
            None => link.read().await?,
        }
    }
}
