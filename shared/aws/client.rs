//! How AWS is called: one HTTP client, one set of time limits and retries for all services.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// A region's services answer in milliseconds: what takes longer than this won't come.
const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(5);
/// With all its tries. Well below the lease of a run, which is written through here.
const OPERATION: Duration = Duration::from_secs(20);
/// "Standard" retries: full jitter, and a token bucket that stops retrying where nothing gets through.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const ATTEMPTS: u32 = 4;

/// Where region, credentials and endpoint come from is the SDK's usual business.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>
pub fn configuration() -> ConfigLoader {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(OPERATION)
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}
