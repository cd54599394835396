//! Who goes into one group: flows in turn, up to the endpoint's capacity, no two with the same match value.

use std::collections::{BTreeMap, VecDeque};

use super::Waiting;
use crate::domain::ids::FlowId;
use crate::ports::connector::Endpoint;

/// Takes one group: flows in turn, no two members with the same match value unless they are equal.
pub(super) fn take_group(waiting: &mut VecDeque<Waiting>, endpoint: &dyn Endpoint) -> Vec<Waiting> {
    let capacity = endpoint.capacity();
    let mut by_flow: BTreeMap<FlowId, VecDeque<Waiting>> = BTreeMap::new();
    for member in waiting.drain(..) {
        by_flow.entry(member.ask.run.flow).or_default().push_back(member);
    }
    let mut group: Vec<Waiting> = Vec::new();
    let mut left: Vec<Waiting> = Vec::new();
    let mut bytes = 0;
    let mut elements = 0;
    while !by_flow.is_empty() {
        by_flow.retain(|_, members| {
            if let Some(member) = members.pop_front() {
                let (equal, clash) = compare(&group, &member);
                let size = if equal { 0 } else { member.ask.operation.element.to_string().len() };
                let fits = equal
                    || (elements < capacity.elements && (bytes + size <= capacity.bytes || elements == 0));
                if clash || !fits {
                    left.push(member);
                } else {
                    bytes += size;
                    elements += usize::from(!equal);
                    group.push(member);
                }
            }
            !members.is_empty()
        });
    }
    waiting.extend(left);
    group
}

/// Whether a member of the group is equal to this one, and whether one stands in its way.
fn compare(group: &[Waiting], member: &Waiting) -> (bool, bool) {
    let operation = &member.ask.operation;
    if operation.unique.is_empty() {
        return (false, false);
    }
    let mut equal = false;
    for other in group {
        let other = &other.ask.operation;
        if other.unique.iter().any(|value| operation.unique.contains(value)) {
            if other.element == operation.element {
                equal = true;
            } else {
                return (false, true);
            }
        }
    }
    (equal, false)
}
