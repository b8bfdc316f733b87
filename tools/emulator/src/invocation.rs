//! The event and the outcome of an invocation, and Lambda's limits on their size.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// The largest event that Lambda's Invoke API accepts: 6 MiB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_REQUEST_BYTES: usize = 6 * 1024 * 1024;

/// The largest response that a function may send: 6 MiB and 100 bytes.
///
/// The documentation says 6 MB. `MaxPayloadSize` in AWS's own runtime interface emulator and the
/// text of Lambda's error (6291556 bytes) include the additional 100 bytes.
pub const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 100;

/// The outcome of an invocation that reached the function.
pub(crate) type Outcome = Result<Bytes, FunctionError>;

/// The reason why an invocation has no result.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvocationError {
    /// The template has no such function.
    #[error("the template has no function named {0}")]
    UnknownFunction(String),
    /// The event is larger than [`MAX_REQUEST_BYTES`].
    #[error("the event is larger than {MAX_REQUEST_BYTES} bytes")]
    RequestTooLarge,
    /// All environments that the function may have are busy.
    #[error("all environments that the function may have are busy")]
    Throttled,
    /// The function failed, crashed or ran out of time.
    #[error("{0}")]
    Function(FunctionError),
    /// The emulator has been shut down.
    #[error("the emulator has been shut down")]
    Stopped,
}

/// A failure that the function reports, or that Lambda reports on its behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// `Runtime.ExitError`, `Sandbox.Timedout`, `Function.ResponseSizeTooLarge`, or a type that the
    /// function chose.
    pub error_type: String,
    /// The JSON document that the caller of the Invoke API receives, with `errorType` and
    /// `errorMessage`.
    pub payload: Bytes,
}

impl FunctionError {
    pub(crate) fn new(error_type: &str, message: impl AsRef<str>) -> Self {
        let payload = json!({"errorType": error_type, "errorMessage": message.as_ref()});
        Self { error_type: error_type.to_owned(), payload: payload.to_string().into() }
    }

    /// Returns the `errorMessage` of the payload, or an empty string if there is none.
    #[must_use]
    pub fn message(&self) -> String {
        let document = serde_json::from_slice::<Value>(&self.payload).unwrap_or_default();
        document.get("errorMessage").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
    }

    pub(crate) fn response_too_large() -> Self {
        let text = format!("Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).");
        Self::new("Function.ResponseSizeTooLarge", text)
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.error_type, self.message())
    }
}

/// An event on its way to a function.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    /// The X-Ray header: `Root=…;Parent=…;Sampled=0`.
    pub(crate) trace: String,
    /// The time at which the function times out, in milliseconds since the Unix epoch.
    pub(crate) deadline: i64,
}

impl Event {
    /// Creates an event with a new request id. `root` is the X-Ray root that the gateway assigned
    /// to the request.
    pub(crate) fn new(payload: Bytes, root: Option<&str>) -> Self {
        let root = root.map_or_else(trace_root, str::to_owned);
        let parent = random_hex::<8>();
        let request_id = Uuid::new_v4().to_string();
        let trace = format!("{root};Parent={parent};Sampled=0;Lineage=1:00000000:0");
        Self { request_id, payload, trace, deadline: 0 }
    }
}

/// Creates an X-Ray root: `Root=1-<time>-<96 random bits>`.
pub(crate) fn trace_root() -> String {
    format!("Root=1-{:08x}-{}", Timestamp::now().as_second(), random_hex::<12>())
}

pub(crate) fn random_hex<const N: usize>() -> String {
    const_hex::encode(random_bytes::<N>())
}

/// Generates random bytes for identifiers. The identifiers protect nothing, so the bytes of a UUID
/// are a sufficient fallback.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        bytes.iter_mut().zip(Uuid::now_v7().as_bytes()).for_each(|(byte, other)| *byte = *other);
    }
    bytes
}
