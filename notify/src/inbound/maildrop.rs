//! The maildrop as the server lists it, and the retrieval of what is in it.

use postrider_pop3::{Client, MessageNumber, Retrieved};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Mails in one batch.
const BATCH: usize = 50;

/// Octets in one batch, by the sizes that the server lists; a single mail may be larger.
const BATCH_OCTETS: u64 = 16 << 20;

/// A mail of the maildrop.
pub(super) struct Listed {
    pub(super) number: MessageNumber,
    pub(super) octets: u64,
    pub(super) uidl: Option<String>,
}

/// The maildrop, and whether every mail in it has a unique-id.
pub(super) async fn list(
    client: &mut Client,
) -> Result<(Vec<Listed>, bool), postrider_pop3::Error> {
    let sizes = client.list().await?;
    let uids = match client.uidl().await {
        Ok(uids) => uids,
        // UIDL is optional (RFC 1939 §7).
        Err(error) if error.reply().is_some() => Vec::new(),
        Err(error) => return Err(error),
    };
    let whole = uids.len() == sizes.len();
    let uids: HashMap<MessageNumber, String> = uids
        .into_iter()
        .map(|(number, uid)| (number, uid.to_string()))
        .collect();
    let listed = sizes.into_iter().map(|scan| Listed {
        number: scan.number,
        octets: scan.octets,
        uidl: uids.get(&scan.number).cloned(),
    });
    Ok((listed.collect(), whole))
}

/// The mails in batches, bounded by number and by octets.
pub(super) fn batches(mails: Vec<Listed>) -> Vec<Vec<Listed>> {
    let mut batches: Vec<Vec<Listed>> = Vec::new();
    let mut octets = 0;
    for mail in mails {
        octets += mail.octets;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && octets <= BATCH_OCTETS => batch.push(mail),
            _ => {
                octets = mail.octets;
                batches.push(vec![mail]);
            }
        }
    }
    batches
}

/// A mail that came whole: its number, its unique-id, and its octets.
pub(super) type RetrievedMail = (MessageNumber, Option<String>, Vec<u8>);

/// The error that broke a session, and the unique-id of the mail at which it did.
pub(super) type Broken = (postrider_pop3::Error, Option<String>);

/// Retrieves a batch: the mails that came whole, and what broke the connection on the way, if anything did.
pub(super) async fn retrieve(
    client: &mut Client,
    batch: Vec<Listed>,
    left: &mut Vec<String>,
) -> (Vec<RetrievedMail>, Option<Broken>) {
    let numbers: Vec<MessageNumber> = batch.iter().map(|l| l.number).collect();
    let mut awaited = batch.into_iter();
    let mut whole = Vec::new();
    let mut current = Vec::new();
    let result = client
        .retr_many(&numbers, |piece| {
            match piece {
                Retrieved::Chunk { bytes, .. } => current.extend_from_slice(bytes),
                Retrieved::End { number, .. } => {
                    let mail = awaited.find(|mail| mail.number == number);
                    let uidl = mail.and_then(|mail| mail.uidl);
                    whole.push((number, uidl, std::mem::take(&mut current)));
                }
                Retrieved::Refused { number, reply } => {
                    current.clear();
                    awaited.find(|mail| mail.number == number);
                    let what = format!("message {number} was not given to us: {reply}");
                    left.push(what);
                }
            }
            ControlFlow::Continue(())
        })
        .await;
    let broken = result.err();
    let broken = broken.map(|error| (error, awaited.next().and_then(|mail| mail.uidl)));
    (whole, broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_by_number_and_octets() {
        let mails = |octets: &[u64]| -> Vec<Listed> {
            let numbered = octets.iter().zip(1u32..);
            numbered
                .map(|(&octets, n)| Listed {
                    number: MessageNumber::new(n).unwrap(),
                    octets,
                    uidl: None,
                })
                .collect()
        };
        let sizes = |octets: &[u64]| -> Vec<usize> {
            batches(mails(octets)).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[1; 120]), [50, 50, 20]);
        assert_eq!(sizes(&[10 << 20, 10 << 20, 1, 40 << 20, 1]), [1, 2, 1, 1]);
    }
}
