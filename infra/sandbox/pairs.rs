//! How maps are written: in the order of their keys, so that the same state is the same bytes in every run.
//!
//! `#[serde(with = "crate::pairs")]` is for those whose keys aren't texts: they are lists of pairs, as JSON has no
//! other way. `#[serde(serialize_with = "crate::pairs::in_order")]` is for all others.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn in_order<S: Serializer, K: Serialize + Ord, V: Serialize>(
    map: &HashMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().collect::<BTreeMap<_, _>>())
}

pub(crate) fn serialize<S: Serializer, K: Serialize + Ord, V: Serialize>(
    map: &HashMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map.iter().collect::<BTreeMap<_, _>>())
}

pub(crate) fn deserialize<'de, D, K, V>(deserializer: D) -> Result<HashMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Eq + Hash,
    V: Deserialize<'de>,
{
    Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
}
