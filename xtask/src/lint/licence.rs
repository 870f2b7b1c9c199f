//! Licence expressions in the SPDX form that crates declare (SPDX specification, annex D).

/// Whether `expression` can be fulfilled with licences that `allowed` accepts. An empty or malformed one cannot.
pub(super) fn satisfied(expression: &str, allowed: impl Fn(&str) -> bool) -> bool {
    // The slash is the older spelling of OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed: &allowed };
    parser.alternatives() == Some(true) && parser.words.is_empty()
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    /// `a OR b`, the weakest binding.
    fn alternatives(&mut self) -> Option<bool> {
        let mut value = self.conjunction()?;
        while self.skip("OR") {
            // No short cut: the words have to be consumed.
            value |= self.conjunction()?;
        }
        Some(value)
    }

    /// `a AND b`.
    fn conjunction(&mut self) -> Option<bool> {
        let mut value = self.licence()?;
        while self.skip("AND") {
            value &= self.licence()?;
        }
        Some(value)
    }

    /// `( … )`, or `id`, or `id WITH exception`, which is allowed as a whole or not at all.
    fn licence(&mut self) -> Option<bool> {
        if self.skip("(") {
            let value = self.alternatives()?;
            return self.skip(")").then_some(value);
        }
        let id = self.next()?;
        if self.skip("WITH") {
            let exception = self.next()?;
            return Some((self.allowed)(&format!("{id} WITH {exception}")));
        }
        Some((self.allowed)(id))
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.next();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_mit_and_isc(expression: &str) -> bool {
        satisfied(expression, |id| ["MIT", "ISC"].contains(&id))
    }

    #[test]
    fn one_alternative_is_enough_but_every_part_of_a_conjunction_is_needed() {
        assert!(with_mit_and_isc("GPL-3.0 OR MIT"));
        assert!(with_mit_and_isc("MIT/GPL-3.0"));
        assert!(with_mit_and_isc("MIT AND ISC"));
        assert!(!with_mit_and_isc("MIT AND GPL-3.0"));
        assert!(with_mit_and_isc("ISC AND (GPL-3.0 OR MIT)"));
        assert!(!with_mit_and_isc("(MIT OR ISC) AND GPL-3.0"));
    }

    #[test]
    fn an_exception_is_part_of_the_licence() {
        assert!(!with_mit_and_isc("MIT WITH something"));
        assert!(satisfied("Apache-2.0 WITH LLVM-exception", |id| id == "Apache-2.0 WITH LLVM-exception"));
    }

    #[test]
    fn what_is_not_an_expression_allows_nothing() {
        for text in ["", "MIT MIT", "(MIT", "MIT OR", "AND MIT", "MIT)"] {
            assert!(!with_mit_and_isc(text), "{text}");
        }
    }
}
