//! What the template has made of the deployed stack: for each polled trigger a function, a queue and a schedule.

use counterfoil::domain::Value;
use counterfoil::domain::connection::Provider;
use counterfoil::ports::queue::{POLLED, QueueName};

use crate::aws::variable;
use crate::deployed::Deployed;

/// A list that AWS gives, by its REST API.
async fn list(deployed: &Deployed, service: &str, path: &str, name: &str) -> Vec<Value> {
    let answer = deployed.asked_of_aws(service, path).await;
    answer[name].as_array().cloned().unwrap_or_else(|| panic!("{path}: {answer}"))
}

/// The only one whose field ends so: an ARN ends with its resource's name.
fn only<'a>(all: &'a [Value], field: &str, end: &str) -> &'a Value {
    let ends =
        |one: &&Value| one.pointer(field).and_then(Value::as_str).is_some_and(|text| text.ends_with(end));
    let found: Vec<&Value> = all.iter().filter(ends).collect();
    assert_eq!(found.len(), 1, "{field} {end}: {found:?}");
    found[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_native_trigger_has_a_function_a_queue_and_a_schedule_of_its_own() {
    let deployed = Deployed::new().await;
    let stack = variable("COUNTERFOIL_TEST_STACK");
    let functions = list(&deployed, "lambda", "/2015-03-31/functions/", "Functions").await;
    let mappings =
        list(&deployed, "lambda", "/2015-03-31/event-source-mappings", "EventSourceMappings").await;
    let schedules = list(&deployed, "scheduler", "/schedules", "Schedules").await;
    for (trigger, wake) in POLLED {
        let (queue, function) =
            (format!(":{stack}-{wake}"), format!(":{stack}-{}", wake.trim_start_matches("wake-")));
        only(&functions, "/FunctionArn", &function);
        // The function reads this queue and no other, and nobody else reads it.
        let mapping = only(&mappings, "/FunctionArn", &function);
        assert_eq!(mapping, only(&mappings, "/EventSourceArn", &queue));
        assert_eq!(mapping["State"], "Enabled", "{trigger}");
        // The schedule wakes nobody else, and nothing else of AWS's wakes it by the clock.
        let schedule = only(&schedules, "/Target/Arn", &queue);
        assert_eq!((&schedule["Name"], &schedule["State"]), (&queue[1..].into(), &"ENABLED".into()));
        let queue = QueueName::wake(trigger).expect("is polled");
        deployed.stack.ports.queue.depth(queue).await.expect("the queue is there");
    }
    let native = POLLED.into_iter().filter(|(trigger, _)| Provider::of(trigger).is_some());
    assert!(native.count() >= 10, "the native triggers are polled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_function_that_calls_what_flows_name_is_told_of_private_networks() {
    let deployed = Deployed::new().await;
    let told = list(&deployed, "lambda", "/2015-03-31/functions/", "Functions").await.into_iter().filter(
        |function| {
            let variables = &function["Environment"]["Variables"];
            assert!(variables["COUNTERFOIL_TABLE"].is_string(), "{function}");
            !variables["COUNTERFOIL_PRIVATE_NETWORKS"].is_null()
        },
    );
    let told: Vec<Value> = told.map(|function| function["FunctionName"].clone()).collect();
    assert_eq!(told, [format!("{}-http-poll", variable("COUNTERFOIL_TEST_STACK"))]);
}
