//! Where the records of one table lie. Of a large table all but the first are packed: a million records, each
//! a map of its own, would not fit where this runs.
//!
//! A packed record is unpacked when somebody looks at it and stays so until `tidy`. Called by `store.rs`.

mod shape;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use shape::Shape;

use super::store::Record;
use crate::bytes::{Bytes, put_number};

/// So many records of a table are never packed, and as many unpacked ones are left at hand.
const AT_HAND: usize = 4_000;

#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    shapes: Vec<Shape>,
    /// The place of a shape by its field names.
    shape_of: HashMap<Vec<String>, usize>,
    /// Packed ones that were unpacked since the last time.
    unpacked: RefCell<Vec<u32>>,
}

#[derive(Debug)]
enum Slot {
    Empty,
    AtHand(Arc<Record>),
    /// The number of its shape, and its values.
    Packed {
        bytes: Box<[u8]>,
        record: OnceCell<Arc<Record>>,
    },
}

impl Slots {
    /// The slot that a new record gets.
    pub(crate) fn next(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Arc<Record>> {
        match self.slots.get(slot as usize)? {
            Slot::Empty => None,
            Slot::AtHand(record) => Some(record),
            Slot::Packed { bytes, record } => Some(record.get_or_init(|| {
                self.unpacked.borrow_mut().push(slot);
                Arc::new(self.unpack(bytes))
            })),
        }
    }

    /// The same, if it is wanted: one that isn't is looked at and let go.
    pub(crate) fn get_if(&self, slot: u32, wanted: impl FnOnce(&Record) -> bool) -> Option<&Arc<Record>> {
        if let Slot::Packed { bytes, record } = self.slots.get(slot as usize)?
            && record.get().is_none()
        {
            let unpacked = self.unpack(bytes);
            return wanted(&unpacked).then(|| {
                self.unpacked.borrow_mut().push(slot);
                record.get_or_init(|| Arc::new(unpacked))
            });
        }
        self.get(slot).filter(|record| wanted(record))
    }

    pub(crate) fn put(&mut self, slot: u32, record: Arc<Record>) {
        let place = slot as usize;
        let kept = if place < AT_HAND { Slot::AtHand(record) } else { self.pack(&record) };
        match self.slots.get_mut(place) {
            Some(slot) => *slot = kept,
            None => self.slots.push(kept),
        }
    }

    pub(crate) fn clear(&mut self, slot: u32) {
        if slot as usize + 1 == self.slots.len() {
            self.slots.pop();
        } else if let Some(slot) = self.slots.get_mut(slot as usize) {
            *slot = Slot::Empty;
        }
    }

    pub(crate) fn tidy(&mut self) {
        if self.unpacked.get_mut().len() <= AT_HAND {
            return;
        }
        for slot in std::mem::take(self.unpacked.get_mut()) {
            if let Some(Slot::Packed { record, .. }) = self.slots.get_mut(slot as usize) {
                record.take();
            }
        }
    }

    fn pack(&mut self, record: &Record) -> Slot {
        let names: Vec<String> = record.fields.keys().cloned().collect();
        let number = match self.shape_of.get(&names) {
            Some(number) => *number,
            None => {
                self.shapes.push(Shape::of(record));
                self.shape_of.insert(names, self.shapes.len() - 1);
                self.shapes.len() - 1
            }
        };
        let mut bytes = Vec::new();
        put_number(&mut bytes, number);
        if let Some(shape) = self.shapes.get(number) {
            shape.pack(record, &mut bytes);
        }
        Slot::Packed { bytes: bytes.into(), record: OnceCell::new() }
    }

    fn unpack(&self, bytes: &[u8]) -> Record {
        let mut bytes = Bytes(bytes);
        let shape = self.shapes.get(bytes.number());
        shape.map_or_else(Record::default, |shape| shape.unpack(bytes))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Of the packed ones.
    const LATE: u32 = 4_050;

    fn record(number: usize) -> Record {
        let text = format!(
            r#"{{"Id":"{number:018}","Amount":10.50,"Open":true,"None":null,"Note":"“a\n{number}”"}}"#
        );
        Record { id: format!("{number:018}"), fields: serde_json::from_str(&text).unwrap() }
    }

    #[test]
    fn a_packed_record_comes_back_as_it_was_and_is_packed_again() {
        let mut slots = Slots::default();
        for number in 0..AT_HAND * 2 + 10 {
            let slot = slots.next();
            slots.put(slot, Arc::new(record(number)));
        }
        assert_eq!(slots.shapes.len(), 1, "the names are kept once");
        for number in [0, AT_HAND - 1, AT_HAND, AT_HAND * 2 + 9] {
            let kept = slots.get(u32::try_from(number).unwrap()).unwrap();
            assert_eq!((kept.id.clone(), &kept.fields), (format!("{number:018}"), &record(number).fields));
        }
        assert_eq!(slots.get(LATE).unwrap().get("Amount").to_string(), "10.50");
        let unpacked = |slots: &Slots| slots.unpacked.borrow().len();
        assert_eq!(unpacked(&slots), 3);
        (0..slots.next()).for_each(|slot| assert!(slots.get(slot).is_some()));
        assert_eq!(unpacked(&slots), AT_HAND + 10);
        slots.tidy();
        assert_eq!(unpacked(&slots), 0);
        assert_eq!(slots.get(LATE).unwrap().text("Note"), format!("“a\n{LATE}”"));
    }

    #[test]
    fn looking_through_all_leaves_only_the_wanted_unpacked() {
        let mut slots = Slots::default();
        for number in 0..AT_HAND + 200 {
            slots.put(slots.next(), Arc::new(record(number)));
        }
        let wanted = |record: &Record| record.get("Note") == &json!(format!("“a\n{LATE}”"));
        let found: Vec<_> = (0..slots.next()).filter_map(|slot| slots.get_if(slot, wanted)).collect();
        assert_eq!((found.len(), slots.unpacked.borrow().len()), (1, 1));
        slots.put(LATE, Arc::new(record(7)));
        slots.clear(LATE + 1);
        assert_eq!(slots.get(LATE).unwrap().text("Note"), "“a\n7”");
        assert!(slots.get(LATE + 1).is_none());
    }
}
