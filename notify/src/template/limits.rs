//! What a template may cost.

use super::scan::{Kind, Token, codes, tokens};
use minijinja::Error;
use std::io;
use std::ops::Range;

/// The longest template, in octets.
pub const MAX_SOURCE: usize = 256 * 1024;

/// The most operators and other signs of one expression. Several thousand would overflow the stack of the compiler.
pub const MAX_OPERATORS: usize = 500;

/// The longest expression, in octets.
const MAX_EXPRESSION: usize = 4 * 1024;

/// The most pieces of code in one template.
const MAX_CODES: usize = 2_000;

/// The most `{% elif %}` of one template; each is compiled inside the one before.
pub(super) const MAX_ELIFS: usize = 100;

/// The longest result, in octets.
pub const MAX_OUTPUT: usize = 1024 * 1024;

/// Says what exceeds a limit, if anything does.
pub(super) fn check(source: &str) -> Result<(), (Range<usize>, String)> {
    if source.len() > MAX_SOURCE {
        return Err((0..0, format!("a template has at most {MAX_SOURCE} octets")));
    }
    let codes = codes(source);
    let mut elifs = 0;
    for code in &codes {
        check_expression(source, &code.span)?;
        let words = tokens(source, &code.span);
        elifs += usize::from(words.iter().take(2).any(|word| word.text == "elif"));
        if elifs > MAX_ELIFS {
            return Err((
                code.span.clone(),
                format!("a template has at most {MAX_ELIFS} `elif`"),
            ));
        }
    }
    match codes.get(MAX_CODES) {
        Some(code) => Err((
            code.span.clone(),
            format!("a template has at most {MAX_CODES} pieces of code"),
        )),
        None => Ok(()),
    }
}

/// The same for one expression.
pub(super) fn check_expression(
    source: &str,
    span: &Range<usize>,
) -> Result<(), (Range<usize>, String)> {
    if span.len() > MAX_EXPRESSION {
        return Err((
            span.clone(),
            format!("an expression has at most {MAX_EXPRESSION} octets"),
        ));
    }
    let operators = tokens(source, span).into_iter().filter(is_operator).count();
    if operators > MAX_OPERATORS {
        return Err((
            span.clone(),
            format!("an expression has at most {MAX_OPERATORS} operators"),
        ));
    }
    Ok(())
}

fn is_operator(token: &Token<'_>) -> bool {
    let word = ["and", "or", "not", "in", "is", "if", "else"].contains(&token.text);
    token.kind == Kind::Sign || word
}

/// Renders into memory, and stops at [`MAX_OUTPUT`].
pub(super) fn capped(
    render: impl FnOnce(&mut Capped) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut out = Capped(Vec::new());
    render(&mut out)?;
    Ok(String::from_utf8(out.0).unwrap_or_default())
}

pub(super) struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other(format!(
                "the result has more than {MAX_OUTPUT} octets"
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
