//! What an SDK error says, in a line that may be logged: never what was sent or answered.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// `ThrottlingException: Rate exceeded`, or why there was no answer. An SDK error's `Debug` would show bodies.
pub(super) fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => chain(error),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// Nothing was done because of a limit or another's transaction; soon it may be.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
pub(super) fn is_busy(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException"
            | "ThrottlingError"
            | "ProvisionedThroughputExceeded"
            | "TransactionConflict"
            | "TransactionConflictException"
            | "ReplicatedWriteConflictException"
    )
}
