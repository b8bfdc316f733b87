//! Who asks: people with a journal, a profile and a conversation.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::bench::fixture::journal;
use crate::terminal::Step;

pub(crate) const PASSWORD: &str = "nine quiet herons";
/// Entries in each journal.
const ENTRIES: i64 = 150;
/// Messages in each conversation.
const MESSAGES: i32 = 50;

/// Somebody with an open session.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) user: String,
    pub(crate) email: String,
    pub(crate) token: String,
}

/// Makes people through the API, and their past in the database.
///
/// # Errors
/// The API refuses one of them, or the database a statement.
pub(crate) async fn settle(api: &str, database_url: &str, count: u16) -> Result<Vec<Person>> {
    let step = Step::begin("making people");
    let (api, password) = (api.to_owned(), PASSWORD);
    let register = move || (0..count).map(|number| sign_in(&api, number, password)).collect::<Result<Vec<_>>>();
    let people = tokio::task::spawn_blocking(register).await??;
    let options: PgConnectOptions = database_url.parse()?;
    let mut database = options.connect().await?;
    let texts = journal::texts();
    for person in &people {
        journal::fill_journal(&mut database, &person.user, ENTRIES, &texts).await?;
        journal::fill_conversation(&mut database, &person.user, MESSAGES).await?;
    }
    journal::vacuum(&mut database).await?;
    step.done(&format!("{count} people with {ENTRIES} entries and {MESSAGES} messages each"));
    Ok(people)
}

fn sign_in(api: &str, number: u16, password: &str) -> Result<Person> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .into();
    let email = format!("person{number}@load.example");
    let credentials = json!({"email": email, "password": password});
    let post = |path: &str| -> Result<Value> {
        let mut response = agent.post(format!("{api}{path}")).send_json(&credentials)?;
        if !response.status().is_success() {
            bail!("{path} answered {}", response.status());
        }
        Ok(response.body_mut().read_json()?)
    };
    let text = |answer: &Value, member: &str| {
        answer.get(member).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("there is no {member}"))
    };
    let user = text(&post("/api/auth/register")?, "id")?;
    let token = text(&post("/api/auth/login")?, "access_token")?;
    Ok(Person { user, email, token })
}
