//! `each:` of a trigger: `{action, with, as, key}`. The action finds, and each item that it finds starts a run.

use super::action;
use super::expressions::Written;
use super::fields::Fields;
use super::problem::Finding;
use super::read::Reader;
use super::tree::Node;
use crate::domain::effect::EffectKind;
use crate::domain::flow::Each;
use crate::expression::ROOTS;

/// What the item is called beside `record`, where the flow doesn't say.
const ITEM: &str = "item";

pub(super) fn read<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<Each> {
    let mut fields = Fields::of(node, "each", reader)?;
    let action = fields.require("action", reader);
    let find = action.and_then(|action| action::read(action, &mut fields, reader));
    if let (Some(action), Some(find)) = (action, &find) {
        reads_only(action, &find.action, reader);
    }
    let name = fields.take("as").and_then(|node| name(node, reader)).unwrap_or_else(|| ITEM.to_owned());
    let mut key = None;
    if let Some(node) = fields.require("key", reader)
        && let Some(scalar) = reader.scalar(node, "each.key")
    {
        reader.within(ITEM.to_owned(), |reader| {
            reader.within(name.clone(), |reader| reader.writes(Written::About, scalar));
        });
        key = Some(scalar.text.clone());
    }
    fields.finish(reader);
    Some(Each { find: find?, name, key: key? })
}

/// The same find is made again after a crash, so it must change nothing.
fn reads_only(node: &Node, id: &str, reader: &mut Reader<'_, '_>) {
    let finds = |reader: &Reader<'_, '_>| -> Vec<&'static str> {
        let reads = reader.catalog.actions().filter(|(about, _)| about.effect == EffectKind::Read);
        reads.map(|(about, _)| about.id).collect()
    };
    let known = finds(reader);
    if !known.contains(&id) {
        let finding =
            Finding::new(node.place, "not_a_find", format!("{id} changes something; each needs a find"));
        reader.finding(finding.advise(format!("choose from {}", known.join(", "))));
    }
}

/// A name of its own, so that it hides nothing.
fn name<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<String> {
    let name = reader.identifier(node, "each.as")?;
    if ROOTS.contains(&name.as_str()) && name != ITEM {
        let message = format!("an item can't be called {name}: that name stands for something else");
        let finding = Finding::new(node.place, "bad_name", message);
        reader.finding(finding.advise("call it what it is: as: opportunity".to_owned()));
        return None;
    }
    Some(name)
}
