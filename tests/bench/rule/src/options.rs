/// What was said on the command line.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--quick`: fewer and shorter rounds, for a look.
    pub quick: bool,
    /// `--strict`: a bar that does not hold is a failure.
    pub strict: bool,
    /// `--only WORD`: the bars whose names contain it.
    pub only: Option<String>,
}

impl Options {
    /// Reads the command line of this process; what it does not know it refuses.
    pub fn from_command_line() -> Result<Self, String> {
        Self::read(std::env::args().skip(1))
    }

    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--strict" => options.strict = true,
                "--only" => options.only = Some(words.next().ok_or("--only wants a word")?),
                other => return Err(format!("no such option: {other}")),
            }
        }
        Ok(options)
    }

    /// Whether a bar of that name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|word| name.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused() {
        let read = |words: &[&str]| Options::read(words.iter().map(ToString::to_string));
        let options = read(&["--quick", "--only", "mime"]).unwrap();
        assert!(options.quick && !options.strict && options.wants("mime/x") && !options.wants("y"));
        assert!(read(&["--fast"]).is_err() && read(&["--only"]).is_err());
    }
}
