//! An account to try the API with.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};
use uuid::{Builder, Uuid};

use super::journal::{self, Entry};
use crate::terminal::Step;

const EMAIL: &str = "demo@kai.example";
const PASSWORD: &str = "a-quiet-morning-walk";
const ENTRIES: usize = 150;

/// The account, and whether it has just been made.
#[derive(Debug)]
pub(crate) struct Demo {
    entries: i64,
}

/// Registers the account through the API, if there is none, and fills its journal with five months of entries.
///
/// # Errors
/// The API refuses the account for another reason than that it exists, or the database is away.
pub(crate) async fn ensure(api: &str, database_url: &str) -> Result<Demo> {
    let step = Step::begin("making the demo account");
    let url = format!("{api}/api/auth/register");
    let status = tokio::task::spawn_blocking(move || register(&url)).await??;
    let options: PgConnectOptions = database_url.parse()?;
    let mut connection = options.connect().await?;
    let row = sqlx::query("SELECT id::text AS id, journal_entry_count FROM users WHERE email = $1");
    let row = row.bind(EMAIL).fetch_one(&mut connection).await.context("the demo account is not there")?;
    let (user, mut entries): (String, i64) = (row.try_get("id")?, row.try_get("journal_entry_count")?);
    // Empty without being new: an earlier start was interrupted here.
    if entries == 0 {
        insert(&mut connection, &user, &journal::write(ENTRIES, Timestamp::now())).await?;
        entries = i64::try_from(ENTRIES)?;
    }
    step.done(if status == 201 { "demo account made" } else { "demo account kept" });
    Ok(Demo { entries })
}

/// Prints where the API is, who may sign in, and three commands to try.
pub(crate) fn welcome(api: &str, demo: &Demo) {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let entry = json!({ "title": "First light", "content": "Up before the alarm, for once.", "mood": 7.5, "tags": ["morning"] });
    println!(
        "
Kai answers on {api}

  sign in as   {EMAIL}
  password     {PASSWORD}
  journal      {} entries

Try:

  TOKEN=$(curl -s {api}/api/auth/login -H 'content-type: application/json' -d '{login}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
  curl -i --compressed \"{api}/api/journal/entries?page=1&page_size=5\" -H \"authorization: Bearer $TOKEN\"
  curl -i {api}/api/journal/entries -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' -d '{entry}'

The functions' output is in target/dev/functions.log. Saving a source file rebuilds and replaces what it changes.
Ctrl-C stops everything; the data are kept.
",
        demo.entries
    );
}

/// Returns 201 for a new account, 409 for a known one.
fn register(url: &str) -> Result<u16> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent.post(url).send_json(json!({ "email": EMAIL, "password": PASSWORD }))?;
    let status = response.status().as_u16();
    if status != 201 && status != 409 {
        let problem: Value = response.body_mut().read_json().unwrap_or_default();
        bail!("the API refuses the demo account: {status} {problem}");
    }
    Ok(status)
}

/// One statement for all entries, dated back, past the API: it dates every entry itself.
async fn insert(connection: &mut PgConnection, user: &str, entries: &[Entry]) -> Result<()> {
    let column = |value: fn(&Entry) -> String| entries.iter().map(value).collect::<Vec<String>>();
    let statement = "INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags, created_at, updated_at) \
        SELECT id::uuid, $1::uuid, NULLIF(title, ''), content, mood, emoji, string_to_array(tags, ','), at::timestamptz, at::timestamptz \
        FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::text[]) \
        AS entry (id, title, content, mood, emoji, tags, at)";
    let ids = entries.iter().map(|entry| id(entry.created_at).map(|id| id.to_string())).collect::<Result<Vec<_>>>()?;
    sqlx::query(statement)
        .bind(user)
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

/// A `UUIDv7` of that time, as the API would have made it then.
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
        insert(&mut connection, &user, &journal::write(ENTRIES, Timestamp::now())).await.unwrap();

        let count = sqlx::query("SELECT journal_entry_count FROM users").fetch_one(&mut connection).await.unwrap();
        assert_eq!(count.get::<i64, _>(0), 150);
        let odd = "SELECT count(*) FROM journal_entries WHERE created_at > now() OR tags = '{}' OR title = ''";
        let odd = sqlx::query(odd).fetch_one(&mut connection).await.unwrap();
        assert_eq!(odd.get::<i64, _>(0), 0);
        let order = "SELECT array_agg(id ORDER BY id) = array_agg(id ORDER BY created_at) FROM journal_entries";
        let order = sqlx::query(order).fetch_one(&mut connection).await.unwrap();
        assert!(order.get::<bool, _>(0), "ids grow with time");
    }
}
