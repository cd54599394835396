//! A flow: what the user wrote, as one model. Reading it from YAML, with lines and advice, is `flow/file`.

use super::ids::{ConnectionId, LinkName, StepId};
use super::{Object, Value};

/// One version of a flow. Versions are immutable; one of them is live.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    pub name: String,
    pub title: Option<String>,
    pub trigger: Trigger,
    /// Else the run is skipped.
    pub when: Option<String>,
    /// Paths that must not be empty, after trimming; what is missing is in `missing`.
    pub require: Vec<String>,
    /// Runs once for each set of missing names; the run ends *incomplete*.
    pub if_missing_fields: Vec<Step>,
    /// How long a transition whose run was incomplete, or not wanted by `when`, stays open.
    pub within: std::time::Duration,
    /// Table name -> key -> value; `default` is the key for everything else.
    pub tables: Object,
    pub settings: Object,
    /// The connections that a template of a step may yield.
    pub connections: Vec<ConnectionId>,
    pub order: Order,
    pub steps: Vec<Step>,
    pub when_failed: WhenFailed,
}

/// What starts the flow. The options are the trigger's own; it parses them itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// `salesforce.updated_record`, `http.webhook`, …
    pub id: String,
    /// None: the only connection of its kind.
    pub connection: Option<ConnectionId>,
    /// `schedule` and `manual`: a run for each item that an action finds.
    pub each: Option<Box<Each>>,
    pub options: Object,
    pub line: usize,
}

/// `each: {action, with, as, key}`
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// It reads only.
    pub find: ActionStep,
    /// What the item is called beside `record`.
    pub name: String,
    /// An expression over the item, by its name or as `item`.
    pub key: String,
}

/// Which of two events of the same record may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// An older event is skipped once a newer one has had an effect.
    Newest,
    /// Oldest first, none skipped: a waiting run holds its successors.
    Every,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhenFailed {
    pub email: bool,
}

/// A node of the flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub id: StepId,
    /// The id that it had before: its effects keep their keys.
    pub was: Option<StepId>,
    pub when: Option<String>,
    pub on_error: OnError,
    /// Attempts before a step that keeps failing is given up.
    pub attempts: u32,
    pub kind: StepKind,
    pub line: usize,
}

impl Step {
    /// The id under which effects were and are kept.
    pub fn effect_id(&self) -> &StepId {
        self.was.as_ref().unwrap_or(&self.id)
    }
}

/// Every step of these and within these, in the order of the file.
pub fn each_step<'s>(steps: &'s [Step], visit: &mut impl FnMut(&'s Step)) {
    for step in steps {
        visit(step);
        if let StepKind::Branch { steps, otherwise, .. } = &step.kind {
            each_step(steps, visit);
            each_step(otherwise, visit);
        }
        if let OnErrorThen::Steps(steps) = &step.on_error.then {
            each_step(steps, visit);
        }
    }
}

/// Attempts of a step when the flow doesn't say: over about six hours.
pub const DEFAULT_ATTEMPTS: u32 = 8;

#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    Action(Box<ActionStep>),
    /// A function body; what it returns is the step's result.
    JavaScript(String),
    Branch {
        when: String,
        steps: Vec<Step>,
        otherwise: Vec<Step>,
    },
    /// Names for values: `steps.ID.NAME`.
    Set(Value),
    /// Ends the run here: succeeded, or failed with the message.
    Stop(Stop),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// None: the run succeeds. Some: it fails with code `stopped` and this text (a template).
    pub error: Option<String>,
}

/// What happens when a step can't be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OnError {
    pub then: OnErrorThen,
    /// An effect in doubt is a person's to decide, unless the flow says otherwise here.
    pub in_doubt: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub enum OnErrorThen {
    #[default]
    Fail,
    Continue,
    /// These run, then the flow goes on.
    Steps(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ActionStep {
    /// `xero.create_invoice`
    pub action: String,
    /// A name, or a template that yields one of the flow's `connections`.
    pub connection: Option<String>,
    pub with: Value,
    pub link: Option<LinkRule>,
    pub matching: Matching,
    /// The action's own options: `approve: submit`.
    pub options: Object,
}

/// `link: invoice`, or `link: {name, key, if_exists}`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkRule {
    pub name: LinkName,
    /// A template; None: the source record's id.
    pub key: Option<String>,
    pub if_exists: IfExists,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfExists {
    #[default]
    Use,
    Update,
    Skip,
    Fail,
}

/// How a step finds what is there already.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matching {
    /// Alternatives in order; all the fields of one must agree. Empty: the action's own.
    pub alternatives: Vec<Vec<String>>,
    pub if_found: IfFound,
    pub if_missing: IfMissing,
    pub if_many: IfMany,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfFound {
    /// What we send replaces what is there.
    #[default]
    Update,
    /// Only fields that are empty there are written.
    FillEmpty,
    /// Nothing is written.
    Keep,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfMissing {
    #[default]
    Create,
    Skip,
    Fail,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfMany {
    #[default]
    Fail,
    Oldest,
    Newest,
}
