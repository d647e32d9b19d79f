//! The setting or the record that decided, and where it stands.

use crate::config::Config;
use crate::notification::Condition;
use crate::outgoing::{Match, MatchVerdict, RecipientVerdict};
use crate::recipients::BY_A_LIST;
use std::fmt;

/// What decided: a setting of the configuration, or a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it is called: `condition`, `send_to_event_creator is not set`, `user/bob`.
    pub name: String,
    /// `postrider.toml:31`, if it stands in the configuration.
    pub place: Option<String>,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place} {}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Decision {
    /// What decided whether a notification applied. By the configuration as it is now; `None` if it does not have it any more,
    /// or the detail of the match says it all.
    pub fn of_match(config: &Config, found: &Match) -> Option<Self> {
        let notification = config.notification(&found.notification)?;
        let key = match (found.verdict, &notification.condition) {
            (MatchVerdict::Inactive, _) => "active",
            (MatchVerdict::WeightLost, _) => "weight",
            (MatchVerdict::RenderError | MatchVerdict::Error, _) => return None,
            (MatchVerdict::NoRecipients, _) | (_, None) => "",
            (_, Some(Condition::Query(_))) => "condition",
            (_, Some(Condition::Expression(_))) => "expression",
        };
        Some(setting(config, &notification.name, key))
    }

    /// What decided about one person. `None` where the detail of the verdict says it all.
    pub fn of_person(config: &Config, found: &Match, row: &RecipientVerdict) -> Option<Self> {
        let detail = row.detail.as_str();
        match row.verdict {
            "excluded_actor" if detail == BY_A_LIST => None,
            "excluded_actor" => Some(setting(
                config,
                &found.notification,
                "send_to_event_creator",
            )),
            "weight_lost" => Some(setting(config, &found.notification, "weight")),
            "quiet_hours" | "device_schedule" => schedule(config, detail),
            "denied_domain" => {
                let key = detail.split('`').nth(1)?;
                let place = config.places.of_setting(&["outgoing", key]);
                let name = key.to_owned();
                Some(Self { name, place })
            }
            "user_inactive" | "user_notification_disabled" | "no_address" | "group_inactive" => {
                person(config, detail)
            }
            "suppressed" => Some(Self {
                name: format!("postrider suppression remove {}", row.address),
                place: None,
            }),
            _ => None,
        }
    }
}

/// A setting of a notification; where it is not set, the head of the notification. Without a key, the whole notification.
fn setting(config: &Config, notification: &str, key: &str) -> Decision {
    let of = |path: &[&str]| config.places.of_setting(path);
    if !key.is_empty()
        && let Some(place) = of(&["notification", notification, key])
    {
        let (name, place) = (key.to_owned(), Some(place));
        return Decision { name, place };
    }
    Decision {
        name: match key {
            "" => format!("[notification.{notification}]"),
            key => format!("{key} is not set"),
        },
        place: of(&["notification", notification]),
    }
}

/// `… schedule office of the user ada …`
fn schedule(config: &Config, detail: &str) -> Option<Decision> {
    let (_, rest) = detail.split_once("schedule ")?;
    let id = rest.split(' ').next()?;
    Some(record(config, "schedule", id))
}

/// `the user bob …` or `the group night …`
fn person(config: &Config, detail: &str) -> Option<Decision> {
    let mut words = detail.strip_prefix("the ")?.split(' ');
    let (table, id) = (words.next()?, words.next()?);
    matches!(table, "user" | "group").then(|| record(config, table, id))
}

/// A record; where it began in the configuration, if it did.
fn record(config: &Config, table: &str, id: &str) -> Decision {
    Decision {
        name: format!("{table}/{id}"),
        place: config.places.of_setting(&[table, id]),
    }
}
