use super::*;

/// Histories of each kind, unless somebody wants more of them.
const HISTORIES: u64 = 4_000;

fn all(first: u64, kind: Kind) {
    let number = |name| std::env::var(name).ok().map(|n| n.parse::<u64>().unwrap());
    let seeds = match number("POSTRIDER_SYNC_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + number("POSTRIDER_SYNC_HISTORIES").unwrap_or(HISTORIES),
    };
    for seed in seeds {
        let lived = std::panic::catch_unwind(|| live_through(Random::new(seed), kind));
        assert!(lived.is_ok(), "again with POSTRIDER_SYNC_SEED={seed}");
    }
}

#[test]
fn no_mail_is_lost_or_stored_twice_whenever_the_connection_breaks() {
    all(0, Kind::Connection);
}

#[test]
fn no_mail_is_lost_whenever_the_disk_breaks() {
    all(1_000_000, Kind::Disk);
}

#[test]
fn no_mail_is_lost_or_stored_twice_in_a_database_whenever_it_breaks() {
    all(2_000_000, Kind::Database);
}

#[test]
fn no_mail_is_lost_or_stored_twice_however_answers_leave_the_order_of_the_commands() {
    all(3_000_000, Kind::Order);
}

/// Five mails to be moved, by a server that can do everything.
fn five_mails() -> History {
    let mut world = World::new(Random::new(7));
    (world.has_uidl, world.has_pipelining, world.broken) = (true, true, None);
    (0..5).for_each(|_| world.deliver());
    let policy = Policy {
        deletion: Deletion::Now,
        group: 2,
        ..Policy::default()
    };
    History::new(world, policy)
}

#[test]
fn a_process_that_ends_at_each_operation_on_the_disk_in_turn_loses_nothing() {
    for transactional in [false, true] {
        let mut operations = 0;
        for at in 1.. {
            for chance in 0..20 {
                let mut random = Random::new(chance);
                let mut history = five_mails();
                lock(&history.disk).transactional = transactional;
                lock(&history.disk).breaks_at = Some(at);
                let first = history.session(None, &mut random);
                if first.is_ok() {
                    operations = operations.max(at);
                    break;
                }
                history.session(None, &mut random).unwrap();
                history.check(false);
                assert!(lock(&history.world).maildrop.is_empty(), "ended at {at}");
            }
            if operations == at {
                break;
            }
        }
        assert!(operations > 20, "{operations}");
    }
}

#[test]
fn a_connection_that_breaks_at_each_command_in_turn_loses_nothing() {
    let halves = (0..60).map(How::HalfAnswered);
    for how in [How::Unheard, How::Unanswered].into_iter().chain(halves) {
        for command in 1..=24 {
            let mut random = Random::new(command);
            let mut history = five_mails();
            let first = history.session(Some(Drop { command, how }), &mut random);
            let second = history.session(None, &mut random).unwrap();
            assert!(second.stored + first.map_or(0, |s| s.stored) <= 5);
            history.check(true);
            assert!(
                lock(&history.world)
                    .maildrop
                    .iter()
                    .all(|m| Some(m.id) == lock(&history.world).broken)
            );
        }
    }
}

#[test]
fn a_server_that_gives_no_message_for_now_has_none_put_into_quarantine() {
    let (mut history, mut random) = (five_mails(), Random::new(7));
    lock(&history.world).gives_none = true;
    for _ in 0..2 * Policy::default().quarantine_after {
        history.now += 60;
        let summary = history.session(None, &mut random).unwrap();
        let Summary {
            stored,
            refused,
            left_alone,
            ..
        } = summary;
        assert_eq!((stored, refused, left_alone), (0, 5, 0));
    }
    lock(&history.world).gives_none = false;
    assert_eq!(history.session(None, &mut random).unwrap().stored, 5);
    history.check(true);
}

#[test]
fn a_clock_that_was_not_set_has_nothing_deleted_before_its_time() {
    let (mut history, mut random) = (five_mails(), Random::new(7));
    let age = 14 * 24 * 60 * 60;
    history.policy.deletion = Deletion::After(Duration::from_secs(age));
    let set = std::mem::replace(&mut history.now, 60);
    assert_eq!(history.session(None, &mut random).unwrap().stored, 5);
    // It is set, and then the time that was wanted is over.
    for (now, deleted) in [(set, 0), (set + age - 1, 0), (set + age, 5)] {
        history.now = now;
        let summary = history.session(None, &mut random).unwrap();
        assert_eq!((summary.stored, summary.deleted), (0, deleted), "{now}");
    }
    history.check(true);
}

#[test]
fn a_deletion_that_was_begun_is_finished_even_if_nothing_is_due_any_more() {
    let mut begun = 0;
    for command in 1..=24 {
        let mut random = Random::new(command);
        let mut world = World::new(Random::new(7));
        (0..3).for_each(|_| world.deliver());
        (world.has_uidl, world.broken) = (true, None);
        let mut history = History::new(
            world,
            Policy {
                deletion: Deletion::Now,
                ..Policy::default()
            },
        );
        let _ = history.session(
            Some(Drop {
                command,
                how: How::Unheard,
            }),
            &mut random,
        );
        let pending = String::from_utf8_lossy(&lock(&history.disk).journal).contains("pending");
        history.policy.deletion = Deletion::Never;
        history.session(None, &mut random).unwrap();
        let left = lock(&history.world).maildrop.len();
        assert!(
            left == if pending { 0 } else { 3 } || command > 12,
            "{left} left, dropped at {command}"
        );
        begun += usize::from(pending && left == 0);
    }
    assert!(begun > 0);
}

#[test]
fn the_seeds_of_the_fuzz_target_hold_however_short_they_are_cut() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/pop3_sync");
    let mut lived = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        let octets = std::fs::read(seed.unwrap().path()).unwrap();
        (0..=octets.len()).for_each(|length| live_through_octets(&octets[..length]));
        lived += 1;
    }
    assert!(lived >= 3, "{lived} seeds");
}
