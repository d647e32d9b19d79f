//! Every query of the loops and of the log finds its rows by an index, and in their order.

use super::*;
use crate::store::sql::{
    backlog, claim, digests, due, events, fetched, inbound, lock, log, outbox, records, settle,
    suppression, trim, weight,
};
use rusqlite::Connection;

/// What SQLite will do, one step a line.
fn plan(c: &Connection, sql: &str) -> Vec<String> {
    let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for parameter in 1..=explain.parameter_count() {
        explain.raw_bind_parameter(parameter, 0).unwrap();
    }
    let mut rows = explain.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

fn plan_of(filter: &LogFilter) -> Vec<String> {
    let store = memory();
    plan(&lock(&store.reading), &log::query(filter).0)
}

#[track_caller]
fn assert_by_index(sql: &str, index: &str) {
    let store = memory();
    let steps = plan(&lock(&store.reading), sql);
    assert!(
        steps.iter().any(|step| step.contains(index)),
        "{index}: {steps:#?}"
    );
    for step in steps {
        // What is scanned is scanned along an index that has everything, or along the key.
        let sorts = step.contains("TEMP B-TREE");
        let reads_all = step.starts_with("SCAN") && step != "SCAN CONSTANT ROW";
        assert!(!sorts && !reads_all, "{sql}: {step}");
    }
}

#[test]
fn what_is_due_is_found_by_the_partial_indexes() {
    assert_by_index(&events::due_sql(), "event_due (due_at<?)");
    assert_by_index(&events::due_heads_sql(), "event_due (due_at<?)");
    assert_by_index(claim::DUE, "delivery_due (account=? AND next_at<?)");
    assert_by_index(due::ANY_DUE, "delivery_due (account=? AND next_at<?)");
    assert_by_index(due::ANY_TOO_LATE, "delivery_due (account=? AND next_at>?)");
    assert_by_index(due::CLAMP, "delivery_due (account=? AND next_at>?)");
    assert_by_index(due::NEXT_ACCOUNT, "delivery_due (account>?)");
    assert_by_index(claim::EARLIER, "delivery_thread (thread=? AND id<?)");
    assert_by_index(due::ANY_OPEN, "delivery_held (next_at<?)");
    assert_by_index(due::OPEN, "delivery_held (next_at<?)");
    assert_by_index(weight::UNDELIVERED, "delivery_weight (thread=?)");
    assert_by_index(records::PERSONAL, "record_personal (<expr>=?)");
    assert_by_index(digests::OPEN, "digest_open (notification=? AND address=?");
    assert_by_index(digests::OPEN, "record_id=? AND <expr>=?)");
    assert_by_index(digests::SIZES, "digest_part_digest (digest_id=?");
    assert_by_index(digests::PARTS, "digest_part_digest (digest_id=?");
    assert_by_index(digests::DUE, "digest_due (due_at<?)");
    assert_by_index(digests::TOO_LATE, "digest_due (due_at>?)");
    assert_by_index(&log::digests(), "digest_part_event (event_id=?)");
    assert_by_index(outbox::WAKE, "delivery_waits (waits_for=?)");
    assert_by_index(outbox::ANY_WAITING, "delivery_waits (waits_for>?)");
    let store = memory();
    let steps = plan(&lock(&store.reading), outbox::RELEASE);
    assert_eq!(steps, ["SCAN delivery USING INDEX delivery_thread"]);
    assert_by_index(inbound::KNOWN, "inbound_sha256 (sha256=?)");
    assert_by_index(inbound::KNOWN, "inbound_as_sent (as_sent=?)");
    assert_by_index(fetched::JOURNAL, "fetch_journal_account (account=?)");
    assert_by_index(inbound::DUE, "inbound_due (next_at<?)");
    assert_by_index(inbound::ANY_DUE, "inbound_due (next_at<?)");
    assert_by_index(inbound::ANY_DUE, "inbound_due (next_at>?)");
}

#[test]
fn a_glance_at_what_waits_and_at_the_past_reads_no_whole_table() {
    assert_by_index(backlog::EVENT, "event_due (due_at<?)");
    assert_by_index(backlog::INBOUND, "inbound_due (next_at<?)");
    assert_by_index(backlog::READY, "delivery_state (state=?)");
    assert_by_index(backlog::AGAIN, "delivery_state (state=?)");
    assert_by_index(backlog::ENDED, "delivery_state (state=?)");
    assert_by_index(backlog::HELD, "inbound_held (id>?)");
    assert_by_index(events::PAST, "INTEGER PRIMARY KEY (rowid>?)");
    let page = LogFilter {
        before: Some(7),
        limit: 10,
        ..LogFilter::default()
    };
    assert!(
        plan_of(&page)[0].contains("INTEGER PRIMARY KEY (rowid<?)"),
        "{:?}",
        plan_of(&page)
    );
}

#[test]
fn what_is_old_is_found_by_its_age() {
    assert_by_index(trim::EVENTS, "event_created (created<?)");
    assert_by_index(trim::INBOUND, "inbound_received (received<?)");
}

#[test]
fn people_are_looked_up_by_index() {
    let store = memory();
    assert!(records::INDEXED.contains(&("notification_device", "email")));
    for (table, field) in records::INDEXED {
        let look_up = records::indexed_look_up(table, field);
        let steps = plan(&lock(&store.reading), &look_up);
        let index = format!("{table}_{field} (<expr>=?)");
        assert!(steps[0].contains(&index), "{steps:#?}");
    }
}

#[test]
fn each_filter_of_the_log_has_its_index() {
    let none = || LogFilter {
        limit: 10,
        ..LogFilter::default()
    };
    let record = || Some(RecordKey::new("incident", "INC1"));
    for (filter, index) in [
        (
            LogFilter {
                state: Some(DeliveryState::Failed),
                ..none()
            },
            "delivery_state (state=?)",
        ),
        (
            LogFilter {
                record: record(),
                ..none()
            },
            "message_record (table_name=? AND record_id=?)",
        ),
        (
            LogFilter {
                recipient: Some("a@b".to_owned()),
                ..none()
            },
            "message_recipient (recipient=?)",
        ),
        (
            LogFilter {
                event: Some(1),
                ..none()
            },
            "message_event (event_id=?)",
        ),
        (
            LogFilter {
                state: Some(DeliveryState::Failed),
                event: Some(1),
                ..none()
            },
            "message_event (event_id=?)",
        ),
    ] {
        let (sql, _) = log::query(&filter);
        assert_by_index(&sql, index);
    }
    let of = |state| {
        plan_of(&LogFilter {
            state: Some(state),
            ..none()
        })
    };
    for state in DeliveryState::ALL {
        let first = &of(state)[0];
        let index = match state {
            DeliveryState::Delivered => "SCAN d",
            DeliveryState::Leased => "SCAN d USING INDEX delivery_thread",
            DeliveryState::Suppressed => "SCAN d USING INDEX delivery_suppressed",
            DeliveryState::Held | DeliveryState::Skipped => {
                "SEARCH d USING INDEX delivery_aside (state=?)"
            }
            _ => "SEARCH d USING INDEX delivery_state (state=?)",
        };
        assert_eq!(first, index, "{state:?}");
    }
    // Without a filter the newest rows are read from the end of the table itself.
    let steps = plan_of(&none());
    assert_eq!(steps[0], "SCAN d");
    assert!(
        steps
            .iter()
            .skip(1)
            .all(|step| !step.starts_with("SCAN") && !step.contains("TEMP")),
        "{steps:#?}"
    );
}

/// What is asked for each mail makes no table of its own: that would cost more than the question.
#[test]
fn what_is_asked_for_each_mail_needs_no_table_in_between() {
    let store = memory();
    let c = lock(&store.reading);
    for sql in [
        claim::DUE,
        claim::EARLIER,
        claim::SUPPRESSED,
        claim::TAKE,
        outbox::WAITING,
        outbox::SETTLE,
        settle::QUEUE,
        suppression::OF,
    ] {
        let mut explain = c.prepare(&format!("EXPLAIN {sql}")).unwrap();
        for parameter in 1..=explain.parameter_count() {
            explain.raw_bind_parameter(parameter, 0).unwrap();
        }
        let mut rows = explain.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let code: String = row.get(1).unwrap();
            assert_ne!(code, "OpenEphemeral", "{sql}");
        }
    }
}
