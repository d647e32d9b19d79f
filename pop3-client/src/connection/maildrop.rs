use crate::{DropListing, MessageNumber, Violation};

/// What STAT and LIST said about the maildrop: bounds for what follows.
#[derive(Debug)]
pub(super) struct Maildrop {
    max_entries: u32,
    count: Option<u32>,
    octets: Vec<u64>,
    deleted: bool,
}

/// In `octets`: LIST has not named this message.
const UNKNOWN: u64 = u64::MAX;

impl Maildrop {
    pub(super) fn new(max_entries: u32) -> Self {
        Self {
            max_entries,
            count: None,
            octets: Vec::new(),
            deleted: false,
        }
    }

    /// The highest number that a message can have.
    pub(super) fn highest(&self) -> u32 {
        self.count.unwrap_or(self.max_entries)
    }

    pub(super) fn octets(&self, number: MessageNumber) -> Option<u64> {
        self.octets
            .get(number.index())
            .copied()
            .filter(|octets| *octets != UNKNOWN)
    }

    /// From now on STAT counts fewer messages than there are numbers.
    pub(super) fn message_deleted(&mut self) {
        self.deleted = true;
    }

    pub(super) fn counted(&mut self, listing: DropListing) -> Result<(), Violation> {
        if listing.count > self.max_entries {
            let limit = usize::try_from(self.max_entries).unwrap_or(usize::MAX);
            return Err(Violation::TooManyLines {
                request: crate::Request::Stat,
                limit,
            });
        }
        if !self.deleted {
            self.count = Some(listing.count);
        }
        Ok(())
    }

    pub(super) fn check(&self, number: MessageNumber) -> Result<(), Violation> {
        let count = self.highest();
        if number.value() > count {
            Err(Violation::OutOfRange { number, count })
        } else {
            Ok(())
        }
    }

    /// Remembers a size. The number was checked.
    pub(super) fn listed(&mut self, number: MessageNumber, octets: u64) {
        let index = number.index();
        if self.octets.len() <= index {
            self.octets.resize(index + 1, UNKNOWN);
        }
        if let Some(slot) = self.octets.get_mut(index) {
            *slot = octets.min(UNKNOWN - 1);
        }
    }
}

/// Which message numbers a listing has named: a bit each.
#[derive(Debug, Default)]
pub(super) struct Named(Vec<u64>);

impl Named {
    /// Adds a number; false if it was there.
    pub(super) fn insert(&mut self, number: MessageNumber) -> bool {
        let (word, bit) = (number.index() / 64, 1u64 << (number.index() % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let Some(slot) = self.0.get_mut(word) else {
            return false;
        };
        let new = *slot & bit == 0;
        *slot |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once() {
        let mut named = Named::default();
        for number in [1, 64, 65, 128, 1_000_000] {
            let number = MessageNumber::new(number).unwrap();
            assert!(named.insert(number));
            assert!(!named.insert(number));
        }
    }

    #[test]
    fn a_number_is_at_most_the_count_and_the_count_at_most_the_limit() {
        let check =
            |maildrop: &Maildrop, number| maildrop.check(MessageNumber::new(number).unwrap());
        let counted =
            |maildrop: &mut Maildrop, count| maildrop.counted(DropListing { count, octets: 0 });
        let mut maildrop = Maildrop::new(3);
        assert_eq!([3, 4].map(|n| check(&maildrop, n).is_ok()), [true, false]);
        assert_eq!(counted(&mut maildrop, 3), Ok(()));
        assert!(counted(&mut maildrop, 4).is_err());
        assert_eq!(counted(&mut maildrop, 2), Ok(()));
        assert_eq!(
            [1, 2, 3].map(|n| check(&maildrop, n).is_ok()),
            [true, true, false]
        );
    }

    #[test]
    fn a_size_is_known_of_what_was_listed() {
        let mut maildrop = Maildrop::new(9);
        let [one, two, three] = [1, 2, 3].map(|number| MessageNumber::new(number).unwrap());
        maildrop.listed(two, 60);
        assert_eq!(
            [one, two, three].map(|n| maildrop.octets(n)),
            [None, Some(60), None]
        );
        maildrop.listed(one, u64::MAX);
        assert_eq!(maildrop.octets(one), Some(u64::MAX - 1));
        assert_eq!(maildrop.octets(two), Some(60));
    }

    #[test]
    fn after_dele_a_lower_count_bounds_nothing() {
        let mut maildrop = Maildrop::new(100);
        maildrop
            .counted(DropListing {
                count: 3,
                octets: 9,
            })
            .unwrap();
        maildrop.message_deleted();
        maildrop
            .counted(DropListing {
                count: 2,
                octets: 6,
            })
            .unwrap();
        assert_eq!(maildrop.highest(), 3);
        assert!(
            maildrop
                .counted(DropListing {
                    count: 101,
                    octets: 0
                })
                .is_err()
        );
    }
}
