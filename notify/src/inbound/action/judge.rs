//! Whether an action is for a mail, and the term that decides.

use super::context::MailView;
use super::{ActionError, Actions, Incoming};
use crate::condition::Verdict;
use crate::inbound::Class;
use crate::inbound::query::MailQuery;
use crate::inbound::rule::InboundAction;
use crate::inbound::verdict::ActionVerdict;
use crate::notification::Condition;
use crate::template::{Context, TemplateError};
use serde_json::Value;

/// What is asked, and how far the actions have come.
pub(super) struct Seen<'a> {
    pub(super) mail: &'a MailView,
    pub(super) sender: &'a Value,
    pub(super) context: &'a Context,
    pub(super) class: Class,
    /// The action that was the last to run.
    pub(super) last: Option<&'a str>,
}

/// Whether an action takes a mail.
pub(super) enum Judged {
    /// It does, because of this.
    Takes(String),
    /// It does not.
    Not(ActionVerdict),
}

/// The table of the record whose fields an action's condition may name: that of new mail is about none yet.
pub(crate) fn table_of(action: &InboundAction) -> Option<&str> {
    let about_nothing = [Class::New, Class::Forward];
    let new = action
        .classes
        .iter()
        .any(|class| about_nothing.contains(class));
    (!new).then_some(action.table.as_str())
}

impl Actions {
    pub(super) fn judge(
        &self,
        action: &InboundAction,
        query: Option<&MailQuery>,
        incoming: &Incoming<'_>,
        seen: &Seen<'_>,
    ) -> Result<Judged, ActionError> {
        let not = |verdict, detail: String| {
            Ok(Judged::Not(ActionVerdict::new(
                &action.name,
                verdict,
                detail,
            )))
        };
        if !action.takes(seen.class) {
            return not("other_class", format!("the mail is {}", seen.class.name()));
        }
        let other = incoming
            .record
            .filter(|record| record.key.table != action.table);
        if let Some(record) = other {
            return not("other_table", format!("it is about {}", record.key));
        }
        if !action.active {
            return not("inactive", String::new());
        }
        if let Some(last) = seen.last {
            return not("stopped", format!("{last} was the last"));
        }
        let verdict = self.asked(action, query, incoming, seen)?;
        if verdict.holds {
            return Ok(Judged::Takes(verdict.because));
        }
        not("condition_false", verdict.because)
    }

    fn asked(
        &self,
        action: &InboundAction,
        query: Option<&MailQuery>,
        incoming: &Incoming<'_>,
        seen: &Seen<'_>,
    ) -> Result<Verdict, ActionError> {
        let failed = |error: TemplateError| match error {
            TemplateError::Store(error) => ActionError::Store(error),
            error => ActionError::of(action, error),
        };
        match (&action.condition, query) {
            (None, _) => Ok(Verdict {
                holds: true,
                because: "no condition".to_owned(),
            }),
            (Some(Condition::Expression(text)), _) => self
                .config
                .templates
                .verdict(text, seen.context)
                .map_err(failed),
            (Some(Condition::Query(_)), Some(query)) => {
                let (mail, sender) = (seen.mail.json(), seen.sender);
                Ok(query.ask(
                    mail,
                    sender,
                    incoming.record,
                    &*self.directory,
                    incoming.now,
                )?)
            }
            // Such a configuration does not load; one put together by hand could be so.
            (Some(Condition::Query(text)), None) => {
                Err(ActionError::of(action, format!("`{text}` cannot be read")))
            }
        }
    }
}
