use crate::rounds::Measured;
use std::fmt::Write;

/// What a ratio has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It was measured.
    Measured {
        /// The median of the ratios of the rounds.
        ratio: f64,
        /// The middle half of them.
        spread: (f64, f64),
        /// The medians, ours and the peer's.
        medians: (f64, f64),
        /// What the medians count.
        unit: &'static str,
        /// How many rounds.
        rounds: usize,
    },
    /// It could not be measured, and why.
    Skipped(String),
}

/// One promise: a ratio and its bound.
#[derive(Clone, Debug)]
pub struct Bar {
    /// `area/work vs peer`.
    pub name: String,
    /// What the ratio has to be.
    pub bound: Bound,
    /// What came out.
    pub verdict: Verdict,
}

impl Bar {
    /// How many times as fast as the peer we are: the peer's time through ours.
    pub fn faster(name: &str, at_least: f64, ours: &Measured, peer: &Measured) -> Self {
        let ratios: Vec<f64> = peer.pair(ours, |peer, ours| peer / ours);
        Self::of_ratios(name, Bound::AtLeast(at_least), &ratios, (ours.median(), peer.median()), ours.unit)
    }

    /// What share of the peer's cost ours is.
    pub fn share(name: &str, at_most: f64, ours: &Measured, peer: &Measured) -> Self {
        let ratios: Vec<f64> = ours.pair(peer, |ours, peer| ours / peer);
        Self::of_ratios(name, Bound::AtMost(at_most), &ratios, (ours.median(), peer.median()), ours.unit)
    }

    /// A figure of ours, with no peer, that has a bound; `medians` says what it was made from.
    pub fn of_ratios(name: &str, bound: Bound, ratios: &[f64], medians: (f64, f64), unit: &'static str) -> Self {
        Self {
            name: name.into(),
            bound,
            verdict: Verdict::Measured {
                ratio: crate::median(ratios),
                spread: crate::middle_half(ratios),
                medians,
                unit,
                rounds: ratios.len(),
            },
        }
    }

    /// A bar that could not be measured.
    pub fn skipped(name: &str, bound: Bound, why: impl Into<String>) -> Self {
        Self { name: name.into(), bound, verdict: Verdict::Skipped(why.into()) }
    }

    /// Whether the bound holds; `None` when it was not measured.
    pub fn holds(&self) -> Option<bool> {
        let Verdict::Measured { ratio, .. } = self.verdict else {
            return None;
        };
        Some(match self.bound {
            Bound::AtLeast(bound) => ratio >= bound,
            Bound::AtMost(bound) => ratio <= bound,
        })
    }

    /// The bar as one line of JSON.
    pub fn json(&self) -> String {
        let mut line = format!("{{\"bar\": {}", quoted(&self.name));
        let (key, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at_least", bound),
            Bound::AtMost(bound) => ("at_most", bound),
        };
        match &self.verdict {
            Verdict::Skipped(why) => {
                let _ = write!(line, ", \"{key}\": {bound}, \"skipped\": {}", quoted(why));
            }
            Verdict::Measured { ratio, spread, medians, unit, rounds } => {
                let _ = write!(
                    line,
                    ", \"ratio\": {}, \"{key}\": {bound}, \"holds\": {}, \"median\": {{\"ours\": {}, \"peer\": {}, \
                     \"unit\": {}}}, \"spread\": [{}, {}], \"rounds\": {rounds}",
                    number(*ratio),
                    self.holds() == Some(true),
                    number(medians.0),
                    number(medians.1),
                    quoted(unit),
                    number(spread.0),
                    number(spread.1),
                );
            }
        }
        line.push('}');
        line
    }
}

/// Four digits are more than a ratio is worth.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "null".into();
    }
    let digits = if value.abs() >= 100.0 {
        1
    } else if value.abs() >= 0.1 {
        3
    } else {
        6
    };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_one_line_of_json() {
        let bar = Bar::of_ratios("a/b vs \"c\"", Bound::AtLeast(3.0), &[3.5, 3.0, 4.0], (1.0, 350.0), "us");
        assert_eq!(
            bar.json(),
            "{\"bar\": \"a/b vs \\\"c\\\"\", \"ratio\": 3.5, \"at_least\": 3, \"holds\": true, \"median\": {\"ours\": 1, \
             \"peer\": 350, \"unit\": \"us\"}, \"spread\": [3.25, 3.75], \"rounds\": 3}"
        );
        let bar = Bar::skipped("x", Bound::AtMost(0.5), "not\ninstalled");
        assert_eq!(bar.json(), "{\"bar\": \"x\", \"at_most\": 0.5, \"skipped\": \"not\\u000ainstalled\"}");
    }

    #[test]
    fn a_bound_that_is_not_met_does_not_hold() {
        let at = |bound, ratio| Bar::of_ratios("", bound, &[ratio], (0.0, 0.0), "").holds();
        assert_eq!(at(Bound::AtLeast(2.0), 2.0), Some(true));
        assert_eq!(at(Bound::AtLeast(2.0), 1.9), Some(false));
        assert_eq!(at(Bound::AtMost(2.0), 2.1), Some(false));
        assert_eq!(at(Bound::AtMost(2.0), f64::NAN), Some(false));
    }
}
