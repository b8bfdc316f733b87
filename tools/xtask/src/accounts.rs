//! The accounts that commands create. All of them have the same password.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "a-quiet-morning-walk";

/// Registers an account through the API. Returns its id, or `None` if the account exists already.
/// Blocks the thread.
///
/// # Errors
/// The API cannot be reached, or rejects the account.
pub(crate) fn register(api: &str, email: &str) -> Result<Option<String>> {
    match post(api, "/api/auth/register", &credentials(email))? {
        (201, account) => text(&account, "id").map(Some),
        (409, _) => Ok(None),
        (status, problem) => bail!("the API rejected the account {email}: {status} {problem}"),
    }
}

/// Signs in through the API, and returns the token of the new session. Blocks the thread.
///
/// # Errors
/// The API cannot be reached, or rejects the credentials.
pub(crate) fn sign_in(api: &str, email: &str) -> Result<String> {
    match post(api, "/api/auth/login", &credentials(email))? {
        (200, session) => text(&session, "access_token"),
        (status, problem) => bail!("the API rejected the sign-in of {email}: {status} {problem}"),
    }
}

/// Returns the body of a request that registers an account or signs in.
pub(crate) fn credentials(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD })
}

/// Returns the status and the body of the response.
fn post(api: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent.post(format!("{api}{path}")).send_json(body)?;
    Ok((response.status().as_u16(), response.body_mut().read_json().unwrap_or_default()))
}

fn text(body: &Value, member: &str) -> Result<String> {
    body.get(member).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("the response has no {member}"))
}
