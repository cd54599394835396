//! An org takes on several currencies: its objects gain a field, and its records the currency they had all along.
//!
//! https://help.salesforce.com/s/articleView?id=sf.admin_enable_multicurrency_implications.htm

use std::sync::Arc;

use super::objects::Object;
use super::org::Org;

impl Org {
    /// There is no way back.
    pub(crate) fn take_on_currencies(&mut self) {
        self.schema.take_on_currencies();
        self.schema_changed = self.now;
        let objects = self.schema.objects.iter().filter(|object| object.field("CurrencyIsoCode").is_some());
        for object in objects.cloned().collect::<Vec<Arc<Object>>>() {
            let mut ids = Vec::new();
            self.store.table(&object.name).sift("", |record| {
                ids.push(record.id.clone());
                false
            });
            for id in ids {
                self.store.tidy();
                let Some(record) = self.store.table(&object.name).get(&id) else { continue };
                let mut record = (**record).clone();
                record.fields.insert("CurrencyIsoCode".into(), self.options.currency.clone().into());
                self.store.put(&object, record);
            }
        }
    }
}
