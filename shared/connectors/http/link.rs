//! The `Link` header: which other resource an answer calls its next one.
//! <https://www.rfc-editor.org/rfc/rfc8288#section-3>

/// The target of the first link with `rel="next"`, as written: it may be relative.
pub(super) fn next<'h>(headers: impl Iterator<Item = &'h str>) -> Option<String> {
    headers.flat_map(links).find(|link| link.is("next")).map(|link| link.target)
}

struct Link {
    target: String,
    /// Names in lower case.
    parameters: Vec<(String, String)>,
}

impl Link {
    /// Only the first `rel` counts, which may name several; a link with an `anchor` is another resource's.
    fn is(&self, relation: &str) -> bool {
        let first =
            |wanted: &str| self.parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let relations = first("rel").map(String::as_str).unwrap_or_default();
        first("anchor").is_none()
            && relations.split_whitespace().any(|one| one.eq_ignore_ascii_case(relation))
    }
}

/// All links of one header; from where it can't be read on, nothing.
fn links(header: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while let Some((target, after)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        let mut parameters = Vec::new();
        rest = after.trim_start();
        while let Some(after) = rest.strip_prefix(';') {
            let (name, value, after) = parameter(after.trim_start());
            parameters.push((name.to_ascii_lowercase(), value));
            rest = after.trim_start();
        }
        links.push(Link { target: target.trim().to_owned(), parameters });
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    links
}

/// `name=token`, `name="quoted \" text"` or `name` alone, and what follows.
fn parameter(text: &str) -> (&str, String, &str) {
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, rest) = (text[..end].trim(), &text[end..]);
    let Some(value) = rest.strip_prefix('=').map(str::trim_start) else { return (name, String::new(), rest) };
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        return (name, value[..end].trim().to_owned(), &value[end..]);
    };
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (name, text, &quoted[at + 1..]),
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    (name, text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_however_it_is_written() {
        for (header, expected) in [
            (r#"<https://a.example/?page=2>; rel="next""#, Some("https://a.example/?page=2")),
            ("<?page=2>;rel=next", Some("?page=2")),
            (r#"</a,b;c>; title="x, y; rel=\"prev\""; REL="prev NEXT""#, Some("/a,b;c")),
            (r#"<1>; rel="prev", <3>; rel="next", <9>; rel="last""#, Some("3")),
            (r#", ,<3>  ;  rel = "next" , "#, Some("3")),
            (r#"<2>; rel="prev"; rel="next""#, None),
            (r#"<2>; rel="next"; anchor="/other""#, None),
            (r#"<2>; rel="nextish""#, None),
            ("<2>; rel", None),
            ("<2", None),
            ("2; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next([header].into_iter()).as_deref(), expected, "{header}");
        }
        assert_eq!(next(["<1>; rel=prev", "<2>; rel=next"].into_iter()).as_deref(), Some("2"));
    }
}
