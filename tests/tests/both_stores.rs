//! The store in PostgreSQL answers as the one in SQLite does, in one random history.
#![cfg(all(feature = "drivers", feature = "notify"))]

use jiff::Timestamp;
use postrider_notify::account::Rate;
use postrider_notify::email_digest::{DigestOutcome, NewPart};
use postrider_notify::event::{EventKind, NewEvent};
use postrider_notify::inbound::{Class, InboundOutcome, InboundState, NewInbound};
use postrider_notify::outgoing::{
    Claimed, Completion, DeliveryState, Evidence, Match, MatchVerdict, OutgoingMail, Rank,
    RecipientVerdict, Settlement,
};
use postrider_notify::record::{Change, Fields, NewId, RecordKey};
use postrider_notify::repeat::Firing;
use postrider_notify::schema::Numbering;
use postrider_notify::store::{
    EventFilter, InboundFilter, LogFilter, Pause, PostgresStore, SqliteStore, Store, StoreError,
    Work,
};
use postrider_notify::suppression::{Reason, Suppression};
use postrider_tests::servers::{Postgres, or_left_out};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn fields(json: Value) -> Fields {
    json.as_object().unwrap().clone()
}

/// A small generator: the same steps for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// The same history in both stores.
struct Both {
    sqlite: SqliteStore,
    postgres: PostgresStore,
    clock: Arc<AtomicI64>,
    dice: Dice,
    mails: usize,
    claims: Vec<(Claimed, Claimed)>,
    events: Vec<i64>,
    /// How many digests ended.
    digests: usize,
    repeated: Option<Timestamp>,
}

impl Both {
    fn new(url: &str, seed: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let (one, other) = (Arc::clone(&clock), Arc::clone(&clock));
        Self {
            sqlite: SqliteStore::open_in_memory()
                .unwrap()
                .with_clock(move || at(one.load(Ordering::Relaxed))),
            postgres: PostgresStore::open(url, None, None)
                .unwrap()
                .with_clock(move || at(other.load(Ordering::Relaxed))),
            clock,
            dice: Dice(seed),
            mails: 0,
            claims: Vec::new(),
            events: Vec::new(),
            digests: 0,
            repeated: None,
        }
    }

    fn now(&self) -> Timestamp {
        at(self.clock.load(Ordering::Relaxed))
    }

    /// What both say; they have to say the same.
    fn ask<T: Debug>(
        &self,
        ask: impl Fn(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (sqlite, postgres) = (ask(&self.sqlite), ask(&self.postgres));
        assert_eq!(format!("{sqlite:?}"), format!("{postgres:?}"));
        postgres
    }

    fn step(&mut self) {
        match self.dice.below(16) {
            0 => self.insert(),
            1 => self.update(),
            2 => self.fire(),
            3 | 4 => {
                self.settle();
                self.digest();
            }
            5 | 6 => self.claim(),
            7 | 8 => self.complete(),
            9 => {
                let by = self.dice.below(90) as i64;
                self.clock.fetch_add(by, Ordering::Relaxed);
            }
            10 => self.receive(),
            11 => self.process(),
            12 => self.suppress(),
            13 => self.operate(),
            14 => self.look(),
            _ => self.account(),
        }
    }

    fn insert(&mut self) {
        let table = *self.dice.pick(&["incident", "user", "group_member"]);
        let n = self.dice.below(9);
        let id = match table {
            "incident" => NewId::Numbered(Numbering {
                prefix: "INC".to_owned(),
                digits: 7,
            }),
            _ => NewId::Given(format!("{table}{n}")),
        };
        let change = Change::Insert {
            table: table.to_owned(),
            id,
            fields: fields(json!({
                "email": format!("Person{n}@Example.org"), "group": "Support", "user": format!("user{n}"),
                "note": "naïve \u{0} – it''s ? $1 + x",
            })),
            journal: vec![("comments".to_owned(), "begun".to_owned())],
            actor: "ada".to_owned(),
        };
        self.commit(vec![change], Vec::new());
    }

    fn update(&mut self) {
        let key = RecordKey::new("user", format!("user{}", self.dice.below(9)));
        let change = Change::Update {
            key,
            fields: fields(json!({"name": format!("n{}", self.dice.below(3)), "email": null})),
            journal: Vec::new(),
            actor: "bob".to_owned(),
        };
        self.commit(vec![change], Vec::new());
    }

    fn fire(&mut self) {
        let key = (self.dice.below(3) == 0).then(|| format!("key{}", self.dice.below(5)));
        let event = NewEvent {
            name: "incident.escalated".to_owned(),
            kind: EventKind::Fired,
            record: Some(RecordKey::new(
                "user",
                format!("user{}", self.dice.below(9)),
            )),
            parm1: "one".to_owned(),
            parm2: String::new(),
            actor: String::new(),
            current: Fields::new(),
            previous: Fields::new(),
            idempotency_key: key,
            due: (self.dice.below(4) == 0).then(|| at(self.dice.below(2_000) as i64)),
        };
        self.commit(Vec::new(), vec![event]);
    }

    /// A refused work is undone, and so are its numbers; PostgreSQL would leave a gap, so that works here are refused or not as a whole.
    fn commit(&mut self, changes: Vec<Change>, events: Vec<NewEvent>) {
        let work = Work {
            changes,
            events,
            ..Work::default()
        };
        if let Ok(done) = self.ask(|store| store.commit(&work)) {
            self.events.extend(done.events);
        }
    }

    fn settle(&mut self) {
        let now = self.now();
        let due = self.ask(|store| store.due_events(now, 3)).unwrap();
        for event in due {
            let queued = self.dice.below(3);
            let mails: Vec<OutgoingMail> = (0..queued).map(|_| self.mail()).collect();
            let recipients = mails.iter().map(|mail| RecipientVerdict {
                address: mail.recipient.clone(),
                via: "parm1".to_owned(),
                verdict: "queued",
                detail: String::new(),
            });
            let digests = self.parts();
            let told = digests.iter().map(|part| RecipientVerdict {
                address: part.address.clone(),
                via: "parm2".to_owned(),
                verdict: "digest",
                detail: String::new(),
            });
            let told: Vec<RecipientVerdict> = told.collect();
            let settlement = Settlement {
                event: event.id,
                matches: vec![Match {
                    notification: format!("told{}", self.dice.below(3)),
                    verdict: MatchVerdict::Matched,
                    detail: "always".to_owned(),
                    recipients: recipients.chain(told).collect(),
                    mails,
                    digests,
                }],
                error: None,
            };
            self.ask(|store| store.settle(std::slice::from_ref(&settlement)))
                .unwrap();
        }
    }

    /// What is kept for digests of one event.
    fn parts(&mut self) -> Vec<NewPart> {
        if self.dice.below(2) == 0 {
            return Vec::new();
        }
        let address = *self.dice.pick(&["Ada@example.org", "ada@example.org"]);
        let about = (self.dice.below(2) == 0).then(|| RecordKey::new("user", "user1"));
        vec![NewPart {
            user: (self.dice.below(2) == 0).then(|| "ada".to_owned()),
            address: address.to_owned(),
            via: "parm2".to_owned(),
            about,
            interval: Duration::from_secs(100),
            record: None,
            subject: "naïve".to_owned(),
            html: (self.dice.below(2) == 0).then(|| "<p>".to_owned()),
            text: "it''s ? $1".to_owned(),
        }]
    }

    /// Ends digests; some as if they had grown meanwhile, some but for their last part.
    fn digest(&mut self) {
        let now = self.now();
        for due in self.ask(|store| store.due_digests(now, 2)).unwrap() {
            let mail = (self.dice.below(3) > 0).then(|| self.mail());
            let grown = usize::from(self.dice.below(4) == 0);
            let kept = usize::from(due.parts.len() > 1 && self.dice.below(3) == 0);
            let outcome = DigestOutcome {
                digest: due.id,
                parts: due.count + grown,
                ended: due.parts.len() - kept,
                verdict: if mail.is_some() {
                    "digest"
                } else {
                    "opted_out"
                },
                detail: "told".to_owned(),
                mail,
            };
            let ended = self.ask(|store| store.end_digests(std::slice::from_ref(&outcome)));
            self.digests += ended.unwrap();
            for part in due.parts {
                self.ask(|store| store.explain(part.event)).unwrap();
            }
        }
        let firing = Firing {
            name: "day.began".to_owned(),
            after: self.repeated.filter(|_| self.dice.below(4) > 0),
            at: now,
            events: Vec::new(),
            left_out: Vec::new(),
        };
        if self.ask(|store| store.repeat(&firing)).unwrap() {
            self.repeated = Some(now);
        }
        self.ask(|store| store.repeated()).unwrap();
        self.ask(|store| store.open_digests()).unwrap();
    }

    fn mail(&mut self) -> OutgoingMail {
        self.mails += 1;
        let n = self.mails;
        let rank = (self.dice.below(3) == 0).then(|| Rank {
            weight: 1 + self.dice.below(3) as u16,
            fingerprint: format!("{}", self.dice.below(2)),
            window: Duration::from_secs(600),
        });
        OutgoingMail {
            message_id: format!("{n}@example.org"),
            sender: "bounces@example.org".to_owned(),
            recipient: self
                .dice
                .pick(&["Ada@example.org", "ada@example.org", "bob@example.org"])
                .to_string(),
            subject: format!("About {n}"),
            raw: format!("Subject: About {n}\r\n\r\n\0\u{ff}\r\n").into_bytes(),
            account: self.dice.pick(&["main", "other"]).to_string(),
            record: (self.dice.below(2) == 0).then(|| RecordKey::new("user", "user1")),
            expires: self.now() + Duration::from_secs(3_000),
            not_before: (self.dice.below(6) == 0).then(|| self.now() + Duration::from_secs(100)),
            rank,
        }
    }

    fn claim(&mut self) {
        let (now, limit) = (self.now(), 1 + self.dice.below(4) as usize);
        self.ask(|store| store.due_accounts(now)).unwrap();
        let of = |store: &dyn Store| {
            store
                .claim(&["main", "other"], "worker", now, LEASE, limit)
                .unwrap()
        };
        let (sqlite, postgres) = (of(&self.sqlite), of(&self.postgres));
        assert_eq!(sqlite, postgres);
        self.claims.extend(sqlite.into_iter().zip(postgres));
    }

    fn complete(&mut self) {
        if self.claims.is_empty() {
            return;
        }
        let which = self.dice.below(self.claims.len() as u64) as usize;
        let (claimed, _) = self.claims.swap_remove(which);
        use DeliveryState::{Deferred, Delivered, Failed, Unknown};
        let state = *self.dice.pick(&[Delivered, Failed, Deferred, Unknown]);
        let now = self.now();
        if self.dice.below(6) == 0 {
            let held = [(claimed.delivery, claimed.lease_epoch)];
            let next_at = (claimed.delivery % 2 == 0).then_some(now);
            self.ask(|store| store.release(now, &held, next_at))
                .unwrap();
            return;
        }
        let completion = Completion {
            delivery: claimed.delivery,
            lease_epoch: claimed.lease_epoch,
            attempt: claimed.attempt,
            state,
            next_at: Some(now + Duration::from_secs(self.dice.below(300))),
            evidence: Evidence {
                peer: "127.0.0.1:25".to_owned(),
                tls: String::new(),
                stage: "dot".to_owned(),
                code: 250,
                enhanced: "2.0.0".to_owned(),
                text: "the server's words".to_owned(),
            },
        };
        self.ask(|store| store.complete(now, std::slice::from_ref(&completion)))
            .unwrap();
    }

    fn receive(&mut self) {
        let n = self.dice.below(30);
        let raw = format!("From: Ada <ADA{n}@example.org>\r\nSubject: {n}\r\n\r\n").into_bytes();
        let mail = NewInbound {
            apart: false,
            account: "in".to_owned(),
            uidl: (!n.is_multiple_of(3)).then(|| format!("u{n}")),
            sha256: format!("{n}"),
            message_id: (!n.is_multiple_of(2)).then(|| format!("m{n}")),
            raw,
        };
        let now = self.now();
        let line = [format!("a line about {n}")];
        self.ask(|store| store.store_fetched(now, "in", std::slice::from_ref(&mail), &line))
            .unwrap();
        self.ask(|store| store.fetch_journal("in")).unwrap();
        if n == 0 {
            self.ask(|store| store.replace_fetch_journal("in", &line))
                .unwrap();
        }
    }

    fn process(&mut self) {
        let now = self.now();
        let taken = self.ask(|store| store.due_inbound(now, 3)).unwrap();
        for mail in taken {
            use InboundState::{Error, Held, Ignored, Processed};
            let state = *self.dice.pick(&[Processed, Ignored, Held, Error]);
            let work = Work {
                inbound: Some(InboundOutcome {
                    id: mail.id,
                    class: Class::New,
                    matched_by: "none".to_owned(),
                    record: Some(RecordKey::new("user", "user1")),
                    state,
                    reason: "because".to_owned(),
                    action: None,
                    verdicts: Vec::new(),
                    next_at: Some(now + Duration::from_secs(50)),
                }),
                ..Work::default()
            };
            self.ask(|store| store.commit(&work)).unwrap();
        }
        let author = "ada3@EXAMPLE.org";
        self.ask(|store| store.acted_inbound(author, at(0), None))
            .unwrap();
    }

    fn suppress(&mut self) {
        let account = (self.dice.below(2) == 0).then(|| "main".to_owned());
        let suppression = Suppression {
            address: self
                .dice
                .pick(&["BOB@example.org", "x@example.org"])
                .to_string(),
            account,
            reason: *self
                .dice
                .pick(&[Reason::Hard, Reason::Soft, Reason::Manual]),
            detail: "550".to_owned(),
            since: self.now(),
            until: (self.dice.below(2) == 0).then(|| self.now() + Duration::from_secs(60)),
            hits: 1,
        };
        self.ask(|store| store.suppress(&suppression)).unwrap();
        let now = self.now();
        self.ask(|store| store.suppressed("bob@EXAMPLE.org", "main", now))
            .unwrap();
        if self.dice.below(3) == 0 {
            self.ask(|store| store.unsuppress("bob@example.org"))
                .unwrap();
        }
    }

    fn operate(&mut self) {
        let some = [1 + self.dice.below(self.mails as u64 + 1) as i64];
        let now = self.now();
        match self.dice.below(3) {
            0 => self
                .ask(|store| store.requeue(&some, now, now + LEASE))
                .unwrap(),
            1 => self.ask(|store| store.cancel(&some)).unwrap(),
            _ => {
                let before = now - Duration::from_secs(4_000);
                self.ask(|store| store.trim(before)).unwrap();
                0
            }
        };
    }

    fn account(&mut self) {
        let pause = (self.dice.below(2) == 0).then(|| Pause {
            until: self.now() + LEASE,
            reason: "refused".to_owned(),
            failures: 2,
        });
        self.ask(|store| store.set_pause("main", pause.as_ref()))
            .unwrap();
        self.ask(|store| store.pause("main")).unwrap();
        let rate = Rate {
            mails: 5,
            per: LEASE,
        };
        let (want, now) = (self.dice.below(4) as u32, self.now());
        self.ask(|store| store.take_tokens("main", rate, want, now))
            .unwrap();
        self.ask(|store| store.return_tokens("main", 1)).unwrap();
        self.ask(|store| store.setting("key", &|| vec![0, 1, 255]))
            .unwrap();
    }

    /// Everything that can be read.
    fn look(&mut self) {
        let user = RecordKey::new("user", "user1");
        self.ask(|store| store.records("user")).unwrap();
        self.ask(|store| store.readable_records("user")).unwrap();
        self.ask(|store| store.records_where("user", "email", "PERSON2@example.org"))
            .unwrap();
        self.ask(|store| store.records_where("group_member", "group", "support"))
            .unwrap();
        self.ask(|store| store.personal("user1")).unwrap();
        self.ask(|store| store.journal(&user)).unwrap();
        self.ask(|store| store.events_of(&user)).unwrap();
        self.ask(|store| store.suppressions()).unwrap();
        let states = DeliveryState::ALL.map(Some).into_iter().chain([None]);
        for state in states {
            for recipient in [None, Some("ADA@example.org".to_owned())] {
                let filter = LogFilter {
                    state,
                    recipient,
                    limit: 50,
                    ..LogFilter::default()
                };
                self.ask(|store| store.log(&filter)).unwrap();
            }
        }
        for state in InboundState::ALL.map(Some).into_iter().chain([None]) {
            let filter = InboundFilter {
                state,
                limit: 50,
                ..InboundFilter::default()
            };
            self.ask(|store| store.inbound_rows(&filter)).unwrap();
        }
        let now = self.now();
        self.ask(|store| store.backlog(now)).unwrap();
        for after in [0, 7] {
            let past = EventFilter {
                since: Some(at(100)),
                until: Some(now),
                after,
                limit: 20,
            };
            self.ask(|store| store.past_events(&past)).unwrap();
        }
        for event in self.events.iter().rev().take(20) {
            self.ask(|store| store.explain(*event)).unwrap();
        }
        for delivery in 1..=self.mails as i64 {
            self.ask(|store| store.attempts(delivery)).unwrap();
            self.ask(|store| store.raw_message(delivery)).unwrap();
        }
    }
}

#[test]
fn postgresql_and_sqlite_live_through_the_same_history() {
    let Some(server) = or_left_out("PostgreSQL", Postgres::start()) else {
        return;
    };
    let mut both = Both::new(&server.url(), 0x5eed);
    for _ in 0..600 {
        both.step();
    }
    both.look();
    assert!(both.mails > 30, "{} mails were queued", both.mails);
    assert!(both.digests > 5, "{} digests ended", both.digests);
}
