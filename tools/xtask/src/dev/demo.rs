//! The account for trying the API.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};
use uuid::{Builder, Uuid};

use crate::accounts::{self, PASSWORD, credentials};
use crate::journal::{self, Entry};
use crate::terminal::Step;

const EMAIL: &str = "demo@kai.example";
const ENTRIES: usize = 150;

/// The demo account, with the number of entries in its journal.
#[derive(Debug)]
pub(crate) struct DemoAccount {
    entries: i64,
}

/// Registers the account through the API unless it exists, and fills its journal with five months
/// of entries.
///
/// # Errors
/// The API rejects the account, or the database is unavailable.
pub(crate) async fn ensure(api: &str, database_url: &str) -> Result<DemoAccount> {
    let step = Step::begin("creating the demo account");
    let api = api.to_owned();
    let registered = tokio::task::spawn_blocking(move || accounts::register(&api, EMAIL)).await??;
    let options: PgConnectOptions = database_url.parse()?;
    let mut connection = options.connect().await?;
    let row = sqlx::query("SELECT id::text AS id, journal_entry_count FROM users WHERE email = $1");
    let row = row.bind(EMAIL).fetch_one(&mut connection).await.context("the demo account is missing")?;
    let (user_id, mut entries): (String, i64) = (row.try_get("id")?, row.try_get("journal_entry_count")?);
    // An existing account has no entries if an earlier start was interrupted here.
    if entries == 0 {
        insert(&mut connection, &user_id, &journal::generate(ENTRIES, Timestamp::now())).await?;
        entries = i64::try_from(ENTRIES)?;
    }
    step.done(if registered.is_some() { "demo account created" } else { "demo account found" });
    Ok(DemoAccount { entries })
}

/// Prints the address of the API, the demo account, and three commands to try.
pub(crate) fn print_welcome(api: &str, demo: &DemoAccount) {
    let login = credentials(EMAIL);
    let entry = json!({ "title": "First light", "content": "Up before the alarm, for once.", "mood": 7.5, "tags": ["morning"] });
    println!(
        "
Kai is running at {api}

  sign in as   {EMAIL}
  password     {PASSWORD}
  journal      {} entries

Try:

  TOKEN=$(curl -s {api}/api/auth/login -H 'content-type: application/json' -d '{login}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
  curl -i --compressed \"{api}/api/journal/entries?page=1&page_size=5\" -H \"authorization: Bearer $TOKEN\"
  curl -i {api}/api/journal/entries -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' -d '{entry}'

The functions' output is in target/dev/functions.log. Saving a source file rebuilds and replaces the functions that use it.
Ctrl-C stops everything and keeps the data.
",
        demo.entries
    );
}

/// Inserts all entries with one statement. The API would give every entry the current time.
async fn insert(connection: &mut PgConnection, user_id: &str, entries: &[Entry]) -> Result<()> {
    let column = |value: fn(&Entry) -> String| entries.iter().map(value).collect::<Vec<String>>();
    let statement = "INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags, created_at, updated_at) \
        SELECT id::uuid, $1::uuid, NULLIF(title, ''), content, mood, emoji, string_to_array(tags, ','), at::timestamptz, at::timestamptz \
        FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::text[]) \
        AS entry (id, title, content, mood, emoji, tags, at)";
    let ids = entries.iter().map(|entry| id(entry.created_at).map(|id| id.to_string())).collect::<Result<Vec<_>>>()?;
    sqlx::query(statement)
        .bind(user_id)
        .bind(ids)
        .bind(column(|entry| entry.title.unwrap_or_default().to_owned()))
        .bind(column(|entry| entry.content.clone()))
        .bind(entries.iter().map(|entry| entry.mood).collect::<Vec<f64>>())
        .bind(column(|entry| entry.mood_emoji.to_owned()))
        .bind(column(|entry| entry.tags.join(",")))
        .bind(column(|entry| entry.created_at.to_string()))
        .execute(connection)
        .await
        .context("cannot fill the demo journal")?;
    Ok(())
}

/// Returns a `UUIDv7` with this time, as the API would have created it.
fn id(at: Timestamp) -> Result<Uuid> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    Ok(Builder::from_unix_timestamp_millis(u64::try_from(at.as_millisecond())?, &random).into_uuid())
}

#[cfg(test)]
mod tests {
    use dev_servers::{Postgres, PostgresOptions};

    use super::*;
    use crate::schema::Schema;
    use crate::workspace::Workspace;

    #[tokio::test]
    async fn the_demo_journal_fits_the_schema_and_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let options = PostgresOptions { disposable: true, ..PostgresOptions::default() };
        let postgres = Postgres::start(dir.path(), &options).unwrap();
        let url = postgres.url("postgres");
        Schema::open(&Workspace::find().unwrap(), &url).await.unwrap().up().await.unwrap();
        let options: PgConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let user = "INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), $1, '') RETURNING id::text";
        let user: String = sqlx::query(user).bind(EMAIL).fetch_one(&mut connection).await.unwrap().get(0);
        insert(&mut connection, &user, &journal::generate(ENTRIES, Timestamp::now())).await.unwrap();

        let count = sqlx::query("SELECT journal_entry_count FROM users").fetch_one(&mut connection).await.unwrap();
        assert_eq!(count.get::<i64, _>(0), 150);
        let invalid = "SELECT count(*) FROM journal_entries WHERE created_at > now() OR tags = '{}' OR title = ''";
        let invalid = sqlx::query(invalid).fetch_one(&mut connection).await.unwrap();
        assert_eq!(invalid.get::<i64, _>(0), 0);
        let order = "SELECT array_agg(id ORDER BY id) = array_agg(id ORDER BY created_at) FROM journal_entries";
        let order = sqlx::query(order).fetch_one(&mut connection).await.unwrap();
        assert!(order.get::<bool, _>(0), "the ids are in chronological order");
    }
}
