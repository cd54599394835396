//! Which parts of the scope a piece of code mentions: for the checks before a flow is saved, and so that an engine is
//! given no more than it will read.

use std::collections::BTreeSet;

use super::scope::ROOTS;
use super::tokens::{Kind, Token, tokens};

/// A path that a template or a script mentions, such as `steps.contact.ContactID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub path: Vec<String>,
    /// Where it stands, in bytes from the beginning of the text that was compiled.
    pub offset: usize,
}

impl Reference {
    pub fn root(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }
}

/// Every path into the scope that a piece of JavaScript mentions, as far as it is spelled out.
pub(crate) fn references(source: &str) -> Vec<Reference> {
    let tokens = tokens(source);
    (0..tokens.len())
        .filter(|&index| stands_free(source, &tokens, index) && ROOTS.contains(&tokens[index].text(source)))
        .map(|index| Reference { path: path_from(source, &tokens, index), offset: tokens[index].at.start })
        .collect()
}

/// Every name that isn't a property of something else.
pub(crate) fn free_names(source: &str) -> BTreeSet<String> {
    let tokens = tokens(source);
    let mut names: BTreeSet<String> = (0..tokens.len())
        .filter(|&index| stands_free(source, &tokens, index))
        .map(|index| tokens[index].text(source).to_string())
        .collect();
    // A name may be spelled with escapes: then nobody can say which ones are meant.
    if source.contains("\\u") {
        names.insert("globalThis".into());
    }
    names
}

/// Whether code could make a list longer than it has entries: by a constructor, by setting a length, or with an index
/// that only a large or a computed number gives. Rather once too often than once too few.
pub(crate) fn makes_long_lists(source: &str) -> bool {
    let tokens = tokens(source);
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text(source));
    (0..tokens.len()).any(|index| match (tokens[index].kind, text(index)) {
        (Kind::Name, "Array") => {
            text(index + 1) != "." || !matches!(text(index + 2), "isArray" | "from" | "of")
        }
        (Kind::Name, "length") => text(index + 1) == ":" || text(index + 1) == "=" && text(index + 2) != "=",
        (Kind::Name, "globalThis" | "Reflect" | "constructor") => true,
        (Kind::Text, "'length'" | "\"length\"" | "`length`" | "'constructor'" | "\"constructor\"") => true,
        (Kind::Number, number) => number.len() > 7 || number.contains(['e', 'x', 'b', 'o']),
        (Kind::Mark, "*") => text(index + 1) == "*",
        (Kind::Mark, "<") => text(index + 1) == "<",
        _ => false,
    })
}

fn stands_free(source: &str, tokens: &[Token], index: usize) -> bool {
    let mark = |index: Option<usize>| {
        index
            .and_then(|index| tokens.get(index))
            .filter(|token| token.kind == Kind::Mark)
            .map(|token| token.text(source))
    };
    let (before, after) = (mark(index.checked_sub(1)), mark(Some(index + 1)));
    let spread = before == Some(".") && mark(index.checked_sub(2)) == Some(".");
    let property = matches!(before, Some("." | "?.")) && !spread;
    let key = after == Some(":") && matches!(before, Some("{" | ","));
    tokens[index].kind == Kind::Name && !property && !key
}

fn path_from(source: &str, tokens: &[Token], root: usize) -> Vec<String> {
    let text = |index: usize| tokens.get(index).map(|token| (token.kind, token.text(source)));
    let mut path = vec![tokens[root].text(source).to_string()];
    let mut at = root + 1;
    loop {
        let opening = if matches!(text(at), Some((Kind::Mark, "?.")))
            && matches!(text(at + 1), Some((Kind::Mark, "[")))
        {
            at + 1
        } else {
            at
        };
        match (text(opening), text(opening + 1), text(opening + 2)) {
            (Some((Kind::Mark, "." | "?.")), Some((Kind::Name, name)), _) => {
                path.push(name.into());
                at = opening + 2;
            }
            (Some((Kind::Mark, "[")), Some((Kind::Text, name)), Some((Kind::Mark, "]")))
                if name.len() >= 2 =>
            {
                path.push(name[1..name.len() - 1].into());
                at = opening + 3;
            }
            (Some((Kind::Mark, "[")), Some((Kind::Number, index)), Some((Kind::Mark, "]"))) => {
                path.push(index.into());
                at = opening + 3;
            }
            _ => return path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        references(source).iter().map(|reference| reference.path.join("/")).collect()
    }

    #[test]
    fn the_paths_that_code_spells_out_are_listed() {
        let source =
            "steps.contact.ContactID + record.Lines[0]['Unit Price'] + steps?.['x']?.y + previous[key]";
        assert_eq!(
            paths(source),
            ["steps/contact/ContactID", "record/Lines/0/Unit Price", "steps/x/y", "previous"]
        );
        assert_eq!(references("1 + steps.x")[0].offset, 4);
    }

    #[test]
    fn properties_keys_and_strings_are_no_references() {
        assert_eq!(
            paths("a.record.x + {item: 1, steps: record.y}.z + 'record.z' + `${[...item.list]} links`"),
            ["record/y", "item/list"]
        );
    }

    #[test]
    fn names_with_escapes_count_as_any_name() {
        assert!(free_names("d\\u0061te(1)").contains("globalThis"));
        assert!(!free_names("date(1)").contains("globalThis"));
    }
}
