use super::choices::Choices;
use postrider_smtp::direct::{Mode, POLICY_LIMIT, Policy, policy_id};

/// The first line is the TXT record at `_mta-sts`, the second a host, the rest a policy.
///
/// * What reads as a policy is one for a naive reader too: version, mode, hosts, and an age within RFC 8461's bounds.
/// * Line ends do not matter, and the hosts are those named, or one label below a pattern.
/// * An id is 1 to 32 letters and digits of the one record that there is; two records are none.
pub fn mta_sts(input: &[u8]) {
    let mut choices = Choices::new(input);
    let (record, host) = (choices.line(), choices.line());
    let text = choices.rest();
    if let Some(id) = policy_id(&[record.to_vec()]) {
        assert!((1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        let record = String::from_utf8_lossy(record);
        assert!(record.starts_with("v=STSv1") && record.contains(&format!("id={id}")));
        let twice = vec![record.as_bytes().to_vec(); 2];
        assert_eq!(policy_id(&twice), None);
    }
    let host = String::from_utf8_lossy(host);
    let Some(policy) = Policy::parse(text) else {
        return;
    };
    assert!(text.len() <= POLICY_LIMIT);
    let text = std::str::from_utf8(text).expect("a policy that is no text");
    assert_eq!(policy, naive(text));
    let crlf = text.replace("\r\n", "\n").replace('\n', "\r\n");
    assert_eq!(Policy::parse(crlf.as_bytes()).as_ref(), Some(&policy));
    let wanted = host.strip_suffix('.').unwrap_or(&host).to_ascii_lowercase();
    let below = wanted
        .split_once('.')
        .map_or_else(String::new, |(_, rest)| format!("*.{rest}"));
    let named = policy.mx.iter().any(|mx| *mx == wanted || *mx == below);
    // A name with a star in it is no host.
    assert!(
        host.contains('*') || policy.covers(&host) == named,
        "{host}"
    );
}

/// A policy, read line by line without any doubt that it is one.
fn naive(text: &str) -> Policy {
    let fields = || {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name, value.trim_matches([' ', '\t'])))
    };
    let first = |wanted: &str| {
        let mut values = fields().filter(|(name, _)| *name == wanted);
        values.next().expect("a field that must be there").1
    };
    assert_eq!(first("version"), "STSv1");
    let age: u128 = first("max_age").parse().expect("an age");
    let mut policy = Policy::parse(b"version: STSv1\nmode: none\nmax_age: 0").expect("a policy");
    policy.mode = match first("mode") {
        "enforce" => Mode::Enforce,
        "testing" => Mode::Testing,
        _ => Mode::None,
    };
    let hosts = fields().filter(|(name, host)| *name == "mx" && !host.is_empty());
    policy.mx = hosts.map(|(_, host)| host.to_ascii_lowercase()).collect();
    policy.max_age = std::time::Duration::from_secs(age.min(31_557_600) as u64);
    policy
}
