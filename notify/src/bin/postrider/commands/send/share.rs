//! One connection's share of the mails.

use super::Ready;
use postrider_smtp::{
    Cause, Client, Config, Envelope, Error, ErrorKind, Limit, Mail, RcptParameters,
    RecipientOutcome,
};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// Mails by their numbers, with those of their recipients who are still to be told to a server.
type Left = Vec<(usize, Envelope)>;

/// What becomes of a mail, or of all that are left once there is no connection.
pub(super) type News = Result<(usize, Vec<RecipientOutcome>), (Left, Error)>;

/// Sends a share of the mails, and tells of each. What a server takes no more over one connection (RFC 9422, MAILMAX) goes over
/// the next.
pub(super) async fn send(
    config: Config,
    mails: Arc<[Ready]>,
    share: Range<usize>,
    said: UnboundedSender<News>,
) {
    let all = share.filter_map(|index| Some((index, mails.get(index)?.0.clone())));
    let mut left: Left = all.collect();
    while !left.is_empty() {
        let mut client = match Client::connect(&config).await {
            Ok(client) => client,
            Err(error) => {
                let _ = said.send(Err((left, error)));
                return;
            }
        };
        let batch = left.iter();
        let batch = batch.filter_map(|(i, envelope)| Some(Mail::new(envelope, &mails.get(*i)?.1)));
        let batch: Vec<Mail<'_>> = batch.collect();
        let (mut turned_away, mut taken) = (Vec::new(), false);
        let settled = |at: usize, outcomes: Vec<RecipientOutcome>| {
            let Some((index, envelope)) = left.get(at) else {
                return;
            };
            let rest = only(envelope, &outcomes);
            let (late, outcomes): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(is_late);
            taken |= !outcomes.is_empty();
            let _ = said.send(Ok((*index, outcomes)));
            turned_away.extend(rest.map(|rest| ((*index, rest), late)));
        };
        client.send_each(&batch, settled).await;
        client.quit().await;
        if !taken {
            // A connection that takes nothing at all is followed by no other.
            for ((index, _), outcomes) in turned_away {
                let _ = said.send(Ok((index, outcomes)));
            }
            return;
        }
        left = turned_away.into_iter().map(|(rest, _)| rest).collect();
    }
}

/// Whether it came too late for the connection.
fn is_late(outcome: &RecipientOutcome) -> bool {
    match &outcome.cause {
        Cause::Error(error) => matches!(error.kind(), ErrorKind::LimitReached(Limit::MailMax)),
        _ => false,
    }
}

/// The envelope of those who came too late; `None` if nobody did.
fn only(envelope: &Envelope, outcomes: &[RecipientOutcome]) -> Option<Envelope> {
    let late = outcomes.iter().enumerate().filter(|(_, o)| is_late(o));
    let late: Vec<usize> = late.map(|(index, _)| index).collect();
    let to = late.iter().filter_map(|&i| envelope.recipients().get(i));
    let rest = Envelope::new(envelope.reverse_path().clone(), to.cloned().collect()).ok()?;
    let mut parameters = late
        .iter()
        .map(|&i| envelope.recipient_parameters(i).cloned());
    let parameters: Option<Vec<RcptParameters>> = parameters.by_ref().collect();
    let rest = rest.with_parameters(envelope.parameters().clone());
    Some(match parameters {
        Some(parameters) => {
            let places = std::cell::Cell::new(0);
            rest.with_recipient_parameters(|_| {
                let place = places.replace(places.get() + 1);
                parameters.get(place).cloned().unwrap_or_default()
            })
        }
        None => rest,
    })
}
