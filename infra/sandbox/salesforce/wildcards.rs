//! Patterns with wildcards: `%` and `_` of LIKE, `*` and `?` of SOSL. Compared without case.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wild {
    /// Any text, be it none.
    Any,
    One,
    Letter(char),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Wild>);

impl Pattern {
    pub(crate) fn new(wild: impl IntoIterator<Item = Wild>) -> Self {
        let mut pattern = Vec::new();
        for wild in wild {
            match wild {
                Wild::Letter(letter) => pattern.extend(letter.to_lowercase().map(Wild::Letter)),
                wild => pattern.push(wild),
            }
        }
        Self(pattern)
    }

    /// The text must be in lower case. Goes back only to the last `Any`, so that no pattern takes long.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (pattern, mut rest) = (&self.0, text.chars());
        let mut place = 0;
        let mut retry = None;
        loop {
            let here = rest.clone();
            let letter = rest.next();
            match (pattern.get(place), letter) {
                (Some(Wild::Any), _) => {
                    place += 1;
                    retry = Some((place, here.clone()));
                    rest = here;
                }
                (None, None) => return true,
                (Some(Wild::One), Some(_)) => place += 1,
                (Some(Wild::Letter(wanted)), Some(letter)) if *wanted == letter => place += 1,
                (_, None) => return false,
                _ => {
                    let Some((after, from)) = retry.as_mut() else { return false };
                    from.next();
                    (place, rest) = (*after, from.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let wild = pattern.chars().map(|letter| match letter {
            '%' => Wild::Any,
            '_' => Wild::One,
            letter => Wild::Letter(letter),
        });
        Pattern::new(wild).matches(text)
    }

    #[test]
    fn any_text_and_any_letter_match_and_long_patterns_end_soon() {
        assert!(matches("A%C", "abc") && matches("%", "") && matches("a_c%", "abc") && matches("%b%", "abc"));
        assert!(!matches("a_c", "ac") && !matches("", "a") && !matches("%b", "abc") && !matches("É", "e"));
        assert!(!matches(&"%a".repeat(60), &"a".repeat(59)) && matches(&"%a".repeat(60), &"a".repeat(60)));
        assert!(!matches(&format!("{}b", "%a".repeat(200)), &"a".repeat(4000)));
    }
}
