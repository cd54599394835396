//! What flows can start from in Xero. A new trigger is one file that says what is watched, and one line in [`all`].

mod kind;
mod new_bank_transaction;
mod new_credit_note;
mod new_or_updated_bill;
mod new_or_updated_contact;
mod new_or_updated_invoice;
mod new_or_updated_purchase_order;
mod new_or_updated_quote;
mod new_overpayment;
mod new_payment;
mod new_prepayment;
mod options;
mod watch;

pub(super) use watch::version_of;

use std::sync::Arc;

use super::directory::Directory;
use crate::ports::connector::Trigger;

pub(super) fn all(directory: &Arc<Directory>) -> Vec<Arc<dyn Trigger>> {
    let watch = |kind| Arc::new(watch::Watch::new(kind, directory)) as Arc<dyn Trigger>;
    kinds().into_iter().map(watch).collect()
}

fn kinds() -> [&'static kind::Kind; 10] {
    [
        &new_bank_transaction::KIND,
        &new_credit_note::KIND,
        &new_or_updated_bill::KIND,
        &new_or_updated_contact::KIND,
        &new_or_updated_invoice::KIND,
        &new_or_updated_purchase_order::KIND,
        &new_or_updated_quote::KIND,
        &new_overpayment::KIND,
        &new_payment::KIND,
        &new_prepayment::KIND,
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Object;
    use crate::ports::queue::POLLED;

    #[test]
    fn every_trigger_takes_its_own_example_and_gives_its_sample() {
        for trigger in all(&Arc::default()) {
            let about = trigger.describe();
            let mut options: Object = serde_saphyr::from_str(about.example).unwrap();
            assert_eq!(options.shift_remove("type"), Some(json!(about.id)));
            let interest =
                trigger.interest(&options).unwrap_or_else(|failure| panic!("{}: {failure}", about.id));
            assert_eq!(trigger.project(&interest, &about.sample), about.sample);
            assert!(options::Filter::of(&interest).takes(kind_of(about.id), &about.sample), "{}", about.id);
            assert!(POLLED.iter().any(|(polled, _)| *polled == about.id), "{} has no queue", about.id);
        }
    }

    fn kind_of(id: &str) -> &'static kind::Kind {
        kinds().into_iter().find(|kind| kind.id == id).expect("is one of them")
    }
}
