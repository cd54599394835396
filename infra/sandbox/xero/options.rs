//! What a stand-in Xero is made with. Read from the settings once, when it starts.

use super::{Disputed, Plan, Tier};

pub const DEMO_COMPANY: &str = "Demo Company";

/// What a Xero is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls a day: 1,000 on Starter, 5,000 from Core up.
    pub tier: Tier,
    /// The first is the default, and what the custom connection sees.
    pub organisations: Vec<String>,
    /// What the organisations pay for.
    pub plan: Plan,
    /// What can be changed while it runs.
    pub disputed: Disputed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tier: Tier::default(),
            organisations: vec![DEMO_COMPANY.to_owned()],
            plan: Plan::default(),
            disputed: Disputed::default(),
        }
    }
}
