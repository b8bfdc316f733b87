//! The users that send the requests, each with a journal, a profile and a conversation.

use anyhow::{Context, Result};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::accounts;
use crate::measurement::seed;
use crate::terminal::Step;

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
    let api = api.to_owned();
    let register = move || (0..count).map(|number| register(&api, number)).collect::<Result<Vec<_>>>();
    let users = tokio::task::spawn_blocking(register).await??;
    let options: PgConnectOptions = database_url.parse()?;
    let mut database = options.connect().await?;
    let texts = seed::texts();
    for user in &users {
        seed::fill_journal(&mut database, &user.id, ENTRIES, &texts).await?;
        seed::fill_conversation(&mut database, &user.id, MESSAGES).await?;
    }
    seed::vacuum(&mut database).await?;
    step.done(&format!("{count} users with {ENTRIES} entries and {MESSAGES} messages each"));
    Ok(users)
}

fn register(api: &str, number: u16) -> Result<User> {
    let email = format!("user{number}@load.example");
    let id = accounts::register(api, &email)?.with_context(|| format!("{email} exists already"))?;
    let token = accounts::sign_in(api, &email)?;
    Ok(User { id, email, token })
}
