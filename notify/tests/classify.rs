//! Known answers for the question what kind of mail it is, and which record it belongs to.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::inbound::Class::{self, Auto, Bounce, Forward, New, Reply};
use postrider_notify::inbound::author::Author;
use postrider_notify::inbound::classify::{Classification, Classifier, Verdict};
use postrider_notify::inbound::mail::Mail;
use postrider_notify::record::{Change, Fields, NewId, RecordKey};
use postrider_notify::schema::{Field, FieldKind, Numbering, Schema, Table};
use postrider_notify::store::{Store, Work};
use postrider_notify::suppression::Reason;
use postrider_notify::token::{KEY_LEN, Signer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use support::*;

struct Bench {
    store: Arc<dyn Store>,
    schema: Schema,
    signer: Signer,
}

const OWN: &str = "support@example.org";

/// INC0010001 is Ada's and of the group support; Grace is in the group; Ada was written to about it.
fn bench() -> Bench {
    let store = store();
    insert(
        &*store,
        "user",
        "ada",
        json!({"name": "Ada Lovelace", "email": "ada@example.org", "active": true}),
    );
    insert(
        &*store,
        "user",
        "grace",
        json!({"name": "Grace Hopper", "email": "grace@example.org", "active": true}),
    );
    insert(
        &*store,
        "user",
        "old",
        json!({"name": "Old Hand", "email": "old@example.org", "active": false}),
    );
    insert(
        &*store,
        "group_member",
        "support.grace",
        json!({"group": "support", "user": "grace"}),
    );
    for id in ["INC0010001", "INC0010002"] {
        insert(
            &*store,
            "incident",
            id,
            json!({"assigned_to": "ada", "assignment_group": "support", "caller_email": "carol@example.net"}),
        );
    }
    queue(&*store, Some(incident()), &["ada@example.org"]);
    Bench {
        store,
        schema: schema(),
        signer: Signer::new(&[7; KEY_LEN]).unwrap(),
    }
}

fn incident() -> RecordKey {
    RecordKey::new("incident", "INC0010001")
}

fn schema() -> Schema {
    let field = |name: &str, kind: FieldKind| {
        let field = Field {
            name: name.into(),
            label: name.into(),
            kind,
        };
        (name.to_owned(), field)
    };
    Schema::with_built_ins([Table {
        name: "incident".into(),
        label: "Incident".into(),
        number: Some(Numbering {
            prefix: "INC".into(),
            digits: 7,
        }),
        display: None,
        fields: BTreeMap::from([
            field("assigned_to", FieldKind::Reference("user".into())),
            field("assignment_group", FieldKind::Reference("group".into())),
            field("caller_email", FieldKind::String),
        ]),
    }])
}

fn insert(store: &dyn Store, table: &str, id: &str, fields: Value) {
    let Value::Object(fields) = fields else {
        panic!("an object")
    };
    let fields: Fields = fields;
    let change = Change::Insert {
        table: table.into(),
        id: NewId::Given(id.into()),
        fields,
        journal: Vec::new(),
        actor: String::new(),
    };
    store
        .commit(&Work {
            changes: vec![change],
            ..Work::default()
        })
        .unwrap();
}

impl Bench {
    fn token(&self, recipient: &str) -> String {
        let token = self.signer.reply_token(&incident(), recipient);
        token.in_address(OWN).unwrap()
    }

    fn classify(&self, mail: &str) -> Classification {
        let mail = Mail::parse(mail.replace('\n', "\r\n").as_bytes());
        let author = Author::find(&*self.store, mail.from.as_ref().unwrap()).unwrap();
        let classifier = Classifier {
            store: &*self.store,
            schema: &self.schema,
            signer: &self.signer,
            own: &[OWN.to_owned()],
            policy: &postrider_notify::inbound::Policy::default(),
        };
        classifier.classify(&mail, &author).unwrap()
    }

    /// A mail of this sender, to this address, with these further fields and this text.
    fn of(&self, from: &str, to: &str, fields: &str) -> Classification {
        self.classify(&format!(
            "From: {from}\nTo: {to}\nMessage-ID: <x@client>\n{fields}\n\ntext\n"
        ))
    }
}

fn message_id(bench: &Bench) -> String {
    log(&*bench.store)[0].mail.message_id.clone()
}

fn acts(found: &Classification, class: Class, by: &str, record: Option<RecordKey>) {
    assert_eq!(found.verdict, Verdict::Act, "{found:?}");
    assert_eq!((found.class, &found.record), (class, &record), "{found:?}");
    assert!(found.matched_by.starts_with(by), "{found:?}");
}

fn held(found: &Classification, why: &str) {
    match &found.verdict {
        Verdict::Hold(reason) => assert!(reason.contains(why), "{reason}"),
        other => panic!("not held: {other:?}"),
    }
    assert_eq!(found.record, None, "what is held is bound to nothing");
}

fn ignored(found: &Classification, class: Class, why: &str) {
    match &found.verdict {
        Verdict::Ignore(reason) => assert!(reason.contains(why), "{reason}"),
        other => panic!("not ignored: {other:?}"),
    }
    assert_eq!(found.class, class);
}

#[test]
fn mail_about_nothing_known_is_new() {
    let bench = bench();
    acts(
        &bench.of("carol@example.net", OWN, "Subject: Help"),
        New,
        "none",
        None,
    );
    acts(
        &bench.of("ada@example.org", OWN, "Subject: about INC0010001"),
        New,
        "none",
        None,
    );
}

#[test]
fn a_token_counts_from_the_address_it_was_made_for() {
    let bench = bench();
    let to = bench.token("ada@example.org");
    let found = bench.of("Ada <ADA@example.org>", &to, "Subject: anything");
    acts(
        &found,
        Reply,
        "token: support+incident.INC0010001.",
        Some(incident()),
    );
    let lowered = to.to_lowercase();
    acts(
        &bench.of("ada@example.org", &lowered, "Subject: x"),
        Reply,
        "token:",
        Some(incident()),
    );
    let copied = format!("Cc: x@y, {to}\nSubject: x");
    acts(
        &bench.of("ada@example.org", "x@y", &copied),
        Reply,
        "token:",
        Some(incident()),
    );
    let delivered = format!("Delivered-To: {to}\nSubject: x");
    acts(
        &bench.of("ada@example.org", OWN, &delivered),
        Reply,
        "token:",
        Some(incident()),
    );
}

#[test]
fn a_token_in_the_hands_of_somebody_copied_is_held() {
    let bench = bench();
    let to = bench.token("ada@example.org");
    let found = bench.of("mallory@example.com", &to, "Subject: Re: INC0010001");
    held(
        &found,
        "was made for ada@example.org, but the mail is from mallory@example.com",
    );
    let involved = bench.of("grace@example.org", &to, "Subject: Re: INC0010001");
    held(&involved, "was made for ada@example.org");
}

#[test]
fn a_forged_token_is_held() {
    let bench = bench();
    let forged = "support+incident.INC0010001.aaaaaaaaaaaaaaaa@example.org";
    let found = bench.of("ada@example.org", forged, "Subject: x");
    held(&found, "was not made here for ada@example.org");
    let other = bench
        .token("ada@example.org")
        .replace("INC0010001", "INC0010002");
    held(
        &bench.of("ada@example.org", &other, "Subject: x"),
        "was not made here",
    );
}

#[test]
fn a_token_of_somebody_elses_desk_is_no_doubt() {
    let bench = bench();
    let theirs = "desk+incident.INC0010007.abcdefghijklmnop@customer.example";
    let with = |to: &str| format!("Cc: {to}\nSubject: Help");
    let found = bench.of("carol@example.net", OWN, &with(theirs));
    acts(&found, New, "none", None);
    let forged = theirs.replace("desk+", "Support+");
    let forged = forged.replace("customer.example", "Example.org");
    let found = bench.of("carol@example.net", OWN, &with(&forged));
    held(&found, "was not made here for carol@example.net");
    // One of ours counts wherever it stands.
    let ours = bench
        .token("ada@example.org")
        .replace("support+", "desk+")
        .replace("@example.org", "@customer.example");
    let found = bench.of("ada@example.org", OWN, &with(&ours));
    acts(&found, Reply, "token: desk+", Some(incident()));
    let found = bench.of("mallory@example.com", OWN, &with(&ours));
    held(&found, "was made for ada@example.org");
}

#[test]
fn a_token_of_somebody_elses_desk_does_not_make_an_absence_an_answer() {
    let bench = bench();
    let with = |to: &str| {
        let fields = format!("Cc: {to}\nSubject: Out of office: please extend");
        bench.of("ada@example.org", OWN, &fields)
    };
    let theirs = with("desk+incident.INC0010007.abcdefghijklmnop@customer.example");
    held(&theirs, "perhaps no person wrote it");
    let ours = with(&bench.token("ada@example.org"));
    ignored(&ours, Auto, "no person wrote it: Subject");
}

#[test]
fn a_token_for_a_record_that_is_gone_is_held() {
    let bench = bench();
    let gone = RecordKey::new("incident", "INC0019999");
    let token = bench.signer.reply_token(&gone, "ada@example.org");
    let to = token.in_address(OWN).unwrap();
    held(
        &bench.of("ada@example.org", &to, "Subject: x"),
        "does not exist any more",
    );
}

#[test]
fn in_reply_to_counts_from_the_recipient_of_that_mail() {
    let bench = bench();
    let id = message_id(&bench);
    let fields = format!("Subject: x\nIn-Reply-To: <{id}>");
    acts(
        &bench.of("ada@example.org", OWN, &fields),
        Reply,
        "in_reply_to: <",
        Some(incident()),
    );
    let fields = format!("Subject: x\nReferences: <root@a> <{id}> <other@b>");
    acts(
        &bench.of("ada@example.org", OWN, &fields),
        Reply,
        "in_reply_to: <",
        Some(incident()),
    );
    held(
        &bench.of("mallory@example.com", OWN, &fields),
        "went to ada@example.org, but it is from mallory@example.com",
    );
}

#[test]
fn a_record_number_counts_in_a_reply_of_somebody_involved() {
    let bench = bench();
    let re = "Subject: AW: [INC0010001] down";
    let by = "record_number: INC0010001, ";
    let found = bench.of("ada@example.org", OWN, re);
    acts(
        &found,
        Reply,
        "record_number: INC0010001, field assigned_to",
        Some(incident()),
    );
    acts(
        &bench.of("grace@example.org", OWN, re),
        Reply,
        by,
        Some(incident()),
    );
    acts(
        &bench.of("Carol <Carol@Example.net>", OWN, re),
        Reply,
        by,
        Some(incident()),
    );
    held(
        &bench.of("mallory@example.com", OWN, re),
        "has nothing to do with it",
    );
    acts(
        &bench.of("mallory@example.com", OWN, "Subject: Re: INC0017777"),
        New,
        "none",
        None,
    );
}

#[test]
fn two_different_numbers_are_ambiguous_and_so_new() {
    let bench = bench();
    let found = bench.of(
        "ada@example.org",
        OWN,
        "Subject: Re: INC0010001 and INC0010002",
    );
    acts(
        &found,
        New,
        "none: the subject names incident/INC0010001 and incident/INC0010002",
        None,
    );
    let twice = bench.of(
        "ada@example.org",
        OWN,
        "Subject: Re: INC0010001 (INC0010001)",
    );
    acts(&twice, Reply, "record_number", Some(incident()));
}

#[test]
fn a_forward_needs_a_subject_and_a_forwarded_head() {
    let bench = bench();
    let forward = "From: ada@example.org\nTo: support@example.org\nSubject: Fwd: help\n\nSee below.\n\nFrom: Carol\nSubject: help\n";
    acts(&bench.classify(forward), Forward, "none: forwarded", None);
    let only_subject = bench.of("ada@example.org", OWN, "Subject: Fwd: help");
    acts(&only_subject, New, "none", None);
}

#[test]
fn forwards_are_known_in_the_languages_of_their_programs() {
    let bench = bench();
    for (prefix, head) in [
        (
            "TR",
            "De : Support <support@example.org>\nEnvoy\u{e9} : lundi",
        ),
        ("TR", "De\u{a0}: Support"),
        ("Doorst", "Van: Support"),
        ("WG", "*Von:* Support"),
        ("RV", "> De: Support"),
        ("VB", "Fr\u{e5}n: Support"),
        (
            "\u{8f6c}\u{53d1}",
            "\u{53d1}\u{4ef6}\u{4eba}\u{ff1a}Support",
        ),
        ("Fwd", "From: Support"),
    ] {
        // The number in the subject and the token in the text are of the mail that is passed on.
        let mail = format!(
            "From: ada@example.org\nTo: {OWN}\nContent-Type: text/plain; charset=utf-8\nSubject: {prefix}: INC0010001\n\n\
             Nouveau\n\n{head}\n\n{}\n",
            bench.token("ada@example.org")
        );
        acts(&bench.classify(&mail), Forward, "none: forwarded", None);
    }
}

#[test]
fn a_mail_forwarded_as_an_attachment_is_a_forward() {
    let bench = bench();
    let mail = |subject: &str| {
        format!(
            "From: ada@example.org\nTo: {OWN}\nSubject: {subject}\nContent-Type: multipart/mixed; boundary=b\n\n\
             --b\n\nSee it.\n--b\nContent-Type: message/rfc822\n\nFrom: carol@example.net\nSubject: help\n\nx\n--b--\n"
        )
    };
    acts(
        &bench.classify(&mail("FW: help")),
        Forward,
        "none: forwarded",
        None,
    );
    acts(&bench.classify(&mail("help")), New, "none", None);
}

#[test]
fn rfc3834_automatic_answers_are_never_acted_upon() {
    let bench = bench();
    let to = bench.token("ada@example.org");
    for field in [
        "Auto-Submitted: auto-replied",
        "Precedence: bulk",
        "X-Auto-Response-Suppress: All",
    ] {
        let found = bench.of(
            "ada@example.org",
            &to,
            &format!("Subject: Re: INC0010001\n{field}"),
        );
        ignored(&found, Auto, field);
    }
}

#[test]
fn what_is_sent_to_masses_is_ignored_through_a_group_as_well() {
    let bench = bench();
    let through = |group: &str, fields: &str| {
        let fields = format!("Subject: Offers\n{group}{fields}");
        bench.of("news@vendor.example", OWN, &fields)
    };
    let bulk = "Precedence: bulk\n";
    let one_click = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n";
    // Mailman leaves what came as it was.
    let mailman = "List-Id: <support.example.org>\n\
                   List-Unsubscribe: <https://lists.example.org/support>, <mailto:support-leave@example.org>\n";
    acts(&through(mailman, ""), New, "none", None);
    for mass in [bulk, one_click] {
        ignored(&through(mailman, mass), Auto, mass.trim());
    }
    // ezmlm says of every mail that it is bulk; one click does not leave it.
    let ezmlm = "List-Post: <mailto:support@example.org>\n\
                 Mailing-List: contact support-help@example.org; run by ezmlm\n";
    acts(&through(ezmlm, bulk), New, "none", None);
    let newsletter = format!("{one_click}List-Unsubscribe: <https://vendor.example/leave>\n");
    ignored(&through(ezmlm, &newsletter), Auto, one_click.trim());
    let both = format!("{bulk}{newsletter}");
    ignored(&through(ezmlm, &both), Auto, "no person wrote it");
}

#[test]
fn our_own_mail_come_back_is_a_loop() {
    let bench = bench();
    let id = message_id(&bench);
    let mail = format!("From: x@y\nTo: z@y\nMessage-ID: <{id}>\nSubject: s\n\nx\n");
    ignored(&bench.classify(&mail), Auto, "a loop");
    ignored(
        &bench.of("Support <SUPPORT@example.org>", OWN, "Subject: s"),
        Auto,
        "our own address",
    );
    let passed_on = |by: &str| {
        bench.of(
            "dora@example.net",
            OWN,
            &format!("Subject: s\nX-Loop: {by}"),
        )
    };
    ignored(&passed_on("<Support@Example.org>"), Auto, "X-Loop: ");
    acts(&passed_on("list@example.net"), New, "none", None);
}

#[test]
fn rfc3464_a_bounce_is_tied_to_the_mail_that_came_back() {
    let bench = bench();
    let id = message_id(&bench);
    let bounce = format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx\nTo: support@example.org\nSubject: Undelivered\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nno\n--b\n\
         Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ada@example.org\n\
         Action: failed\nStatus: 5.1.1\n\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <{id}>\n\nx\n--b--\n"
    );
    let found = bench.classify(&bounce);
    ignored(&found, Bounce, "ada@example.org failed 5.1.1");
    assert_eq!(found.record, Some(incident()));
    let bounced = found.bounced.unwrap();
    let who = (
        bounced.address.as_str(),
        bounced.account.as_str(),
        bounced.reason,
    );
    assert_eq!(who, ("ada@example.org", "main", Reason::Hard));
    let full = bench.classify(&bounce.replace("5.1.1", "5.2.2"));
    let reason = full.bounced.map(|bounced| bounced.reason);
    assert_eq!(
        reason,
        Some(Reason::Soft),
        "a full mailbox is no dead address"
    );
    let forged = bench.classify(&bounce.replace(&id, "1.guess@example.org"));
    assert_eq!(
        forged.bounced, None,
        "nobody can suppress an address by a guess"
    );
    let null_sender = bench.of(
        "postmaster@mx",
        OWN,
        "Return-Path: <>\nSubject: Undelivered",
    );
    ignored(&null_sender, Bounce, "no sender");
}

#[test]
fn an_address_is_a_user_if_it_belongs_to_one_active_user() {
    let bench = bench();
    let find = |address: &str| {
        let mail = Mail::parse(format!("From: Somebody <{address}>\r\n\r\n").as_bytes());
        let author = Author::find(&*bench.store, &mail.from.unwrap()).unwrap();
        (author.user, author.name)
    };
    assert_eq!(
        find("ADA@example.org"),
        (Some("ada".into()), "Ada Lovelace".into())
    );
    assert_eq!(find("old@example.org"), (None, "Somebody".into()));
    insert(
        &*bench.store,
        "user",
        "twin",
        json!({"email": "ada@example.org", "active": true}),
    );
    assert_eq!(
        find("ada@example.org").0,
        None,
        "an address of two is nobody's"
    );
}
