//! The users that send the requests, each with a journal, a profile and a conversation.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::bench::fixture::journal;
use crate::terminal::Step;

pub(crate) const PASSWORD: &str = "nine quiet herons";
/// The number of entries in each journal.
const ENTRIES: i64 = 150;
/// The number of messages in each conversation.
const MESSAGES: i32 = 50;

/// A user with an open session.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
}

/// Registers users through the API, and fills their journals and conversations in the database.
///
/// # Errors
/// The API rejects a registration, or a statement fails.
pub(crate) async fn create(api: &str, database_url: &str, count: u16) -> Result<Vec<User>> {
    let step = Step::begin("creating users");
    let (api, password) = (api.to_owned(), PASSWORD);
    let register = move || (0..count).map(|number| sign_in(&api, number, password)).collect::<Result<Vec<_>>>();
    let users = tokio::task::spawn_blocking(register).await??;
    let options: PgConnectOptions = database_url.parse()?;
    let mut database = options.connect().await?;
    let texts = journal::texts();
    for user in &users {
        journal::fill_journal(&mut database, &user.id, ENTRIES, &texts).await?;
        journal::fill_conversation(&mut database, &user.id, MESSAGES).await?;
    }
    journal::vacuum(&mut database).await?;
    step.done(&format!("{count} users with {ENTRIES} entries and {MESSAGES} messages each"));
    Ok(users)
}

fn sign_in(api: &str, number: u16, password: &str) -> Result<User> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .into();
    let email = format!("user{number}@load.example");
    let credentials = json!({"email": email, "password": password});
    let post = |path: &str| -> Result<Value> {
        let mut response = agent.post(format!("{api}{path}")).send_json(&credentials)?;
        if !response.status().is_success() {
            bail!("{path} returned {}", response.status());
        }
        Ok(response.body_mut().read_json()?)
    };
    let text = |body: &Value, member: &str| {
        body.get(member).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("there is no {member}"))
    };
    let id = text(&post("/api/auth/register")?, "id")?;
    let token = text(&post("/api/auth/login")?, "access_token")?;
    Ok(User { id, email, token })
}
