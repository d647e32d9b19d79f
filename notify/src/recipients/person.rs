//! From a person to addresses: what they have switched off, where they want to be told, when, and who stands in for them.

use super::{Actor, Hold, Recipient, Search, is_false, text};
use crate::address::is_address;
use crate::email_digest::interval;
use crate::notification::Delivery;
use crate::record::{Fields, RecordKey};
use crate::schedule::{Schedule, time_zone};
use crate::store::StoreError;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// What a person has said about being told.
struct Wishes {
    records: Vec<(RecordKey, Fields)>,
}

/// An address of a person.
struct Device<'w> {
    /// The record, if there is one; without it, this is the address that the user has.
    fields: Option<&'w Fields>,
    address: String,
    name: String,
}

/// Somebody on the way to being told.
struct Person<'p> {
    id: &'p str,
    fields: &'p Fields,
    via: &'p str,
}

impl Wishes {
    fn of<'w>(&'w self, table: &'w str) -> impl Iterator<Item = &'w Fields> {
        let of_table = move |(key, _): &&(RecordKey, Fields)| key.table == table;
        self.records
            .iter()
            .filter(of_table)
            .map(|(_, fields)| fields)
    }

    fn preference(&self, notification: &str) -> Option<&(RecordKey, Fields)> {
        self.records.iter().find(|(key, fields)| {
            key.table == "notification_preference" && text(fields, "notification") == notification
        })
    }

    /// The primary address first: the device that calls itself so, else the address of the user.
    fn devices(&self, user: &Fields) -> Vec<Device<'_>> {
        let own = text(user, "email").trim();
        let device = |fields| Device {
            fields: Some(fields),
            address: text(fields, "email").trim().to_owned(),
            name: text(fields, "name").to_owned(),
        };
        let mut devices: Vec<Device<'_>> = self.of("notification_device").map(device).collect();
        let is_primary = |device: &Device<'_>| {
            let marked = device
                .fields
                .is_some_and(|fields| fields.get("primary") == Some(&Value::Bool(true)));
            marked || device.address.eq_ignore_ascii_case(own)
        };
        if !devices.iter().any(is_primary) {
            let primary = Device {
                fields: None,
                address: own.to_owned(),
                name: String::new(),
            };
            devices.insert(0, primary);
        }
        devices.sort_by_key(|device| !is_primary(device) && device.fields.is_some());
        devices
    }

    /// Who stands in at this moment.
    fn delegates(&self, now: Timestamp) -> Vec<String> {
        let moment = |fields: &Fields, name: &str| text(fields, name).parse::<Timestamp>().ok();
        let stands_in = |fields: &&Fields| {
            !is_false(fields, "notifications")
                && moment(fields, "starts").is_none_or(|starts| starts <= now)
                && moment(fields, "ends").is_none_or(|ends| now < ends)
        };
        self.of("user_delegate")
            .filter(stands_in)
            .map(|fields| text(fields, "delegate").to_owned())
            .filter(|delegate| !delegate.is_empty())
            .collect()
    }
}

impl Search<'_> {
    /// A text that has to be exactly one address.
    pub(super) fn address(&mut self, address: &str, via: &str) -> Result<(), StoreError> {
        let address = address.trim();
        if !is_address(address) {
            self.exclude(
                &shown(address),
                via,
                "invalid_address",
                "not exactly one address",
            );
            return Ok(());
        }
        if let Some(user) = self.around.directory.user_by_address(address)? {
            return self.user(&user, via);
        }
        let preference = self.preference_of(address)?;
        if let Some(why) = self.switched_off(preference.as_ref()) {
            self.exclude(address, via, "opted_out", why);
            return Ok(());
        }
        let hold = match self.hold(None)? {
            Ok(hold) => hold,
            Err(why) => {
                self.exclude(address, via, "device_schedule", why);
                return Ok(());
            }
        };
        let fields = preference.as_ref().map(|(_, fields)| fields);
        self.add(Recipient {
            user: None,
            name: String::new(),
            address: address.to_owned(),
            via: via.to_owned(),
            locale: String::new(),
            time_zone: String::new(),
            hold,
            digest: interval(self.notification, fields),
        })
    }

    /// What was said of an address, by answers from it or by whoever set it: that holds there, whoever has it.
    fn preference_of(&self, address: &str) -> Result<Option<(RecordKey, Fields)>, StoreError> {
        let rows = self.around.directory.records_where(
            "notification_preference",
            "address",
            &address.to_lowercase(),
        )?;
        let name = &self.notification.name;
        let mut of_this = rows.into_iter();
        Ok(of_this.find(|(_, fields)| text(fields, "notification") == name))
    }

    /// Why an address with this preference is not told.
    fn switched_off(&self, preference: Option<&(RecordKey, Fields)>) -> Option<String> {
        let (key, fields) = preference?;
        let off = self.notification.delivery == Delivery::Optional && is_false(fields, "active");
        off.then(|| format!("{key} switches it off"))
    }

    /// A user without those who stand in for them.
    pub(super) fn alone(&mut self, id: &str, via: &str) -> Result<(), StoreError> {
        let Some((fields, wishes)) = self.willing(id, via)? else {
            return Ok(());
        };
        let person = Person {
            id,
            fields: &fields,
            via,
        };
        self.at_devices(&person, &wishes)
    }

    /// A user, and whoever stands in for them.
    pub(super) fn user(&mut self, id: &str, via: &str) -> Result<(), StoreError> {
        let Some((fields, wishes)) = self.willing(id, via)? else {
            return Ok(());
        };
        let person = Person {
            id,
            fields: &fields,
            via,
        };
        self.at_devices(&person, &wishes)?;
        let recipients = &self.notification.recipients;
        let caused_it = self.is_actor(Some(id), "").is_some();
        if recipients.exclude_delegates || caused_it {
            return Ok(());
        }
        for delegate in wishes.delegates(self.around.now) {
            let via = format!("{via}, delegate of {id}");
            if let Some((fields, wishes)) = self.willing(&delegate, &via)? {
                let person = Person {
                    id: &delegate,
                    fields: &fields,
                    via: &via,
                };
                self.at_devices(&person, &wishes)?;
            }
        }
        Ok(())
    }

    /// A user who is there, and wants this notification; everybody else is excluded.
    fn willing(&mut self, id: &str, via: &str) -> Result<Option<(Fields, Wishes)>, StoreError> {
        let Some(fields) = self.fields("user", id)? else {
            let why = format!("there is no user {id}");
            self.exclude("", via, "unknown_recipient", why);
            return Ok(None);
        };
        let address = text(&fields, "email").trim().to_owned();
        let delivery = self.notification.delivery;
        if is_false(&fields, "active") {
            let why = format!("the user {id} is not active");
            self.exclude(&address, via, "user_inactive", why);
            return Ok(None);
        }
        if is_false(&fields, "notification") && delivery != Delivery::Forced {
            let why = format!("the user {id} wants no notifications");
            self.exclude(&address, via, "user_notification_disabled", why);
            return Ok(None);
        }
        let wishes = Wishes {
            records: self.around.directory.personal(id)?,
        };
        let preference = wishes.preference(&self.notification.name);
        let opted_out = preference.filter(|(_, fields)| is_false(fields, "active"));
        if let (Some((key, _)), Delivery::Optional) = (opted_out, delivery) {
            let why = format!("the user {id} has switched it off: {key}");
            self.exclude(&address, via, "opted_out", why);
            return Ok(None);
        }
        Ok(Some((fields, wishes)))
    }

    /// Each of a person's addresses that takes this notification.
    fn at_devices(&mut self, person: &Person<'_>, wishes: &Wishes) -> Result<(), StoreError> {
        let id = person.id;
        for device in wishes.devices(person.fields) {
            let via = match device.name.is_empty() {
                true => person.via.to_owned(),
                false => format!("{}, device {}", person.via, device.name),
            };
            if let Some((verdict, why)) = self.device_obstacle(id, &device) {
                self.exclude(&shown(&device.address), &via, verdict, why);
                continue;
            }
            let of_address = self.preference_of(&device.address)?;
            if let Some(why) = self.switched_off(of_address.as_ref()) {
                self.exclude(&device.address, &via, "opted_out", why);
                continue;
            }
            let hold = match self.hold(Some((person, &device)))? {
                Ok(hold) => hold,
                Err(why) => {
                    self.exclude(&device.address, &via, "device_schedule", why);
                    continue;
                }
            };
            let chosen = of_address.as_ref();
            let chosen = chosen.filter(|(_, fields)| fields.contains_key("digest"));
            let chosen = chosen.or_else(|| wishes.preference(&self.notification.name));
            let digest = interval(self.notification, chosen.map(|(_, fields)| fields));
            self.add(Recipient {
                user: Some(id.to_owned()),
                name: text(person.fields, "name").to_owned(),
                address: device.address,
                via,
                locale: text(person.fields, "locale").to_owned(),
                time_zone: text(person.fields, "time_zone").to_owned(),
                hold,
                digest,
            })?;
        }
        Ok(())
    }

    /// Why an address of a user takes no such notification.
    fn device_obstacle(&self, id: &str, device: &Device<'_>) -> Option<(&'static str, String)> {
        if device.address.is_empty() {
            return Some(("no_address", format!("the user {id} has no address")));
        }
        if !is_address(&device.address) {
            let why = format!("of the user {id}: not exactly one address");
            return Some(("invalid_address", why));
        }
        let fields = device.fields?;
        if is_false(fields, "active") {
            let why = format!("the device {} of {id} is not active", device.name);
            return Some(("device_inactive", why));
        }
        let taken = text(fields, "notifications");
        let name = &self.notification.name;
        let takes = taken.trim().is_empty() || taken.split(',').any(|taken| taken.trim() == name);
        if !takes && self.notification.delivery != Delivery::Forced {
            let why = format!("the device {} of {id} takes only {taken}", device.name);
            return Some(("device_filter", why));
        }
        None
    }

    /// Until when a mail waits: for the schedules of the notification, and of the user and the device if it goes to one, all of
    /// them open at once.
    fn hold(
        &self,
        user: Option<(&Person<'_>, &Device<'_>)>,
    ) -> Result<Result<Option<Hold>, String>, StoreError> {
        let mut schedules = Vec::new();
        if let Some((person, device)) = user
            && self.notification.delivery != Delivery::Forced
        {
            let of_device = device.fields.map_or("", |fields| text(fields, "schedule"));
            let own = [
                (text(person.fields, "schedule"), "the user ", person.id),
                (of_device, "the device ", device.name.as_str()),
            ];
            for (schedule, whose, name) in own {
                schedules.extend(self.schedule(schedule, &format!("{whose}{name}"))?);
            }
        }
        let of_notification = self.notification.schedule.as_deref().unwrap_or_default();
        schedules.extend(self.schedule(of_notification, "the notification")?);
        let zone = user.map_or("", |(person, _)| text(person.fields, "time_zone"));
        let zone = time_zone(zone).unwrap_or(TimeZone::UTC);
        Ok(wait(&schedules, self.around.now, &zone))
    }

    /// A schedule by its id, with what it is called; one that is not there, or cannot be read, closes nothing.
    fn schedule(&self, id: &str, whose: &str) -> Result<Option<(Schedule, String)>, StoreError> {
        if id.is_empty() {
            return Ok(None);
        }
        let fields = self.fields("schedule", id)?;
        let schedule = fields.and_then(|fields| Schedule::of(&fields).ok());
        Ok(schedule.map(|schedule| (schedule, format!("schedule {id} of {whose}"))))
    }

    fn add(&mut self, recipient: Recipient) -> Result<(), StoreError> {
        match self.obstacle(recipient.user.as_deref(), &recipient.address)? {
            Some((verdict, detail)) => {
                self.exclude(&recipient.address, &recipient.via, verdict, detail);
            }
            None => {
                self.told
                    .insert(recipient.address.to_lowercase(), recipient.via.clone());
                self.chosen.recipients.push(recipient);
            }
        }
        Ok(())
    }

    /// Why this one is not told, if it is whoever caused the event.
    fn is_actor(&self, user: Option<&str>, address: &str) -> Option<&'static str> {
        let is = |actor: &&Actor| {
            (user.is_some() && user == actor.id.as_deref())
                || (!actor.address.is_empty() && actor.address == address)
        };
        self.actor.as_ref().filter(is).map(|actor| actor.why)
    }

    /// What keeps an address that is good in itself from being told.
    fn obstacle(
        &self,
        user: Option<&str>,
        address: &str,
    ) -> Result<Option<(&'static str, String)>, StoreError> {
        let folded = address.to_lowercase();
        if let Some(why) = self.is_actor(user, &folded) {
            return Ok(Some(("excluded_actor", why.into())));
        }
        if self.around.own.contains(&folded) {
            let why = "belongs to an account of ours".into();
            return Ok(Some(("own_address", why)));
        }
        if let Some(first) = self.told.get(&folded) {
            return Ok(Some(("duplicate", format!("is told already: {first}"))));
        }
        let around = &self.around;
        let suppressed = around
            .directory
            .suppressed(address, around.account, around.now)?;
        Ok(suppressed.map(|suppression| {
            let until = suppression
                .until
                .map_or(String::new(), |until| format!(" until {until}"));
            let detail = format!(
                "{}{until}: {}",
                suppression.reason.name(),
                suppression.detail
            );
            ("suppressed", detail.trim_end_matches([':', ' ']).to_owned())
        }))
    }
}

/// The first moment at which all schedules are open; `Err` names the one that never is.
fn wait(
    schedules: &[(Schedule, String)],
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Option<Hold>, String> {
    /// Schedules that keep missing each other for so long never meet.
    const ROUNDS: usize = 1_000;
    let mut until = now;
    let mut reason = "";
    for _ in 0..ROUNDS {
        let before = until;
        for (schedule, name) in schedules {
            let opens = schedule
                .opens(until, zone)
                .ok_or_else(|| format!("the {name} never opens"))?;
            if opens > until {
                (until, reason) = (opens, name);
            }
        }
        if until == before {
            return Ok((until > now).then(|| Hold {
                until,
                reason: reason.to_owned(),
            }));
        }
    }
    Err(format!(
        "the {reason} and the others are never open at once"
    ))
}

/// What was taken for an address, short and without control characters.
fn shown(address: &str) -> String {
    let start = address.chars().take(80);
    start.flat_map(char::escape_debug).collect()
}
