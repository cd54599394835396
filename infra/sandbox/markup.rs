//! Text as HTML and XML carry it, for both stand-ins.

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Back again, the ampersand last: it may stand before the name of another one.
pub(crate) fn unescaped(text: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_comes_back_as_it_was() {
        let text = "<a href=\"x\">&lt;</a>";
        assert_eq!(escaped(text), "&lt;a href=&quot;x&quot;&gt;&amp;lt;&lt;/a&gt;");
        assert_eq!(unescaped(&escaped(text)), text);
    }
}
