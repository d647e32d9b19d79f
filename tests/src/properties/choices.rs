/// Octets that decide something: what a fuzzer varies, turned into choices. Where they run out, every choice is the first.
///
/// A letter chooses by its place in the alphabet and a digit by its value, so that seeds can be written by hand.
#[derive(Clone, Debug)]
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next octet's choice.
    pub(crate) fn number(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(match first {
            b'0'..=b'9' => first - b'0',
            b'a'..=b'z' => first - b'a',
            other => *other,
        })
    }

    /// One of several things, which are at least one.
    #[cfg(feature = "notify")]
    pub(crate) fn of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.number() % things.len()]
    }

    /// What stands before the next line feed.
    pub(crate) fn line(&mut self) -> &'a [u8] {
        let mut parts = self.0.splitn(2, |octet| *octet == b'\n');
        let line = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        line
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}
