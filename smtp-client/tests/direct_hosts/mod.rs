//! Which of a domain's hosts are asked, by which names, and what they must have.

use super::tls_server::serve_each;
use super::*;

fn require_tls() -> MailParameters {
    let mut parameters = MailParameters::default();
    parameters.require_tls = true;
    parameters
}

#[tokio::test]
async fn rfc5321_5_1_a_domain_without_mx_and_without_address_does_not_exist() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let zone = Zone::default()
        .mx("gone.example", &[])
        .mx("nowhere.example", &[])
        .mx("sick.example", &[]);
    let envelope = to(&["r@gone.example", "r@nowhere.example", "r@sick.example"]);
    let outcomes = direct(zone, &server).send(&envelope, MESSAGE).await;
    let shown: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    let wanted = [
        "<r@gone.example> refused at connect: connect: 5.1.2 there is no such domain",
        "<r@nowhere.example> refused at connect: connect: 5.1.2 there is no such domain",
        "<r@sick.example> deferred at connect: connect: 4.4.3 DNS: bogus",
    ];
    for (shown, wanted) in shown.iter().zip(wanted) {
        assert!(shown.starts_with(wanted), "{shown}\n{wanted}");
    }
}

#[cfg(feature = "idna")]
#[tokio::test]
async fn rfc5891_tls_is_required_for_a_domain_by_whichever_of_its_names() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let zone = || Zone::default().mx("xn--bcher-kva.example", &[(10, "a.example")]);
    for name in [
        "b\u{fc}cher.example",
        "B\u{dc}CHER.Example.",
        "xn--bcher-kva.example",
        "xn--bcher-kva.EXAMPLE.",
    ] {
        for recipient in ["r@b\u{fc}cher.example", "r@xn--bcher-kva.example"] {
            let strict = direct(zone(), &server).require_tls_for(name);
            let outcome = send(&strict, &to(&[recipient])).await;
            assert_eq!(
                (outcome.outcome, outcome.stage),
                (Outcome::Deferred, Stage::StartTls),
                "{name}: {outcome}"
            );
        }
    }
}

#[cfg(feature = "idna")]
#[tokio::test]
async fn rfc5891_this_host_is_known_by_whichever_of_its_names() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let zone = Zone::default().mx("one.example", &[(10, "xn--bcher-kva.example")]);
    let own: Domain = "b\u{fc}cher.example".parse().unwrap();
    let direct = direct(zone, &server).own_name(&own);
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert!(outcome.to_string().contains("5.4.6"), "{outcome}");
}

#[tokio::test]
async fn rfc8689_4_2_1_records_that_cannot_be_used_vouch_for_nobody() {
    let own = Identity::new("a.example");
    let server = serve(Security::StartTls, &own, "250-x\r\n250 REQUIRETLS\r\n").await;
    let odd = || signed_zone(record([1, 1, 1], &[0; 32]));
    let plain = to(&["r@one.example"]);
    let all_the_way = plain.clone().with_parameters(require_tls());
    let policies = [("one.example", ENFORCE)];
    for (strict, envelope) in [
        (direct(odd(), &server).require_tls(), &plain),
        (
            direct(odd(), &server).require_tls_for("one.example"),
            &plain,
        ),
        (direct(odd(), &server), &all_the_way),
        (
            with_policies(odd().sts("one.example"), &server, &policies),
            &plain,
        ),
    ] {
        let outcome = send(&strict, envelope).await;
        assert_eq!(
            (outcome.outcome, outcome.stage),
            (Outcome::Deferred, Stage::Tls),
            "{outcome}"
        );
        let outcome = send(&strict.tls(trusting(&own)), envelope).await;
        assert!(outcome.is_accepted(), "{outcome}");
    }
}

#[tokio::test]
async fn rfc8689_4_2_1_a_host_without_requiretls_is_followed_by_the_next() {
    let own = Identity::new("whoever");
    let zone = || {
        let record = tlsa(3, 1, &own.public_key());
        let hosts = [(10, "a.example"), (20, "b.example")];
        let mut zone = signed_zone(record.clone()).mx("one.example", &hosts);
        zone.tlsa.insert("b.example".to_owned(), vec![record]);
        zone
    };
    let envelope = to(&["r@one.example"]).with_parameters(require_tls());
    let (without, with) = ("250 x\r\n", "250-x\r\n250 REQUIRETLS\r\n");
    let server = serve_each(Security::StartTls, &own, &[without, with]).await;
    let outcome = send(&direct(zone(), &server), &envelope).await;
    assert!(outcome.is_accepted(), "{outcome}");
    let heard = server.heard(2).await;
    let said = heard.iter().flat_map(|heard| &heard.inside);
    assert_eq!(said.filter(|line| line.starts_with("MAIL")).count(), 1);

    let server = serve_each(Security::StartTls, &own, &[without]).await;
    let outcome = send(&direct(zone(), &server), &envelope).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Refused, Stage::Local),
        "{outcome}"
    );
    assert!(outcome.to_string().contains("REQUIRETLS"), "{outcome}");
}

#[tokio::test]
async fn what_a_host_lacks_is_final_only_if_every_host_lacks_it() {
    let (small, large) = ("250-x\r\n250 SIZE 1\r\n", "250-x\r\n250 SIZE 1000\r\n");
    for (hosts, ehlos, wanted) in [
        (
            ["a.example", "b.example"],
            [small, large],
            Outcome::Accepted,
        ),
        (["a.example", "b.example"], [small, small], Outcome::Refused),
        // Nobody knows what a host has that cannot be asked for now.
        (
            ["a.example", "sick.example"],
            [small, small],
            Outcome::Deferred,
        ),
        (
            ["sick.example", "a.example"],
            [small, small],
            Outcome::Deferred,
        ),
    ] {
        let server = serve_each(Security::None, &Identity::new("x"), &ehlos).await;
        let zone = Zone::default().mx("one.example", &[(10, hosts[0]), (20, hosts[1])]);
        let outcome = send(&direct(zone, &server), &to(&["r@one.example"])).await;
        assert_eq!(outcome.outcome, wanted, "{hosts:?}: {outcome}");
    }
}

#[tokio::test]
async fn what_a_host_lacks_is_final_if_the_others_do_not_exist() {
    for hosts in [
        ["a.example", "gone.example"],
        ["gone.example", "a.example"],
        ["a.example", "nowhere.example"],
        ["nowhere.example", "a.example"],
    ] {
        let small = "250-x\r\n250 SIZE 1\r\n";
        let server = serve(Security::None, &Identity::new("x"), small).await;
        let zone = Zone::default().mx("one.example", &[(10, hosts[0]), (20, hosts[1])]);
        let outcome = send(&direct(zone, &server), &to(&["r@one.example"])).await;
        assert_eq!(
            (outcome.outcome, outcome.stage),
            (Outcome::Refused, Stage::Local),
            "{hosts:?}: {outcome}"
        );
    }
}

#[tokio::test]
async fn a_host_that_does_not_exist_takes_away_nothing_that_is_known_of_the_others() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    for hosts in [
        ["sick.example", "gone.example"],
        ["gone.example", "sick.example"],
        ["sick.example", "nowhere.example"],
    ] {
        let zone = Zone::default().mx("one.example", &[(10, hosts[0]), (20, hosts[1])]);
        let outcome = send(&direct(zone, &server), &to(&["r@one.example"])).await;
        assert_eq!(outcome.outcome, Outcome::Deferred, "{hosts:?}");
        let shown = outcome.to_string();
        assert!(shown.contains("bogus"), "{hosts:?}: {shown}");
    }
}
