//! Where browsers come to a stack that works on this machine: `up` says it, and commands beside it ask.

use super::super::FlowError;
use super::super::stack::Stack;
use crate::ports::table::{Condition, Item, Key, Write};

const FIELD: &str = "address";

fn key() -> Key {
    Key::new("console", FIELD)
}

/// From now on people are let in at this address; None: nowhere.
pub async fn listen_at(stack: &Stack, address: Option<&str>) -> Result<(), FlowError> {
    let write = match address {
        Some(address) => {
            let mut item = Item::new(key());
            item.fields.insert(FIELD.into(), address.into());
            Write::put(item, Condition::Always)
        }
        None => Write::Delete { key: key(), when: Condition::Always },
    };
    Ok(stack.ports.table.write(vec![write]).await?)
}

/// Where people are let in. It may be left over from a process that has ended without a word.
pub async fn address(stack: &Stack) -> Result<Option<String>, FlowError> {
    let item = stack.ports.table.get_one(&key()).await?;
    Ok(item.and_then(|item| item.text(FIELD).map(str::to_owned)))
}
