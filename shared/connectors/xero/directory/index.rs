//! The contacts of one organisation in memory, found by what flows match on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::contact::{Contact, normalised};

/// The members that are looked up, apart from the id.
pub(super) const INDEXED: [&str; 4] = ["ContactNumber", "Name", "EmailAddress", "AccountNumber"];

#[derive(Default)]
pub(crate) struct Index {
    by_id: HashMap<String, Arc<Contact>>,
    by_value: HashMap<(&'static str, String), BTreeSet<String>>,
}

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Contact>> {
        self.by_id.get(&id.to_lowercase())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Contact>> {
        self.by_id.values()
    }

    /// The contacts whose member is this, archived ones included, in order of their ids.
    pub(crate) fn find(&self, member: &str, value: &str) -> Vec<Arc<Contact>> {
        if member == "ContactID" {
            return self.get(value.trim()).cloned().into_iter().collect();
        }
        let Some(member) = INDEXED.into_iter().find(|indexed| *indexed == member) else { return Vec::new() };
        let ids = self.by_value.get(&(member, normalised(value)));
        ids.into_iter().flatten().filter_map(|id| self.by_id.get(id).cloned()).collect()
    }

    /// Takes in a version of a contact; an older one than is there changes nothing. Whether anything changed.
    pub(crate) fn apply(&mut self, contact: Arc<Contact>) -> bool {
        let id = contact.id().to_lowercase();
        if let Some(known) = self.by_id.get(&id).cloned() {
            if known.updated() > contact.updated() || known == contact {
                return false;
            }
            self.forget_values(&id, &known);
        }
        for member in INDEXED {
            if let Some(value) = contact.get(member) {
                self.by_value.entry((member, normalised(value))).or_default().insert(id.clone());
            }
        }
        self.by_id.insert(id, contact);
        true
    }

    fn forget_values(&mut self, id: &str, contact: &Contact) {
        for member in INDEXED {
            let Some(value) = contact.get(member) else { continue };
            let key = (member, normalised(value));
            if let Some(ids) = self.by_value.get_mut(&key) {
                ids.remove(id);
                if ids.is_empty() {
                    self.by_value.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contact(name: &str, millis: i64) -> Arc<Contact> {
        let wire =
            json!({"ContactID": "C1", "Name": name, "UpdatedDateUTC": format!("/Date({millis}+0000)/")});
        Arc::new(Contact::of(&wire).unwrap())
    }

    #[test]
    fn a_renamed_contact_is_found_by_its_new_name_alone_whatever_its_case_and_spaces() {
        let mut index = Index::default();
        assert!(index.apply(contact("Old  Name", 1000)));
        assert_eq!(index.find("Name", " old name ").len(), 1);
        assert!(index.apply(contact("New Name", 2000)));
        assert!(index.find("Name", "Old Name").is_empty());
        assert_eq!(index.find("Name", "NEW NAME").len(), 1);
        assert_eq!(index.find("ContactID", "c1").len(), 1);
    }

    #[test]
    fn an_older_version_changes_nothing() {
        let mut index = Index::default();
        index.apply(contact("New", 2000));
        assert!(!index.apply(contact("Old", 1000)));
        assert!(!index.apply(contact("New", 2000)));
        assert_eq!(index.len(), 1);
    }
}
