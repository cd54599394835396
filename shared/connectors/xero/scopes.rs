//! Xero's scopes: which of them opens what, and which a person is asked for.
//!
//! <https://developer.xero.com/documentation/guides/oauth2/scopes/>

use std::collections::BTreeSet;

use crate::domain::connection::Connection;

/// The ending of a scope that reads and doesn't write.
const READ: &str = ".read";

/// What every connection needs: its organisation's name, and the codes that documents are written with.
const SETTINGS: &str = "accounting.settings.read";

/// Without it there is no refresh token.
const OFFLINE: &str = "offline_access";

/// What the actions need.
const ACTIONS: [&str; 3] = ["accounting.contacts", "accounting.invoices", "accounting.settings"];

/// Apps made before March 2026 may have it until September 2027, and what it was divided into.
const BROAD: &str = "accounting.transactions";
const ITS_PARTS: [&str; 4] = [
    "accounting.invoices",
    "accounting.payments",
    "accounting.banktransactions",
    "accounting.manualjournals",
];

/// Whether one of the connection's scopes opens what `needed` is needed for: of those that were given, where that is
/// known, else of those that were asked for.
pub(super) fn allows(connection: &Connection, needed: &str) -> bool {
    let known = match connection.granted_scopes.as_slice() {
        [] => &connection.scopes,
        _ => &connection.granted_scopes,
    };
    known.is_empty() || known.iter().any(|given| opens(given, needed))
}

/// A whole scope reads too; the reading half of one doesn't write.
fn opens(given: &str, needed: &str) -> bool {
    let (given_whole, needed_whole) = (whole(given), whole(needed));
    let is_of = given_whole == needed_whole || (given_whole == BROAD && ITS_PARTS.contains(&needed_whole));
    is_of && (given == given_whole || needed != needed_whole)
}

fn whole(scope: &str) -> &str {
    scope.strip_suffix(READ).unwrap_or(scope)
}

/// What a person is asked for when these are needed: no more than that.
pub(super) fn of_consent(needed: &BTreeSet<String>) -> Vec<String> {
    fewest(needed, [OFFLINE, SETTINGS])
}

/// What a custom connection asks for when these are needed: that, and what the actions write with. Each must have been
/// given to the app as well.
pub(super) fn of_machine(needed: &BTreeSet<String>) -> Vec<String> {
    fewest(needed, ACTIONS)
}

/// All of them, but for the reading half of one that is there as a whole.
fn fewest<const N: usize>(needed: &BTreeSet<String>, always: [&str; N]) -> Vec<String> {
    let all: BTreeSet<&str> = needed.iter().map(String::as_str).chain(always).collect();
    let is_in_another = |scope: &str| whole(scope) != scope && all.contains(whole(scope));
    all.iter().filter(|scope| !is_in_another(scope)).map(|scope| (*scope).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::xero::testing;

    #[test]
    fn a_whole_scope_reads_and_writes_and_its_reading_half_only_reads() {
        for (given, needed, is_enough) in [
            ("accounting.invoices", "accounting.invoices", true),
            ("accounting.invoices", "accounting.invoices.read", true),
            ("accounting.invoices.read", "accounting.invoices.read", true),
            ("accounting.invoices.read", "accounting.invoices", false),
            ("accounting.invoices", "accounting.payments.read", false),
            ("accounting.transactions", "accounting.payments", true),
            ("accounting.transactions.read", "accounting.payments.read", true),
            ("accounting.transactions.read", "accounting.payments", false),
            ("accounting.transactions", "accounting.contacts.read", false),
        ] {
            let connection = Connection { scopes: vec![given.to_owned()], ..testing::connection() };
            assert_eq!(allows(&connection, needed), is_enough, "{given} for {needed}");
        }
        assert!(allows(&Connection { scopes: Vec::new(), ..testing::connection() }, "accounting.payments"));
    }

    #[test]
    fn a_person_is_asked_for_what_is_needed_and_for_nothing_twice() {
        let needed = ["accounting.invoices.read", "accounting.invoices", "accounting.contacts.read"];
        let needed: BTreeSet<String> = needed.map(str::to_owned).into();
        let asked = ["accounting.contacts.read", "accounting.invoices", SETTINGS, OFFLINE];
        assert_eq!(of_consent(&needed), asked);
        assert_eq!(of_consent(&BTreeSet::new()), [SETTINGS, OFFLINE]);
    }

    #[test]
    fn a_machine_asks_for_what_is_needed_beside_what_the_actions_write_with() {
        let needed = ["accounting.invoices.read", "accounting.payments.read"].map(str::to_owned).into();
        let asked =
            ["accounting.contacts", "accounting.invoices", "accounting.payments.read", "accounting.settings"];
        assert_eq!(of_machine(&needed), asked);
        assert_eq!(of_machine(&BTreeSet::new()), ACTIONS);
    }
}
