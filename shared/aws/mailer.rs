//! Words to the owner, through the stack's SNS topic: who has confirmed a subscription gets a mail.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;

use super::fault::describe;
use crate::ports::Unavailable;
use crate::ports::mailer::Mailer;

/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MAX_SUBJECT: usize = 100;

pub struct SnsMailer {
    client: Client,
    topic: String,
}

impl SnsMailer {
    /// `topic`: its ARN.
    pub fn new(configuration: &SdkConfig, topic: String) -> Self {
        Self { client: Client::new(configuration), topic }
    }
}

#[async_trait]
impl Mailer for SnsMailer {
    async fn send(&self, subject: &str, body: &str) -> Result<(), Unavailable> {
        let request = self.client.publish().topic_arn(&self.topic).subject(subject_of(subject)).message(body);
        request.send().await.map(drop).map_err(|error| Unavailable::new("mailer", describe(&error)))
    }
}

/// SNS refuses a mail for one character of its subject; a mail with a mark in its subject is better than none.
fn subject_of(subject: &str) -> String {
    let plain = subject.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' });
    let subject: String = plain.take(MAX_SUBJECT).collect();
    subject.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_sns_would_refuse_is_still_sent() {
        assert_eq!(subject_of("Müller: 2 runs failed\n"), "M?ller: 2 runs failed?");
        assert_eq!(subject_of(&"x".repeat(300)).len(), 100);
    }
}
