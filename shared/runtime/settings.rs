//! What a function is told by its environment: the names of its stack's resources.
//!
//! Read once, at start. Everything that is missing is said at once, and no resource has a default: a function that would
//! write to some other stack's table must not start.

use std::collections::BTreeMap;

use aws_config::SdkConfig;

use crate::aws::queue::find;
use crate::connectors::http::networks::{NoPrivateNetworks, PRIVATE_NETWORKS, PrivateNetworks};
use crate::ports::Unavailable;
use crate::ports::queue::QueueName;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `COUNTERFOIL_TABLE`: the table's name.
    pub table: String,
    /// The queues' URLs, by `COUNTERFOIL_QUEUE_RUNS`, that of the runs' queue.
    pub queues: BTreeMap<QueueName, String>,
    /// `COUNTERFOIL_SECRET_PREFIX`: what the names of all secrets begin with, its slash included.
    pub secret_prefix: String,
    /// `COUNTERFOIL_TOPIC`: the ARN of the topic by which the owner is told.
    pub topic: String,
    /// `COUNTERFOIL_PRIVATE_NETWORKS`: those that flows may call. Only the functions that call what flows name are told
    /// any; missing or empty: none.
    pub private_networks: PrivateNetworks,
}

const TABLE: &str = "COUNTERFOIL_TABLE";
const RUNS_QUEUE: &str = "COUNTERFOIL_QUEUE_RUNS";
const SECRET_PREFIX: &str = "COUNTERFOIL_SECRET_PREFIX";
const TOPIC: &str = "COUNTERFOIL_TOPIC";
/// How much is logged: `error` to `trace`. It may be missing; then it is `info`.
pub(super) const LOG_LEVEL: &str = "RUST_LOG";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this environment is none to start in: {}", .wrong.join("; "))]
pub struct SettingsError {
    pub wrong: Vec<String>,
}

impl Settings {
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::read(variable)
    }

    /// What a stack's functions are told, found by the stack's name: everything in the template is called after it.
    pub async fn of_stack(
        configuration: &SdkConfig,
        name: &str,
        private_networks: PrivateNetworks,
    ) -> Result<Self, Unavailable> {
        let mut queues = BTreeMap::new();
        let mut topic = String::new();
        for queue in QueueName::all() {
            let (url, arn) = find(configuration, &format!("{name}-{}", queue.as_str())).await?;
            topic = topic_beside(&arn, name);
            queues.insert(queue, url);
        }
        let (table, secret_prefix) = (name.to_owned(), format!("{name}/"));
        Ok(Self { table, queues, secret_prefix, topic, private_networks })
    }

    /// What the stack is called: everything of it is.
    pub fn stack_name(&self) -> &str {
        self.secret_prefix.trim_end_matches('/')
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut missing = Vec::new();
        let mut needed = |name: &str| {
            let value = variable(name).filter(|value| !value.trim().is_empty());
            value.unwrap_or_else(|| {
                missing.push(name.to_owned());
                String::new()
            })
        };
        let (table, runs) = (needed(TABLE), needed(RUNS_QUEUE));
        let (secret_prefix, topic) = (needed(SECRET_PREFIX), needed(TOPIC));
        let mut wrong = Vec::new();
        if !missing.is_empty() {
            wrong.push(format!("set {}", missing.join(", ")));
        }
        let private_networks = networks_of(variable).unwrap_or_else(|error| {
            wrong.push(error.to_string());
            PrivateNetworks::default()
        });
        let settings = Self { table, queues: beside(&runs), secret_prefix, topic, private_networks };
        if wrong.is_empty() { Ok(settings) } else { Err(SettingsError { wrong }) }
    }
}

/// The private networks that this process may call.
pub(super) fn private_networks() -> Result<PrivateNetworks, NoPrivateNetworks> {
    networks_of(variable)
}

fn networks_of(variable: impl Fn(&str) -> Option<String>) -> Result<PrivateNetworks, NoPrivateNetworks> {
    variable(PRIVATE_NETWORKS).unwrap_or_default().parse()
}

/// The owner's topic is in the account and the region of the queues.
fn topic_beside(queue_arn: &str, name: &str) -> String {
    let account = queue_arn.rsplit_once(':').map_or("", |(account, _)| account);
    format!("{}:{name}-owner", account.replacen(":sqs:", ":sns:", 1))
}

/// All queues of a stack are called after it, so the address of one says those of the others.
fn beside(runs: &str) -> BTreeMap<QueueName, String> {
    let stack = runs.strip_suffix(QueueName::Runs.as_str()).unwrap_or(runs);
    QueueName::all().map(|queue| (queue, format!("{stack}{}", queue.as_str()))).collect()
}

#[expect(clippy::disallowed_methods, reason = "here is where the environment is read")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use jiff::SignedDuration;

    use super::*;
    use crate::flow::stack::Times;
    use crate::ports::queue::POLLED;
    use crate::runtime::aws_stack::ADDRESS;
    use crate::runtime::catalog::catalog;

    const TEMPLATE: &str = include_str!("../../infra/aws/template.yaml");

    /// The lines that are indented deeper than the one that is `head`, up to the next that isn't.
    fn block(lines: impl Iterator<Item = &'static str>, head: &str) -> impl Iterator<Item = &'static str> {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let mut lines = lines.skip_while(move |line| line.trim() != head);
        let depth = lines.next().map_or(0, indent);
        lines.take_while(move |line| line.trim().is_empty() || indent(line) > depth)
    }

    /// The names of the variables that are set there.
    fn variables(head: &str) -> BTreeSet<String> {
        let lines = block(block(TEMPLATE.lines(), head), "Variables:");
        lines.filter_map(|line| Some(line.trim().split_once(": ")?.0.to_owned())).collect()
    }

    #[test]
    fn the_template_sets_what_is_read_and_nothing_else() {
        let read = RefCell::new(BTreeSet::from([LOG_LEVEL.to_owned()]));
        let settings = Settings::read(|name| {
            read.borrow_mut().insert(name.to_owned());
            Some(if name == PRIVATE_NETWORKS { "10.20.0.0/16" } else { "x" }.to_owned())
        });
        assert!(settings.is_ok());
        let (all, polls) = (variables("Globals:"), variables("HttpPollFunction:"));
        assert_eq!(all.union(&polls).cloned().collect::<BTreeSet<_>>(), read.into_inner());
        // Only this function calls URLs that flows name.
        assert_eq!(polls, BTreeSet::from([PRIVATE_NETWORKS.to_owned()]));
        assert_eq!(TEMPLATE.matches(" Variables:\n").count(), 2);
    }

    #[test]
    fn the_address_of_one_queue_says_those_of_the_others() {
        let queues = beside("https://sqs.eu-west-1.amazonaws.com/123456789012/acme-runs");
        let wake = QueueName::wake("xero.new_payment").and_then(|queue| queues.get(&queue));
        let expected = "https://sqs.eu-west-1.amazonaws.com/123456789012/acme-wake-xero-new-payment";
        assert_eq!(wake.map(String::as_str), Some(expected));
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        let given = |name: &str| match name {
            TABLE | TOPIC => None,
            PRIVATE_NETWORKS => Some("10.20.0.5".to_owned()),
            _ => Some("x".to_owned()),
        };
        let error = Settings::read(given).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("set COUNTERFOIL_TABLE, COUNTERFOIL_TOPIC; "), "{error}");
        assert!(error.contains("COUNTERFOIL_PRIVATE_NETWORKS: `10.20.0.5` is an address"), "{error}");
    }

    #[test]
    fn an_empty_value_is_a_missing_one() {
        let error = Settings::read(|_| Some(" ".to_owned())).err().map(|error| error.to_string());
        let missing = [TABLE, RUNS_QUEUE, SECRET_PREFIX, TOPIC].join(", ");
        assert_eq!(error, Some(format!("this environment is none to start in: set {missing}")));
    }

    #[test]
    fn a_stack_is_found_by_the_names_that_the_template_gives() {
        assert_eq!(
            topic_beside("arn:aws-cn:sqs:cn-north-1:123456789012:acme-runs", "acme"),
            "arn:aws-cn:sns:cn-north-1:123456789012:acme-owner"
        );
        let named = |what: &str| TEMPLATE.contains(what);
        assert!(named("TableName: !Ref AWS::StackName"));
        assert!(named(&format!("- {{ Key: {ADDRESS}, Value: !GetAtt HttpApi.ApiEndpoint }}")));
        assert!(named("TopicName: !Sub \"${AWS::StackName}-owner\""));
        assert!(named("COUNTERFOIL_SECRET_PREFIX: !Sub \"${AWS::StackName}/\""));
        for queue in QueueName::all() {
            let name = format!("QueueName: !Sub \"${{AWS::StackName}}-{}\"", queue.as_str());
            assert!(named(&name), "{name}");
        }
    }

    #[test]
    fn each_polled_trigger_has_a_schedule_of_its_own_pace_and_a_function() {
        let catalog = catalog();
        for (trigger, queue) in POLLED {
            let about = catalog.trigger_description(trigger);
            let about = about.unwrap_or_else(|| panic!("{trigger} is in no catalog"));
            let pace = match about.minutes {
                1 => "rate(1 minute)".to_owned(),
                minutes => format!("rate({minutes} minutes)"),
            };
            let name = format!("Name: !Sub \"${{AWS::StackName}}-{queue}\"");
            let schedule = TEMPLATE.split_once(&format!("\n      {name}\n")).map(|(_, after)| after);
            let expression = schedule.and_then(|after| after.lines().next()).unwrap_or_default();
            assert_eq!(expression.trim(), format!("ScheduleExpression: {pace}"), "{trigger}");
            let function = queue.trim_start_matches("wake-");
            assert!(TEMPLATE.contains(&format!("CodeUri: ../../functions/{function}\n")), "{function}");
        }
        assert_eq!(catalog.trigger_descriptions().filter(|about| about.minutes > 0).count(), POLLED.len());
    }

    #[test]
    fn the_times_of_the_template_fit_the_times_of_the_product() {
        let times = Times::default();
        let seconds = |head: &str| -> Vec<i64> {
            let lines = TEMPLATE.lines().filter_map(|line| line.trim().strip_prefix(head));
            lines.filter_map(|value| value.trim().parse().ok()).collect()
        };
        // The first is that of all functions; what answers API Gateway has less.
        let functions = seconds("Timeout:");
        assert_eq!(functions.first().copied().map(SignedDuration::from_secs), Some(times.function));
        assert!(functions.iter().all(|&one| SignedDuration::from_secs(one) <= times.function));
        assert!(times.lease > times.function);
        let hidden = seconds("VisibilityTimeout:");
        assert_eq!(hidden.len(), 2 + POLLED.len(), "the queues that functions read");
        assert!(hidden.iter().all(|&one| SignedDuration::from_secs(one) >= times.function * 6));
    }
}
