//! What was meant: the known name nearest to the one that was written.

/// `did you mean create_invoice?`, where something is near enough to be worth saying.
pub(super) fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(written, known).map(|name| format!("did you mean {name}?"))
}

/// The nearest name, if it isn't too far: a third of its letters may differ. Case and `_`, `-` don't count, and
/// `create_invoice` is near to `xero.create_invoice`.
pub(super) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let wanted = plain(written);
    known
        .into_iter()
        .map(|name| {
            let whole = strsim::damerau_levenshtein(&wanted, &plain(name));
            let tail = match (written.contains('.'), name.rsplit_once('.')) {
                (false, Some((_, tail))) => strsim::damerau_levenshtein(&wanted, &plain(tail)),
                _ => whole,
            };
            (whole.min(tail), name)
        })
        .filter(|(distance, name)| *distance <= (name.chars().count().max(wanted.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `when, steps, else`, cut where it gets long.
pub(super) fn listed<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_name_that_was_meant() {
        let known = ["xero.create_invoice", "xero.create_credit_note", "salesforce.create_task"];
        assert_eq!(nearest("xero.create_invoyce", known), Some("xero.create_invoice"));
        assert_eq!(nearest("create_invoice", known), Some("xero.create_invoice"));
        assert_eq!(nearest("Xero.CreateInvoice", known), Some("xero.create_invoice"));
    }

    #[test]
    fn something_else_altogether_finds_nothing() {
        assert_eq!(nearest("send_postcard", ["with", "when", "link"]), None);
        assert_eq!(nearest("x", ["when"]), None);
    }
}
