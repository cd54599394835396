//! The emulator, as the tests meet it. `tests/emulator` starts it and says where it is.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use counterfoil::aws::client;

/// The SDK's configuration for the emulator, and never for anything else.
pub(crate) async fn emulator() -> SdkConfig {
    let endpoint = variable("COUNTERFOIL_TEST_AWS_ENDPOINT");
    assert!(
        endpoint.starts_with("http://127.0.0.1:"),
        "{endpoint} is not an emulator on this machine; start the tests with tests/emulator"
    );
    client::configuration()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .load()
        .await
}

#[expect(clippy::disallowed_methods, reason = "the way in which tests/emulator says where it is")]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need the AWS emulator, start them with tests/emulator")
    })
}
