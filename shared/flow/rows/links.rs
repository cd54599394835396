//! The rows of links: which of ours is which of the provider's.

use super::{RowError, document_of, item_of, record_partition};
use crate::domain::ids::{ConnectionId, LinkName};
use crate::domain::link::{Link, LinkState};
use crate::ports::table::{Index, Item, Key};

pub fn link_key(connection: &ConnectionId, name: &LinkName, key: &str) -> Key {
    Key::new(format!("L#{connection}#{name}"), key)
}

/// A link never expires. Its entry in the record index is how it is found by the provider's id.
pub fn link_item(link: &Link) -> Item {
    let mut item = item_of(link_key(&link.connection, &link.name, &link.key), link);
    let (state, id) = match &link.state {
        LinkState::Making => ("making", None),
        LinkState::Made { id, .. } => ("made", Some(id)),
    };
    item.fields.insert("state".into(), state.into());
    if let Some(effect) = &link.effect {
        item.fields.insert("effect".into(), effect.as_str().into());
    }
    if let Some(id) = id {
        let entry = (record_partition(&link.connection, id), format!("link#{}#{}", link.name, link.key));
        item.indexes.insert(Index::Record, entry);
    }
    item
}

pub fn link_of(item: &Item) -> Result<Link, RowError> {
    document_of(item)
}
