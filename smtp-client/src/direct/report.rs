//! TLS-RPT: how often TLS was made as a domain's policy asks, and what went wrong (RFC 8460).
//!
//! Not supported: sending the reports; the `_smtp._tls` record says where to.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which kind of policy a connection was held to (RFC 8460 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyType {
    /// DANE.
    Tlsa,
    /// MTA-STS.
    Sts,
    /// There is none.
    NoPolicyFound,
}

/// What went wrong (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureType {
    /// The host does not offer STARTTLS, or refuses it.
    StarttlsNotSupported,
    /// The certificate is for another name.
    CertificateHostMismatch,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate's authority is not trusted.
    CertificateNotTrusted,
    /// TLS was not made, for another reason.
    ValidationFailure,
    /// The TLSA records cannot be used.
    TlsaInvalid,
    /// DNSSEC finds the host's records bogus.
    DnssecInvalid,
    /// The policy could not be fetched.
    StsPolicyFetchError,
    /// The policy is none.
    StsPolicyInvalid,
    /// The policy host's certificate is not trusted.
    StsWebpkiInvalid,
}

/// The counters for the domains that mail went to, since they were last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsReport {
    domains: BTreeMap<(String, PolicyType), Counters>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counters {
    policy: Vec<String>,
    mx: Vec<String>,
    successes: u64,
    /// By what went wrong, and with which host.
    failures: BTreeMap<(FailureType, String), u64>,
}

/// Who reports, and for which time: what a report needs besides the counters (RFC 8460 §4.1).
#[derive(Clone, Debug)]
pub struct ReportHeader<'a> {
    /// The name of the organisation that reports.
    pub organization: &'a str,
    /// How to reach it: an address, usually.
    pub contact: &'a str,
    /// A name for the report that is used once.
    pub report_id: &'a str,
    /// The first moment that it covers.
    pub start: SystemTime,
    /// The last.
    pub end: SystemTime,
}

impl TlsReport {
    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// The domains that there is something to report to.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let mut last = None;
        let names = self.domains.keys().map(|(domain, _)| domain.as_str());
        names.filter(move |name| last.replace(*name) != Some(*name))
    }

    /// Connections to a domain that kept to its policy, of all kinds.
    pub fn successes(&self, domain: &str) -> u64 {
        self.of(domain)
            .map(|(_, counters)| counters.successes)
            .sum()
    }

    /// Connections that did not, by what went wrong.
    pub fn failures(&self, domain: &str) -> BTreeMap<FailureType, u64> {
        let mut failures = BTreeMap::new();
        for (_, counters) in self.of(domain) {
            for ((kind, _), count) in &counters.failures {
                *failures.entry(*kind).or_default() += count;
            }
        }
        failures
    }

    /// The report for one domain, as JSON (RFC 8460 §4.4): it goes into a file of its own, or a mail.
    pub fn to_json(&self, domain: &str, header: &ReportHeader<'_>) -> String {
        let mut json = String::from("{\"organization-name\":");
        text(&mut json, header.organization);
        json += ",\"date-range\":{\"start-datetime\":";
        text(&mut json, &rfc3339(header.start));
        json += ",\"end-datetime\":";
        text(&mut json, &rfc3339(header.end));
        json += "},\"contact-info\":";
        text(&mut json, header.contact);
        json += ",\"report-id\":";
        text(&mut json, header.report_id);
        json += ",\"policies\":[";
        for (i, (kind, counters)) in self.of(domain).enumerate() {
            json += if i == 0 { "" } else { "," };
            counters.write(&mut json, kind, domain);
        }
        json += "]}";
        json
    }

    pub(super) fn success(&mut self, of: &Held<'_>) {
        self.counters(of).successes += 1;
    }

    pub(super) fn failure(&mut self, of: &Held<'_>, kind: FailureType, host: &str) {
        let counters = self.counters(of);
        *counters
            .failures
            .entry((kind, host.to_owned()))
            .or_default() += 1;
    }

    fn of(&self, domain: &str) -> impl Iterator<Item = (PolicyType, &Counters)> {
        let all = self.domains.iter();
        all.filter_map(move |((name, kind), counters)| {
            (name == domain).then_some((*kind, counters))
        })
    }

    fn counters(&mut self, of: &Held<'_>) -> &mut Counters {
        let counters = self.domains.entry((of.domain.to_owned(), of.kind));
        let counters = counters.or_default();
        counters.policy.clone_from(&of.policy);
        counters.mx.clone_from(&of.mx);
        counters
    }
}

/// The policy that a connection was held to.
#[derive(Clone, Debug)]
pub(super) struct Held<'a> {
    pub(super) domain: &'a str,
    pub(super) kind: PolicyType,
    /// The lines of the policy, or the TLSA records.
    pub(super) policy: Vec<String>,
    /// The patterns for hosts.
    pub(super) mx: Vec<String>,
}

impl Counters {
    fn write(&self, json: &mut String, kind: PolicyType, domain: &str) {
        *json += "{\"policy\":{\"policy-type\":";
        text(json, &kind.to_string());
        *json += ",\"policy-string\":";
        texts(json, &self.policy);
        *json += ",\"policy-domain\":";
        text(json, domain);
        *json += ",\"mx-host\":";
        texts(json, &self.mx);
        let failed: u64 = self.failures.values().sum();
        let _ = write!(
            json,
            "}},\"summary\":{{\"total-successful-session-count\":{},\"total-failure-session-count\":{failed}}},\"failure-details\":[",
            self.successes
        );
        for (i, ((kind, host), count)) in self.failures.iter().enumerate() {
            *json += if i == 0 {
                "{\"result-type\":"
            } else {
                ",{\"result-type\":"
            };
            text(json, &kind.to_string());
            if !host.is_empty() {
                *json += ",\"receiving-mx-hostname\":";
                text(json, host);
            }
            let _ = write!(json, ",\"failed-session-count\":{count}}}");
        }
        *json += "]}";
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tlsa => "tlsa",
            Self::Sts => "sts",
            Self::NoPolicyFound => "no-policy-found",
        })
    }
}

impl fmt::Display for FailureType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StarttlsNotSupported => "starttls-not-supported",
            Self::CertificateHostMismatch => "certificate-host-mismatch",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotTrusted => "certificate-not-trusted",
            Self::ValidationFailure => "validation-failure",
            Self::TlsaInvalid => "tlsa-invalid",
            Self::DnssecInvalid => "dnssec-invalid",
            Self::StsPolicyFetchError => "sts-policy-fetch-error",
            Self::StsPolicyInvalid => "sts-policy-invalid",
            Self::StsWebpkiInvalid => "sts-webpki-invalid",
        })
    }
}

fn texts(json: &mut String, values: &[String]) {
    *json += "[";
    for (i, value) in values.iter().enumerate() {
        *json += if i == 0 { "" } else { "," };
        text(json, value);
    }
    *json += "]";
}

/// A JSON string (RFC 8259 §7).
fn text(json: &mut String, value: &str) {
    json.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

/// UTC, to the second (RFC 3339 §5.6). Days to dates by the civil calendar, whose year begins in March.
fn rfc3339(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_dates() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_459_468_799), "2016-03-31T23:59:59Z");
        assert_eq!(at(4_102_444_800), "2100-01-01T00:00:00Z");
    }

    #[test]
    fn rfc8460_4_4_a_report_is_json() {
        let mut report = TlsReport::default();
        let sts = Held {
            domain: "company-y.example",
            kind: PolicyType::Sts,
            policy: vec!["version: STSv1".to_owned(), "mode: testing".to_owned()],
            mx: vec!["*.mail.company-y.example".to_owned()],
        };
        report.success(&sts);
        report.success(&sts);
        report.failure(
            &sts,
            FailureType::CertificateExpired,
            "mx1.mail.company-y.example",
        );
        report.failure(
            &sts,
            FailureType::CertificateExpired,
            "mx1.mail.company-y.example",
        );
        report.failure(&sts, FailureType::StsPolicyFetchError, "");
        let none = Held {
            kind: PolicyType::NoPolicyFound,
            policy: vec![],
            mx: vec![],
            domain: "other.example",
        };
        report.success(&none);
        assert_eq!(
            report.domains().collect::<Vec<_>>(),
            ["company-y.example", "other.example"]
        );
        assert_eq!(report.successes("company-y.example"), 2);
        assert_eq!(
            report.failures("company-y.example")[&FailureType::CertificateExpired],
            2
        );
        let header = ReportHeader {
            organization: "Company \"X\"\n",
            contact: "sts-reporting@company-x.example",
            report_id: "5065427c-23d3",
            start: UNIX_EPOCH + Duration::from_secs(1_459_468_800),
            end: UNIX_EPOCH + Duration::from_secs(1_459_555_199),
        };
        let json: serde_json::Value =
            serde_json::from_str(&report.to_json("company-y.example", &header)).unwrap();
        assert_eq!(json["organization-name"], "Company \"X\"\n");
        assert_eq!(json["date-range"]["start-datetime"], "2016-04-01T00:00:00Z");
        let policy = &json["policies"][0];
        assert_eq!(policy["policy"]["policy-type"], "sts");
        assert_eq!(policy["policy"]["policy-string"][1], "mode: testing");
        assert_eq!(policy["policy"]["mx-host"][0], "*.mail.company-y.example");
        assert_eq!(policy["summary"]["total-successful-session-count"], 2);
        assert_eq!(policy["summary"]["total-failure-session-count"], 3);
        let details = policy["failure-details"].as_array().unwrap();
        assert_eq!(details.len(), 2);
        assert_eq!(details[0]["result-type"], "certificate-expired");
        assert_eq!(
            details[0]["receiving-mx-hostname"],
            "mx1.mail.company-y.example"
        );
        assert_eq!(details[0]["failed-session-count"], 2);
        assert_eq!(details[1].get("receiving-mx-hostname"), None);
    }
}
