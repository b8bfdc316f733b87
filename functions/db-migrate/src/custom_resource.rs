//! The protocol of CloudFormation's custom resources. The function sends its result to a URL in the
//! request. Without a result, the stack waits for an hour.

use std::time::Duration;

use http::Request;
use serde::{Deserialize, Serialize};
use shared::Result;
use shared::error::Error;
use shared::net::http_client;
use tokio::time::timeout;

/// The time limit for sending the result.
const DELIVERY: Duration = Duration::from_secs(20);
/// The maximum size of S3's reply to the upload, in bytes. A real reply is smaller.
const REPLY_LIMIT: usize = 64 * 1024;

/// A request of CloudFormation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CustomResource {
    request_type: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

/// The result that CloudFormation receives.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    status: &'static str,
    reason: String,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
}

impl CustomResource {
    /// Returns whether the stack is being deleted.
    pub(crate) fn is_deletion(&self) -> bool {
        self.request_type == "Delete"
    }

    /// Sends the result to CloudFormation.
    ///
    /// # Errors
    /// The result cannot be delivered.
    pub(crate) async fn answer(&self, outcome: Result<(), &Error>) -> Result<()> {
        let body = serde_json::to_vec(&self.describe(outcome)).map_err(Error::internal)?;
        // The URL is a credential: no error may quote it.
        let undelivered = || Error::internal("could not send the result to CloudFormation");
        // The signature of the URL covers an empty content type.
        let request =
            Request::put(&self.response_url).header("content-type", "").body(body).map_err(|_| undelivered())?;
        match timeout(DELIVERY, http_client::send(request, REPLY_LIMIT)).await {
            Ok(Ok(reply)) if reply.status().is_success() => Ok(()),
            _ => Err(undelivered()),
        }
    }

    fn describe(&self, outcome: Result<(), &Error>) -> Answer<'_> {
        let (status, reason) = match outcome {
            Ok(()) => ("SUCCESS", String::new()),
            Err(error) => ("FAILED", error.to_string()),
        };
        Answer {
            status,
            reason,
            physical_resource_id: self.physical_resource_id.as_deref().unwrap_or("kai-migrations"),
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
        }
    }
}
