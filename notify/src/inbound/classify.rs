//! What kind of mail it is, and which record it belongs to; the evidence is kept.
//!
//! The order of the rules, the first that fits decides:
//! 1. our own mail come back, a delivery report, an automatic answer (RFC 3834): never acted upon;
//! 2. a signed token in an address that the mail came to, **and** the sender it was made for;
//! 3. a forward: the subject says so and the text shows a forwarded head;
//! 4. In-Reply-To and References naming a mail of ours or holding a token, **and** its recipient as the sender;
//! 5. a token anywhere in the text, **and** the sender it was made for;
//! 6. a record number in the subject of a reply, **and** a sender who has to do with the record;
//! 7. new.
//!
//! A rule whose first half fits and whose second does not leaves a doubt. If no later rule settles
//! it, the mail is held for a person, because neither writing to the record nor making a new one is right.

use super::Class;
use super::author::Author;
use super::automatic;
use super::involved::involvement;
use super::mail::Mail;
use super::policy::{Policy, Strangers, Treatment};
use super::report::{Report, Reported};
use super::spam;
use super::subject;
use super::text;
use crate::delivery::is_hard;
use crate::outgoing::{DeliveryId, LogRow};
use crate::record::RecordKey;
use crate::schema::Schema;
use crate::store::{Store, StoreError};
use crate::suppression::Reason;
use crate::token::{ReplyToken, Signer};

/// What `matched_by` says where a person has decided.
pub(super) const PERSON: &str = "person";

/// At most so many Message-IDs of a References field are looked up.
const MAX_REFERENCES: usize = 50;

/// What classifying needs to know.
#[derive(Clone, Copy)]
pub struct Classifier<'a> {
    /// Records, users and the log of what was sent.
    pub store: &'a dyn Store,
    /// The schema, for record numbers.
    pub schema: &'a Schema,
    /// Verifies reply tokens.
    pub signer: &'a Signer,
    /// The addresses that we send from: mail from them is our own.
    pub own: &'a [String],
    /// How mail is taken.
    pub policy: &'a Policy,
}

/// What a mail is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// Its class.
    pub class: Class,
    /// The rule that decided, with its evidence behind a colon.
    pub matched_by: String,
    /// The record it belongs to.
    pub record: Option<RecordKey>,
    /// Whether it may be acted upon.
    pub verdict: Verdict,
    /// For a report about a mail of ours: the recipient who shall get no more.
    pub bounced: Option<Bounced>,
}

/// A recipient of ours whose address does not work, or who does not want our mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounced {
    /// The mail that the report is about.
    pub delivery: DeliveryId,
    /// True if it did not arrive; a complaint is about one that did.
    pub failed: bool,
    /// The remote server's words.
    pub words: String,
    /// The address, as we wrote to it.
    pub address: String,
    /// The SMTP account that we wrote by.
    pub account: String,
    /// [`Reason::Hard`], [`Reason::Soft`] or [`Reason::Complaint`].
    pub reason: Reason,
    /// What the report says.
    pub detail: String,
}

/// Whether a mail may be acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Act,
    /// No, and nobody needs to look at it: why.
    Ignore(String),
    /// A person must decide: why.
    Hold(String),
    /// It becomes a comment and nothing else, because its writer was not asked: why.
    Comment(String),
}

/// What one rule found.
pub(super) enum Found {
    /// It fits.
    Record(Classification),
    /// It would fit, but for the sender; the record, if there is no other doubt.
    Doubt(String, Option<RecordKey>),
    /// It does not apply.
    Nothing,
}

impl Classifier<'_> {
    /// Classifies a mail of this author.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read. Nothing about the mail itself is an error.
    pub fn classify(&self, mail: &Mail, author: &Author) -> Result<Classification, StoreError> {
        if let Some(machine) = self.machine(mail, author)? {
            return Ok(machine);
        }
        let found = self.asked(mail, author)?;
        if let Some(why) = spam::suspicion(mail, self.policy) {
            let verdict = match self.policy.spam {
                Treatment::Accept => None,
                Treatment::Hold => Some(Verdict::Hold(why)),
                Treatment::Ignore => Some(Verdict::Ignore(why)),
            };
            if let Some(verdict) = verdict {
                return Ok(Classification {
                    class: Class::Spam,
                    verdict,
                    ..found
                });
            }
        }
        Ok(self.guest(found, author))
    }

    /// Mail of somebody who is no active user, and answers no mail of ours; also what may only be a comment.
    fn guest(&self, found: Classification, author: &Author) -> Classification {
        if author.user.is_some() || found.is_proven() {
            return found;
        }
        let mut why = format!("{} is no active user", author.address);
        let mut in_doubt = false;
        match &found.verdict {
            Verdict::Hold(_) | Verdict::Ignore(_) => return found,
            Verdict::Comment(doubt) => {
                why = format!("{why}; {doubt}");
                in_doubt = true;
            }
            Verdict::Act => {}
        }
        let verdict = match self.policy.guest(author.domain()) {
            Treatment::Accept => return found,
            Treatment::Hold => Verdict::Hold(why),
            Treatment::Ignore => Verdict::Ignore(why),
        };
        // What is held in doubt is bound to nothing.
        Classification {
            record: found.record.filter(|_| !in_doubt),
            verdict,
            ..found
        }
    }

    /// The rules for what people write.
    fn asked(&self, mail: &Mail, author: &Author) -> Result<Classification, StoreError> {
        let mut found = self.written(mail, author)?;
        if let Some(answer) = mail.calendar {
            found.class = Class::Calendar;
            if found.record.is_none() && found.verdict == Verdict::Act {
                let why = format!(
                    "an answer to an invitation ({}), to none of ours",
                    answer.name()
                );
                found.verdict = Verdict::Ignore(why);
            }
        }
        Ok(found)
    }

    fn written(&self, mail: &Mail, author: &Author) -> Result<Classification, StoreError> {
        let mut doubts = Vec::new();
        let mut about = None;
        match self.token(mail, author)? {
            Found::Record(found) => return Ok(found),
            Found::Doubt(why, record) => {
                doubts.push(why);
                about = record;
            }
            Found::Nothing => {}
        }
        if doubts.is_empty() && is_forward(mail) {
            let by = format!("none: forwarded, {:?}", mail.subject);
            return Ok(Classification::act(Class::Forward, by, None));
        }
        let rules = [
            self.references(mail, author)?,
            self.named_token(mail, author)?,
            self.quoted_token(mail, author)?,
            self.number(mail, author)?,
        ];
        for rule in rules {
            match rule {
                // A token made for somebody else outweighs what a subject says.
                Found::Record(found) if doubts.is_empty() || found.is_proven() => {
                    return Ok(found);
                }
                Found::Record(_) | Found::Nothing => {}
                Found::Doubt(why, record) => {
                    doubts.push(why);
                    about = about.or(record);
                }
            }
        }
        if doubts.is_empty() {
            return Ok(Classification::act(Class::New, "none".into(), None));
        }
        let why = doubts.join("; ");
        let comment = self.policy.strangers == Strangers::Comment && about.is_some();
        Ok(Classification {
            class: Class::Reply,
            matched_by: "none".into(),
            record: about.filter(|_| comment),
            verdict: if comment {
                Verdict::Comment(why)
            } else {
                Verdict::Hold(why)
            },
            bounced: None,
        })
    }

    /// Mail that no person wrote.
    fn machine(&self, mail: &Mail, author: &Author) -> Result<Option<Classification>, StoreError> {
        let ours = match &mail.message_id {
            Some(id) => self.store.delivery_by_message_id(id)?,
            None => None,
        };
        if let (None, Some(report)) = (&ours, &mail.report) {
            return self.reported(mail, report).map(Some);
        }
        let (class, by, record, why) = if let Some(row) = ours {
            let by = format!("message_id: delivery {}", row.delivery);
            let why = "it is our own mail, come back (a loop)".to_owned();
            (Class::Auto, by, row.mail.record, why)
        } else if let Some((field, by)) = self.passed_by_us(mail) {
            let why = format!("it has been here before (a loop): {field}: {by}");
            (Class::Auto, "none".to_owned(), None, why)
        } else if let Some(field) = mail.automatic.as_ref().or_else(|| self.mass(mail)) {
            let why = format!("no person wrote it: {field}");
            (Class::Auto, "none".to_owned(), None, why)
        } else if let Some(list) = mail.list.as_ref().filter(|list| !self.is_ours(list)) {
            // Whoever wrote to us as well is heard there, and once.
            let why = format!("it was written to a list that is no address of ours: {list}");
            (Class::Auto, "none".to_owned(), None, why)
        } else if automatic::is_away(&mail.subject) {
            return Ok(Some(self.away(mail)));
        } else if mail.return_path.as_deref() == Some("") {
            let why = "its envelope has no sender, so it reports about a mail".to_owned();
            (Class::Bounce, "none".to_owned(), None, why)
        } else if self.is_own(&author.address) {
            let own = &author.address;
            if let Some(list) = &mail.list {
                // Lists write in their own name for senders whose domain wants it so (DMARC).
                let why = format!(
                    "a list wrote our own address {own} in the place of who wrote it: {list}"
                );
                return Ok(Some(Classification::held(Class::Auto, why)));
            }
            let why = format!("it claims to come from our own address {own}");
            (Class::Auto, "none".to_owned(), None, why)
        } else {
            return Ok(None);
        };
        Ok(Some(Classification {
            class,
            matched_by: by,
            record,
            verdict: Verdict::Ignore(why),
            bounced: None,
        }))
    }

    /// Mail whose subject is that of somebody who is away, and nothing else tells. What answers a mail is an answer of a program;
    /// else a person may want something with just these words.
    fn away(&self, mail: &Mail) -> Classification {
        let subject = &mail.subject;
        let answers = mail.answers().next().is_some()
            || mail.return_path.as_deref() == Some("")
            || !subject::numbers(subject, self.schema).is_empty()
            || mail
                .destinations()
                .filter_map(ReplyToken::with_mailbox)
                // Other desks make such tokens for their own mailboxes.
                .any(|(mailbox, _)| self.is_own(&mailbox));
        if !answers {
            let why = format!("perhaps no person wrote it: Subject: {subject}");
            return Classification::held(Class::Auto, why);
        }
        Classification {
            verdict: Verdict::Ignore(format!("no person wrote it: Subject: {subject}")),
            ..Classification::held(Class::Auto, String::new())
        }
    }

    fn is_ours(&self, list: &str) -> bool {
        let mut own = self.own.iter();
        own.any(|own| automatic::is_list_of(list, own))
    }

    /// What says that a mail was sent to masses, unless the program of a group of our own says so of every mail.
    fn mass<'m>(&self, mail: &'m Mail) -> Option<&'m String> {
        let field = mail.mass.as_ref()?;
        let list = mail.list.as_deref().unwrap_or_default();
        let mut own = self.own.iter();
        let is_by_group = own.any(|own| {
            automatic::is_list_of(list, own) && automatic::is_mass_of_group(&mail.header, own)
        });
        (!is_by_group).then_some(field)
    }

    /// What says that a mail has been here before. A group that Sympa runs writes its address into an X-Loop above every mail: what
    /// has been there twice has two of them.
    fn passed_by_us<'m>(&self, mail: &'m Mail) -> Option<&'m (&'static str, String)> {
        let mut own = mail.passed_by.iter().filter(|(_, by)| self.is_own(by));
        let first = own.next()?;
        let is_group = |list: &str| automatic::is_list_of(list, &first.1);
        match first.0 == "X-Loop" && mail.list.as_deref().is_some_and(is_group) {
            true => own.next(),
            false => Some(first),
        }
    }

    pub(super) fn is_own(&self, address: &str) -> bool {
        self.own.iter().any(|own| own.eq_ignore_ascii_case(address))
    }

    /// A report; it counts for a recipient only if it brings a Message-ID of ours, which nobody can guess.
    fn reported(&self, mail: &Mail, report: &Report) -> Result<Classification, StoreError> {
        let named = report.originals.iter().map(String::as_str);
        let mut row = None;
        for id in named.chain(mail.answers()).take(MAX_REFERENCES) {
            row = self.store.delivery_by_message_id(id)?;
            if row.is_some() {
                break;
            }
        }
        let why = format!("delivery report: {}", report.said());
        let by = row
            .as_ref()
            .map(|row| format!("message_id: delivery {}", row.delivery));
        Ok(Classification {
            class: Class::Bounce,
            matched_by: by.unwrap_or_else(|| "none".to_owned()),
            bounced: row.as_ref().and_then(|row| bounced(report, row, &why)),
            record: row.and_then(|row| row.mail.record),
            verdict: Verdict::Ignore(why),
        })
    }

    /// In-Reply-To and References.
    fn references(&self, mail: &Mail, author: &Author) -> Result<Found, StoreError> {
        let mut doubt = Found::Nothing;
        for id in mail.answers().take(MAX_REFERENCES) {
            let Some(row) = self.store.delivery_by_message_id(id)? else {
                continue;
            };
            let Some(record) = row.mail.record else {
                continue;
            };
            if author.is(&row.mail.recipient) {
                let by = format!("in_reply_to: <{id}>, delivery {}", row.delivery);
                return Ok(Found::Record(Classification::act(
                    Class::Reply,
                    by,
                    Some(record),
                )));
            }
            let why = format!(
                "it answers a mail about {record} that went to {}, but it is from {}",
                row.mail.recipient, author.address
            );
            doubt = Found::Doubt(why, Some(record));
        }
        Ok(doubt)
    }

    /// A record number in the subject of a reply.
    fn number(&self, mail: &Mail, author: &Author) -> Result<Found, StoreError> {
        if !subject::is_reply(&mail.subject) {
            return Ok(Found::Nothing);
        }
        let mut records = Vec::new();
        for key in subject::numbers(&mail.subject, self.schema) {
            records.extend(self.store.record(&key)?);
        }
        let record = match records.as_slice() {
            [] => return Ok(Found::Nothing),
            [record] => record,
            [first, second, ..] => {
                let by = format!("none: the subject names {} and {}", first.key, second.key);
                return Ok(Found::Record(Classification::act(Class::New, by, None)));
            }
        };
        Ok(
            match involvement(self.store, self.schema, record, author)? {
                Some(how) => {
                    let by = format!("record_number: {}, {how}", record.key.id);
                    Found::Record(Classification::act(
                        Class::Reply,
                        by,
                        Some(record.key.clone()),
                    ))
                }
                None => {
                    let why = format!(
                        "its subject names {}, but {} has nothing to do with it",
                        record.key, author.address
                    );
                    Found::Doubt(why, Some(record.key.clone()))
                }
            },
        )
    }
}

impl Classification {
    /// The mail shows something that only its sender was sent.
    fn is_proven(&self) -> bool {
        ["token", "in_reply_to"]
            .iter()
            .any(|rule| self.matched_by.starts_with(rule))
    }

    fn held(class: Class, why: String) -> Self {
        Self {
            verdict: Verdict::Hold(why),
            ..Self::act(class, "none".to_owned(), None)
        }
    }

    pub(super) fn act(class: Class, matched_by: String, record: Option<RecordKey>) -> Self {
        Self {
            class,
            matched_by,
            record,
            verdict: Verdict::Act,
            bounced: None,
        }
    }
}

/// What a report says about a delivery of ours. One envelope has one recipient, so a report about it is about them, also if it
/// names the address that theirs leads to; where it names theirs as well, only what it says of that counts. A complaint says whose it is:
/// one about somebody of another domain is none of theirs, whatever mail came along (a local part may have been made unreadable, RFC 6590).
fn bounced(report: &Report, row: &LogRow, detail: &str) -> Option<Bounced> {
    let theirs: Vec<&Reported> = report
        .recipients
        .iter()
        .filter(|r| r.is_about(&row.mail.recipient))
        .collect();
    let mut named = report.recipients.iter();
    if report.complaint
        && !report.recipients.is_empty()
        && !named.any(|r| r.may_be_of_domain_of(&row.mail.recipient))
    {
        return None;
    }
    let about: Vec<&Reported> = match theirs.is_empty() {
        true => report.recipients.iter().collect(),
        false => theirs,
    };
    let failed = about.iter().find(|r| r.action == "failed");
    let (reason, words) = match failed {
        _ if report.complaint => (Reason::Complaint, String::new()),
        Some(recipient) => (weight(recipient), recipient.said()),
        None => return None,
    };
    Some(Bounced {
        delivery: row.delivery,
        failed: !report.complaint,
        words,
        address: row.mail.recipient.clone(),
        account: row.mail.account.clone(),
        reason,
        detail: detail.to_owned(),
    })
}

/// Whether the address does not work, or only this mail did not get there.
fn weight(recipient: &Reported) -> Reason {
    const GONE: [&str; 8] = [
        "user unknown",
        "unknown user",
        "no such user",
        "no mailbox here",
        "not listed in domino",
        "does not exist",
        "doesn't have an account",
        "address not found",
    ];
    let words = recipient.words.to_lowercase();
    let gone = recipient.status.is_empty() && GONE.iter().any(|phrase| words.contains(phrase));
    if is_hard(&recipient.status) || gone {
        Reason::Hard
    } else {
        Reason::Soft
    }
}

/// The subject says so, and the mail has another one with it: its head in the text, or all of it as an attachment.
pub(super) fn is_forward(mail: &Mail) -> bool {
    subject::is_forward(&mail.subject) && (mail.has_message || text::shows_a_sender(&mail.text))
}
