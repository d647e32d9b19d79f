//! `postrider mailbox URL`: what lies in a POP3 mailbox, without fetching it.

use crate::exit::{Failure, Result};
use crate::login::LoginArgs;
use crate::output;
use crate::url::{Protocol, ServerUrl};
use postrider_mime::Message;
use postrider_pop3::{
    Client, Error, ErrorKind, MessageNumber, Retrieved, ScanListing, Transcript, UniqueId,
};
use serde_json::json;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Headers are shown from so many octets. What is longer is cut off.
const HEADER: usize = 256 << 10;

/// A server without TOP has to send the whole message; larger ones stay without date and subject.
const WHOLE: u64 = 1 << 20;

/// List the messages in a POP3 mailbox: number, size, date, sender, subject. Nothing is changed there.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The mailbox: pop3s://USER@HOST or, for TLS by STLS, pop3://USER@HOST; a port may follow
    url: String,
    /// Only the last so many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    last: usize,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    login: LoginArgs,
}

/// A message as it is listed.
struct Row {
    listing: ScanListing,
    uid: Option<UniqueId>,
    /// Empty where the server would not show it.
    header: Vec<u8>,
}

pub(crate) async fn run(args: Args) -> Result {
    let url = ServerUrl::parse(&args.url, Protocol::Pop3)?.with_user()?;
    let config = args.login.pop3(&url, Transcript::off())?;
    let failed = |error: Error| ServerUrl::in_its_words(Failure::pop3("mailbox", &error));
    let mut client = Client::connect(&config).await.map_err(failed)?;
    let Listed {
        rows,
        count,
        retrieved,
    } = list(&mut client, args.last).await.map_err(failed)?;
    // Everything has been read. At QUIT a server may take every RETR for a DELE (RFC 2449 §6.7), and only then.
    if !retrieved {
        let _ = client.quit().await;
    }
    if args.json {
        rows.iter().for_each(object);
    } else {
        output::line(table(&rows));
    }
    if rows.len() < count {
        let shown = rows.len();
        output::remark(format!(
            "the last {shown} of {count} messages; --last {count} shows all"
        ));
    }
    Ok(())
}

/// The last messages.
#[derive(Default)]
struct Listed {
    rows: Vec<Row>,
    /// How many there are in all.
    count: usize,
    /// Some were retrieved, for want of TOP.
    retrieved: bool,
}

async fn list(client: &mut Client, last: usize) -> std::result::Result<Listed, Error> {
    // An empty maildrop has nothing to list, and some servers say so with -ERR.
    if client.stat().await?.count == 0 {
        return Ok(Listed::default());
    }
    let mut listings = client.list().await?;
    let mut uids = uids(client).await?;
    let count = listings.len();
    listings.drain(..count.saturating_sub(last));
    let (mut headers, retrieved) = headers(client, &listings).await?;
    let row = |listing: ScanListing| Row {
        uid: uids.remove(&listing.number),
        header: headers.remove(&listing.number).unwrap_or_default(),
        listing,
    };
    Ok(Listed {
        rows: listings.into_iter().map(row).collect(),
        count,
        retrieved,
    })
}

/// The unique-ids, if the server has any.
async fn uids(client: &mut Client) -> std::result::Result<HashMap<MessageNumber, UniqueId>, Error> {
    match client.uidl().await {
        Ok(uids) => Ok(uids.into_iter().collect()),
        Err(error) if is_refusal(&error) => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}

type Headers = HashMap<MessageNumber, Vec<u8>>;

/// The headers, by TOP if the server has it, whatever it says of itself; many are asked for at a time. And whether messages
/// were retrieved instead.
async fn headers(
    client: &mut Client,
    listings: &[ScanListing],
) -> std::result::Result<(Headers, bool), Error> {
    let Some(first) = listings.first() else {
        return Ok((Headers::new(), false));
    };
    let mut headers = Headers::new();
    let has_top = match client.capabilities().top() {
        true => true,
        false => match client.top(first.number, 0, |_| ()).await {
            Err(error) if is_refusal(&error) => false,
            result => result.map(|_| true)?,
        },
    };
    let small = |listing: &&ScanListing| has_top || listing.octets <= WHOLE;
    let numbers = listings.iter().filter(small).map(|l| l.number);
    let numbers: Vec<_> = numbers.collect();
    let take = |retrieved: Retrieved<'_>| {
        match retrieved {
            Retrieved::Chunk { number, bytes } => keep(headers.entry(number).or_default(), bytes),
            // It stays without date and subject.
            Retrieved::Refused { .. } | Retrieved::End { .. } => {}
        }
        ControlFlow::Continue(())
    };
    match has_top {
        true => client.top_many(&numbers, 0, take).await?,
        false => client.retr_many(&numbers, take).await?,
    }
    Ok((headers, !has_top && !numbers.is_empty()))
}

fn keep(header: &mut Vec<u8>, bytes: &[u8]) {
    let room = HEADER.saturating_sub(header.len()).min(bytes.len());
    header.extend(bytes.iter().take(room));
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Refused(_))
}

fn table(rows: &[Row]) -> String {
    let row = |row: &Row| {
        let message = Message::parse(&row.header);
        let date = message.date().map(|date| date.to_rfc3339());
        vec![
            row.listing.number.to_string(),
            row.listing.octets.to_string(),
            date.unwrap_or_default().replace('T', " ").replace('Z', ""),
            sender(&message).unwrap_or_default(),
            message.subject().unwrap_or_default().trim().to_owned(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(&["NO", "OCTETS", "DATE (UTC)", "FROM", "SUBJECT"], &rows)
}

fn object(row: &Row) {
    let message = Message::parse(&row.header);
    output::line(json!({
        "number": row.listing.number.value(),
        "uid": row.uid.as_ref().map(UniqueId::as_str),
        "octets": row.listing.octets,
        "date": message.date().map(|date| date.to_rfc3339()),
        "from": sender(&message),
        "subject": message.subject().map(|subject| subject.trim().to_owned()),
    }));
}

/// The author as people are called: by the name, or else by the address.
fn sender(message: &Message<'_>) -> Option<String> {
    let from = message.headers().find(|field| field.is("From"))?;
    let addresses = from.addresses();
    let author = addresses.mailboxes().next()?;
    let address = author.address.as_deref();
    Some(
        match author.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => format!("{name} <{}>", address.unwrap_or_default()),
            None => address?.to_owned(),
        },
    )
}
