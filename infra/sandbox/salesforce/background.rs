//! What an org does by itself, with nobody's edit behind it, for tests and people who want to see it happen.

use jiff::SignedDuration;

use super::Salesforce;
use super::answer::Refused;
use super::ids;

/// The log of deletions keeps at least so many hours when it is purged, and is looked after as often.
/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getdeleted.html
const PURGE_HOURS: i64 = 2;

impl Salesforce {
    /// A background job passes over a record: only its `SystemModstamp` moves. `LastModifiedDate` and who modified
    /// it stay as they are, and nobody is told.
    pub fn touch(&self, object: &str, id: &str) -> Result<(), Refused> {
        let mut org = self.org();
        let object = org.object(object)?;
        let id = ids::normalise(id).unwrap_or_default();
        let mut touched = match org.store.table(&object.name).get(&id) {
            Some(record) if !record.is("IsDeleted") => (**record).clone(),
            _ => return Err(Refused::not_found()),
        };
        touched.fields.insert("SystemModstamp".into(), org.next_stamp().into());
        org.store.put(&object, touched);
        Ok(())
    }

    /// What was deleted more than two hours ago is not told any more: `earliestDateAvailable` moves past it.
    pub fn purge_deletions(&self) {
        let mut org = self.org();
        org.deletions_told_since = org.now - SignedDuration::from_hours(PURGE_HOURS);
    }
}
