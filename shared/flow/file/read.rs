//! The grammar's top: a tree becomes a flow. Everything that is wrong is gathered; nothing stops at the first.

use std::time::Duration;

use serde_json::Value;

use super::expressions::{self, Use, Written};
use super::fields::Fields;
use super::fit::Fit;
use super::problem::{Finding, Problem};
use super::tree::{self, Node, Place, Scalar};
use super::{step, table, trigger};
use crate::domain::Object;
use crate::domain::flow::{Flow, Order, WhenFailed};
use crate::domain::ids::ConnectionId;
use crate::ports::connector::Catalog;

/// The longest flow file: what one stored version of a flow may be.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How long a transition stays open when the flow doesn't say.
const DEFAULT_WITHIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Gives the text of a file beside the flow file, by its path as written there; or says why it can't.
pub(super) type Loader<'l> = dyn Fn(&str) -> Result<String, String> + 'l;

/// What a check of a flow file came to.
#[derive(Debug, Clone)]
pub struct Reading {
    /// None when there are problems.
    pub flow: Option<Flow>,
    pub problems: Vec<Problem>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
}

/// The flow, or everything that is wrong with it, in the order of the lines. `file` is only for the messages.
pub fn read(
    text: &str,
    file: &str,
    catalog: &Catalog,
    load: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Flow, Vec<Problem>> {
    let reading = check(text, file, catalog, load);
    reading.flow.ok_or(reading.problems)
}

/// Like [`read`], with the warnings.
pub fn check(
    text: &str,
    file: &str,
    catalog: &Catalog,
    load: &dyn Fn(&str) -> Result<String, String>,
) -> Reading {
    let refused = |finding: Finding| Reading {
        flow: None,
        problems: vec![finding.in_file(file)],
        warnings: Vec::new(),
    };
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, at most {MAX_BYTES} are taken", text.len());
        return refused(Finding::new(Place::START, "too_large", message));
    }
    let (root, findings) = match tree::parse(text) {
        Ok(parsed) => parsed,
        Err(finding) => return refused(finding),
    };
    let mut reader = Reader::new(catalog, load, findings);
    let flow = reader.flow(&root);
    let Reader { mut findings, mut warnings, .. } = reader;
    for list in [&mut findings, &mut warnings] {
        list.sort_by_key(|finding| finding.place);
        list.dedup();
    }
    let located = |list: Vec<Finding>| list.into_iter().map(|finding| finding.in_file(file)).collect();
    let flow = flow.filter(|_| findings.is_empty());
    Reading { flow, problems: located(findings), warnings: located(warnings) }
}

/// What is gathered on the way through the tree.
pub(super) struct Reader<'n, 'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) load: &'c Loader<'c>,
    pub(super) findings: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
    /// Every expression with what may be seen from its place; checked once all names are known.
    uses: Vec<Use<'n>>,
    /// The steps in the order in which they are written.
    pub(super) declared: Vec<step::Declared>,
    /// The first of them that the part being read can see.
    part: usize,
    /// The names that `each` gives to the item, innermost last.
    locals: Vec<String>,
}

/// A point that a trial can go back to.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize, usize);

impl<'n, 'c> Reader<'n, 'c> {
    fn new(catalog: &'c Catalog, load: &'c Loader<'c>, findings: Vec<Finding>) -> Self {
        Self {
            catalog,
            load,
            findings,
            warnings: Vec::new(),
            uses: Vec::new(),
            declared: Vec::new(),
            part: 0,
            locals: Vec::new(),
        }
    }

    fn flow(&mut self, root: &'n Node) -> Option<Flow> {
        let mut fields = Fields::of(root, "the flow", self)?;
        let name = fields.require("flow", self).and_then(|node| self.flow_name(node));
        let title = fields.take("title").and_then(|node| self.text(node, "title"));
        let trigger = fields.require("trigger", self).and_then(|node| trigger::read(node, self));
        // Every step of such a flow knows the item by its name.
        self.locals.extend(trigger.as_ref().and_then(|trigger| Some(trigger.each.as_ref()?.name.clone())));
        let when = fields.take("when").and_then(|node| self.condition(node, "when"));
        let require = fields.take("require").map(|node| self.paths(node)).unwrap_or_default();
        let within = fields.take("within").and_then(|node| self.duration(node, "within"));
        let tables = fields.take("tables").map(|node| table::read(node, self)).unwrap_or_default();
        let settings = fields.take("settings").map(|node| self.settings(node)).unwrap_or_default();
        let connections = fields.take("connections").map(|node| self.texts(node, "connections"));
        let order = fields.take("order").and_then(|node| {
            self.one_of(node, "order", &[("newest", Order::Newest), ("every", Order::Every)])
        });
        let when_failed = fields.take("when_failed").map(|node| self.when_failed(node)).unwrap_or_default();
        let steps =
            fields.require("steps", self).map(|node| step::read(node, "steps", self)).unwrap_or_default();
        self.part = self.declared.len();
        let missing_steps = fields.take("if_missing_fields");
        if let (Some(node), true) = (missing_steps, require.is_empty() && !fields.has("require")) {
            let finding = Finding::new(
                node.place,
                "nothing_required",
                "if_missing_fields never runs without `require`",
            );
            self.finding(finding.advise("name the fields: require: [record.Name]".to_owned()));
        }
        let if_missing_fields =
            missing_steps.map(|node| step::read(node, "if_missing_fields", self)).unwrap_or_default();
        fields.finish(self);

        let connections: Vec<ConnectionId> =
            connections.unwrap_or_default().into_iter().map(ConnectionId::new).collect();
        step::check_names(self);
        step::check_connections(&steps, &if_missing_fields, &connections, self);
        let uses = std::mem::take(&mut self.uses);
        let fields_read = trigger.as_ref().and_then(trigger::fields_read);
        let known = expressions::Known { tables: &tables, settings: &settings, fields_read };
        expressions::check(&uses, &known, self);

        let trigger = trigger?;
        let order = order.unwrap_or_else(|| trigger::order(&trigger, self.catalog));
        Some(Flow {
            name: name?,
            title,
            trigger,
            when,
            require,
            if_missing_fields,
            within: within.unwrap_or(DEFAULT_WITHIN),
            tables,
            settings,
            connections,
            order,
            steps,
            when_failed,
        })
    }

    /// A flow's name stands in command lines, file names and e-mails.
    fn flow_name(&mut self, node: &'n Node) -> Option<String> {
        const LONGEST: usize = 64;
        let name = self.text(node, "the flow's name")?;
        let fits = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
            && name.len() <= LONGEST;
        if !fits {
            let finding = Finding::new(node.place, "bad_name", format!("a flow can't be called `{name}`"));
            self.finding(
                finding.advise(format!("lower case letters, digits and hyphens, at most {LONGEST}")),
            );
        }
        fits.then_some(name)
    }

    pub(super) fn condition(&mut self, node: &'n Node, what: &str) -> Option<String> {
        let scalar = self.scalar(node, what)?;
        self.writes(Written::Condition, scalar);
        Some(scalar.text.clone())
    }

    fn paths(&mut self, node: &'n Node) -> Vec<String> {
        let nodes = self.list(node, "require");
        let scalars: Vec<&Scalar> = nodes.iter().filter_map(|node| self.scalar(node, "require")).collect();
        scalars
            .into_iter()
            .map(|scalar| {
                self.writes(Written::Path, scalar);
                scalar.text.trim().to_owned()
            })
            .collect()
    }

    /// `30d`, `12h`, `45m`, `90s`.
    fn duration(&mut self, node: &'n Node, what: &str) -> Option<Duration> {
        let text = self.text(node, what)?;
        let found = duration_of(&text);
        if found.is_none() {
            let finding = Finding::new(node.place, "bad_duration", format!("{what} can't be `{text}`"));
            self.finding(finding.advise("a number and a unit: 90s, 45m, 12h, 30d".to_owned()));
        }
        found
    }

    fn settings(&mut self, node: &'n Node) -> Object {
        let super::tree::Kind::Map(entries) = &node.kind else {
            self.wrong_shape(node, "settings", "a map of names and values");
            return Object::new();
        };
        let fitted = entries.iter().map(|entry| {
            let what = format!("settings.{}", entry.name);
            (entry.name.clone(), Fit::FIXED.value(&entry.value, &what, self))
        });
        fitted.collect::<serde_json::Map<String, Value>>()
    }

    fn when_failed(&mut self, node: &'n Node) -> WhenFailed {
        let Some(mut fields) = Fields::of(node, "when_failed", self) else { return WhenFailed::default() };
        let email = fields.take("email").and_then(|node| self.flag(node, "when_failed.email"));
        fields.finish(self);
        WhenFailed { email: email.unwrap_or(false) }
    }

    /// Notes an expression, to be checked when all names are known.
    pub(super) fn writes(&mut self, written: Written, scalar: &'n Scalar) {
        self.uses.push(Use {
            written,
            scalar,
            part: self.part,
            before: self.declared.len(),
            locals: self.locals.clone(),
        });
    }

    /// Reads something in which a name stands for an item.
    pub(super) fn within(&mut self, name: String, read: impl FnOnce(&mut Self)) {
        self.locals.push(name);
        read(self);
        self.locals.pop();
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.findings.len(), self.uses.len())
    }

    pub(super) fn findings_since(&self, mark: Mark) -> usize {
        self.findings.len() - mark.0
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        self.findings.truncate(mark.0);
        self.uses.truncate(mark.1);
    }
}

fn duration_of(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(seconds)?;
    Some(Duration::from_secs(seconds))
}
