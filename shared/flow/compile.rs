//! A flow version ready to be walked: its templates, conditions and scripts compiled once.

use std::collections::BTreeMap;

use super::FlowError;
use super::file;
use super::poll::FeedRules;
use super::walk::Finds;
use crate::domain::flow::{ActionStep, DEFAULT_ATTEMPTS, Each, Flow, OnError, OnErrorThen, Step, StepKind};
use crate::domain::ids::StepId;
use crate::domain::outcome::Failure;
use crate::expression::{CompiledValue, Condition, Script, SyntaxError, Template};
use crate::ports::connector::{Catalog, Interest};

#[derive(Debug)]
pub struct Compiled {
    pub flow: Flow,
    pub when: Option<Condition>,
    pub if_missing_fields: Vec<Ready>,
    pub steps: Vec<Ready>,
    /// What a polled trigger wants; `None` for the others.
    pub interest: Option<Result<Interest, Failure>>,
    /// `each` of a schedule or of a start by hand.
    pub each: Option<Ready>,
    /// What is an event of a feed, and how often it is read; `None` for the others.
    pub feed: Option<FeedRules>,
}

/// A step, compiled.
#[derive(Debug)]
pub struct Ready {
    pub step: Step,
    pub when: Option<Condition>,
    /// `on_error: {steps: …}`
    pub on_error: Vec<Ready>,
    pub body: Body,
}

#[derive(Debug)]
pub enum Body {
    Action { with: CompiledValue, connection: Option<Template>, link_key: Option<Template> },
    Script(Script),
    Branch { when: Condition, steps: Vec<Ready>, otherwise: Vec<Ready> },
    Set(CompiledValue),
    Stop { error: Option<Template> },
    Each(Finds),
}

impl Compiled {
    /// Reads a stored version, which was checked before it was stored.
    pub fn read(
        text: &str,
        file_name: &str,
        files: &BTreeMap<String, String>,
        catalog: &Catalog,
    ) -> Result<Self, FlowError> {
        let loader = |name: &str| {
            files.get(name).cloned().ok_or_else(|| format!("{name} was not pushed along with the flow"))
        };
        let flow = file::read(text, file_name, catalog, &loader).map_err(|problems| {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            FlowError::Asked(Failure::new("invalid_flow", all.join("\n")))
        })?;
        Self::of(flow, catalog)
            .map_err(|error| FlowError::Asked(Failure::new(error.code(), error.to_string())))
    }

    pub fn of(flow: Flow, catalog: &Catalog) -> Result<Self, SyntaxError> {
        let polled = catalog.trigger(&flow.trigger.id);
        Ok(Self {
            each: flow
                .trigger
                .each
                .as_deref()
                .map(|each| Ready::of_each(each, flow.trigger.line))
                .transpose()?,
            feed: catalog.feed(&flow.trigger.id).map(|_| FeedRules::of(&flow.trigger.options)).transpose()?,
            interest: polled.map(|(_, trigger)| trigger.interest(&flow.trigger.options)),
            when: flow.when.as_deref().map(Condition::compile).transpose()?,
            if_missing_fields: all(&flow.if_missing_fields)?,
            steps: all(&flow.steps)?,
            flow,
        })
    }
}

fn all(steps: &[Step]) -> Result<Vec<Ready>, SyntaxError> {
    steps.iter().map(Ready::of).collect()
}

impl Ready {
    fn of(step: &Step) -> Result<Self, SyntaxError> {
        Ok(Self {
            when: step.when.as_deref().map(Condition::compile).transpose()?,
            on_error: match &step.on_error {
                OnError { then: OnErrorThen::Steps(steps), .. } => all(steps)?,
                _ => Vec::new(),
            },
            body: match &step.kind {
                StepKind::Action(action) => Body::Action {
                    with: CompiledValue::compile(&action.with)?,
                    connection: action.connection.as_deref().map(Template::compile).transpose()?,
                    link_key: action
                        .link
                        .as_ref()
                        .and_then(|link| link.key.as_deref())
                        .map(Template::compile)
                        .transpose()?,
                },
                StepKind::JavaScript(source) => Body::Script(Script::compile(source)?),
                StepKind::Branch { when, steps, otherwise } => Body::Branch {
                    when: Condition::compile(when)?,
                    steps: all(steps)?,
                    otherwise: all(otherwise)?,
                },
                StepKind::Set(values) => Body::Set(CompiledValue::compile(values)?),
                StepKind::Stop(stop) => {
                    Body::Stop { error: stop.error.as_deref().map(Template::compile).transpose()? }
                }
            },
            step: step.clone(),
        })
    }

    /// The find of an `each`, as a step.
    fn of_each(each: &Each, line: usize) -> Result<Self, SyntaxError> {
        let finds = Finds {
            with: CompiledValue::compile(&each.find.with)?,
            connection: each.find.connection.as_deref().map(Template::compile).transpose()?,
            name: each.name.clone(),
            key: Template::expression(&each.key)?,
        };
        let step = Step {
            id: StepId::new("each"),
            was: None,
            when: None,
            on_error: OnError::default(),
            attempts: DEFAULT_ATTEMPTS,
            kind: StepKind::Action(Box::new(each.find.clone())),
            line,
        };
        Ok(Self { when: None, on_error: Vec::new(), body: Body::Each(finds), step })
    }

    pub fn action(&self) -> Option<&ActionStep> {
        match &self.step.kind {
            StepKind::Action(action) => Some(action),
            _ => None,
        }
    }
}
