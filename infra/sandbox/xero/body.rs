//! How an answer is written: field by field, in Xero's order.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::wire;

pub(crate) trait Put {
    fn put(&mut self, name: impl Into<String>, value: impl Into<Value>);

    /// Only if there is one.
    fn put_some(&mut self, name: impl Into<String>, value: Option<impl Into<Value>>);

    /// Only if it isn't empty.
    fn put_text(&mut self, name: impl Into<String>, text: &str);

    /// `DateString`, and beside it `Date`.
    fn put_day(&mut self, name: &str, date: Option<Date>);
}

impl Put for Map<String, Value> {
    fn put(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.insert(name.into(), value.into());
    }

    fn put_some(&mut self, name: impl Into<String>, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn put_text(&mut self, name: impl Into<String>, text: &str) {
        self.put_some(name, Some(text).filter(|text| !text.is_empty()));
    }

    fn put_day(&mut self, name: &str, date: Option<Date>) {
        if let Some(date) = date {
            self.put(format!("{name}String"), wire::day_text(date));
            self.put(name, wire::day(date));
        }
    }
}
