//! The contracts of the ports, on AWS: the same cases as on SQLite, against an emulator.

mod aws;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use counterfoil::aws::{DynamoTable, SecretsManagerVault, SqsQueue};
use counterfoil::ports::chunks::Chunked;
use counterfoil::ports::clock::{Clock, ManualClock};
use counterfoil::ports::contract;
use counterfoil::ports::contract::queue::QueueStand;
use counterfoil::ports::contract::table::TableStand;
use counterfoil::ports::contract::vault::VaultStand;
use counterfoil::ports::queue::QueueName;
use counterfoil::ports::random::random_uuid;
use counterfoil::ports::table::Index;
use counterfoil::runtime::system_clock::SystemClock;
use counterfoil::runtime::system_random::SystemRandom;
use jiff::SignedDuration;

fn unique(name: &str) -> String {
    format!("contract-{name}-{}", random_uuid(&SystemRandom).simple())
}

#[tokio::test]
async fn dynamodb_keeps_the_contract_of_the_table() {
    let configuration = aws::emulator().await;
    let name = make_table(&configuration).await;
    contract::run_all(contract::table::cases(), async |case| {
        // Ahead of the emulator's own clock, so that its sweeper doesn't take what the case still needs.
        let clock = Arc::new(ManualClock::at(SystemClock.now() + SignedDuration::from_hours(24)));
        let table = DynamoTable::new(&configuration, name.clone(), clock.clone(), Arc::new(SystemRandom));
        // As in a stack: a DynamoDB item alone holds no more than 400 KB.
        TableStand {
            table: Arc::new(Chunked::new(table, Arc::new(SystemRandom))),
            clock,
            scope: unique(case),
        }
    })
    .await;
}

#[tokio::test]
async fn sqs_keeps_the_contract_of_the_queue() {
    let configuration = aws::emulator().await;
    contract::run_all(contract::queue::cases(), async |case| {
        let max_receives = 3;
        let urls = make_queues(&configuration, case, max_receives).await;
        QueueStand {
            queue: Arc::new(SqsQueue::new(&configuration, urls)),
            // SQS has a clock of its own. A little more, since it counts in whole seconds.
            pass: Arc::new(|time| Box::pin(tokio::time::sleep(time + Duration::from_millis(300)))),
            max_receives,
        }
    })
    .await;
}

#[tokio::test]
async fn secrets_manager_keeps_the_contract_of_the_vault() {
    let configuration = aws::emulator().await;
    contract::run_all(contract::vault::cases(), async |case| VaultStand {
        vault: Arc::new(SecretsManagerVault::new(&configuration, "contract/".to_owned())),
        scope: format!("{}/", unique(case)),
    })
    .await;
}

/// A table as `infra/aws/template.yaml` has it.
async fn make_table(configuration: &SdkConfig) -> String {
    let name = unique("table");
    let mut request = aws_sdk_dynamodb::Client::new(configuration)
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys("pk", "sk")))
        .attribute_definitions(text("pk"))
        .attribute_definitions(text("sk"));
    for index in Index::ALL {
        let (pk, sk) = (format!("{}_pk", index.as_str()), format!("{}_sk", index.as_str()));
        let projection = Projection::builder().projection_type(ProjectionType::All).build();
        let definition = GlobalSecondaryIndex::builder()
            .index_name(index.as_str())
            .set_key_schema(Some(keys(&pk, &sk)))
            .projection(projection)
            .build()
            .expect("an index");
        request = request
            .attribute_definitions(text(&pk))
            .attribute_definitions(text(&sk))
            .global_secondary_indexes(definition);
    }
    request.send().await.expect("the emulator makes a table");
    name
}

fn keys(partition: &str, sort: &str) -> Vec<KeySchemaElement> {
    [(partition, KeyType::Hash), (sort, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
        })
        .collect()
}

fn text(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .expect("an attribute")
}

/// The queues of a stack, without anything that reads them.
async fn make_queues(
    configuration: &SdkConfig,
    case: &str,
    max_receives: u32,
) -> BTreeMap<QueueName, String> {
    let client = aws_sdk_sqs::Client::new(configuration);
    let scope: String = random_uuid(&SystemRandom).simple().to_string();
    let mut urls = BTreeMap::new();
    let mut arns = BTreeMap::new();
    // Dead-letter queues first: the others name them.
    let mut queues: Vec<QueueName> = QueueName::all().collect();
    queues.sort_by_key(|queue| queue.dead_letters().is_some());
    for queue in queues {
        let mut request = client.create_queue().queue_name(format!("{}-{}", queue.as_str(), scope));
        if let Some(dead) = queue.dead_letters() {
            let policy =
                format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"{max_receives}"}}"#, arns[&dead]);
            request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
        }
        let url = request.send().await.unwrap_or_else(|error| panic!("a queue for {case}: {error}"));
        let url = url.queue_url.expect("a queue has a URL");
        let attributes = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .expect("a queue has attributes");
        arns.insert(queue, attributes.attributes.expect("attributes")[&QueueAttributeName::QueueArn].clone());
        urls.insert(queue, url);
    }
    urls
}
