//! The baselines, each with the same input and output as the case that it is compared with.

use anyhow::{Context, Result, ensure};

use super::{
    BOTH, Case, Fixture, INSERT, NOTHING, PAGE, PROFILE, REDIS_HISTORY, REDIS_INSIGHTS, REDIS_LIST, REDIS_ONE,
    REDIS_PROFILE, SELECT, TURNS, chat, create_event, list_event, list_key, profile_event,
};
use crate::bench::build::Binaries;
use crate::bench::event::Event;
use crate::bench::fixture::Account;
use crate::bench::response::Response;
use crate::measurement::seed::Text;

const SELECT_PAGE: &str = "SELECT id, title, content, mood, mood_emoji, tags, images, ai_insights, created_at, updated_at \
    FROM journal_entries WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 20";
const SELECT_PROFILE: &str = "SELECT id, user_id, traits, communication_style, preferences, created_at, updated_at \
    FROM user_profiles WHERE user_id = $1";
const INSERT_TURNS: &str = "WITH conversation AS (
        INSERT INTO conversations (id, user_id) VALUES (gen_random_uuid(), $1)
        ON CONFLICT (user_id) DO UPDATE SET updated_at = now() RETURNING id
    )
    INSERT INTO messages (id, conversation_id, role, content) SELECT gen_random_uuid(), id, role, repeat('a word ', 20)
    FROM conversation, (VALUES ('user'), ('assistant')) AS turn (role)";

/// Returns the baselines. `list` and `profile` are the responses of a hit.
///
/// # Errors
/// A function does not respond as expected, or does not fill the cache.
pub(super) fn cases(fixture: &Fixture, binaries: &Binaries, list: &Response, profile: &Response) -> Result<Vec<Case>> {
    let reader = &fixture.readers[1];
    let list_event = list_event(reader, None);
    let profile_event = profile_event(reader, None);
    let baseline = |name, binary: &str, event: &Event<'_>, variables: Vec<(&str, String)>| -> Result<Case> {
        let mut all = fixture.variables.clone();
        all.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(Case {
            name,
            binary: binaries.get(binary)?.to_owned(),
            variables: all,
            payloads: vec![event.payload()],
            deleted_keys: Vec::new(),
            expected: (200, None),
            per_round: 50,
            references: Vec::new(),
        })
    };
    let query = |name, event: &Event<'_>, query: &str, user_id: Option<&str>| {
        let mut variables = vec![("BASELINE_QUERY", query.to_owned())];
        variables.extend(user_id.map(|id| ("BASELINE_USER", id.to_owned())));
        baseline(name, "baseline_postgres", event, variables)
    };
    let user_id = &reader.user_id;
    let list_keys = [format!("journal:list:{user_id}:guard"), list_key(reader)];
    let profile_keys = [format!("user:profile:{user_id}:guard"), format!("user:profile:{user_id}")];
    let text = fixture.texts.first().context("there are no texts")?;
    let writer = &fixture.writer;
    let (history_event, insights_event) = (chat::history(writer), chat::insights(reader));
    let history = fixture.invoke(binaries, "chat-history", &history_event)?;
    let history_keys = [format!("conversation:{}:guard", writer.user_id), format!("conversation:{}", writer.user_id)];
    let insights = fixture.invoke(binaries, "journal-insights", &insights_event)?;
    let insights_keys = [format!("journal:list:{user_id}:guard"), format!("journal:insights:{user_id}:days:30")];
    let one = variables(&profile_keys.each_ref().map(|key| copied(key)), &profile.body_bytes()?, profile);
    let health = Event { route: "GET /health", ..Event::default() };
    let create = create_event(&fixture.writer, text);
    Ok(vec![
        baseline(NOTHING, "baseline_nothing", &list_event, Vec::new())?,
        baseline(BOTH, "baseline_both", &list_event, Vec::new())?,
        baseline(REDIS_LIST, "baseline_redis", &list_event, pipeline(fixture, reader, &list_keys, list)?)?,
        baseline(REDIS_PROFILE, "baseline_redis", &profile_event, pipeline(fixture, reader, &profile_keys, profile)?)?,
        baseline(REDIS_ONE, "baseline_redis", &profile_event, one)?,
        baseline(REDIS_HISTORY, "baseline_redis", &history_event, pipeline(fixture, writer, &history_keys, &history)?)?,
        baseline(
            REDIS_INSIGHTS,
            "baseline_redis",
            &insights_event,
            pipeline(fixture, reader, &insights_keys, &insights)?,
        )?,
        query(SELECT, &health, "SELECT 1", None)?,
        query(PAGE, &list_event, SELECT_PAGE, Some(user_id))?,
        query(PROFILE, &profile_event, SELECT_PROFILE, Some(user_id))?,
        query(INSERT, &create, &insert_entry(text), Some(&fixture.writer.user_id))?,
        query(TURNS, &create, INSERT_TURNS, Some(user_id))?,
    ])
}

/// Copies the records that a hit reads, session first, to keys and values of the same lengths. The
/// copied record of the response begins with the response body. Returns the variables of the
/// baseline.
fn pipeline(
    fixture: &Fixture,
    account: &Account,
    data: &[String; 2],
    response: &Response,
) -> Result<Vec<(&'static str, String)>> {
    let session = [format!("session:{}:guard", account.user_id), format!("session:{}", account.token_hash)];
    let body = response.body_bytes()?;
    let mut redis = redis::Client::open(fixture.servers.redis.url())?.get_connection()?;
    let mut copies = Vec::new();
    for key in session.iter().chain(data) {
        let length: usize = redis::cmd("STRLEN").arg(key).query(&mut redis)?;
        ensure!(length > 0, "a hit stored nothing under {key}");
        let copy = copied(key);
        let mut value = vec![b'g'; length];
        if Some(key) == data.last() {
            value.iter_mut().zip(&body).for_each(|(to, from)| *to = *from);
        }
        redis::cmd("SET").arg(&copy).arg(value).exec(&mut redis)?;
        copies.push(copy);
    }
    Ok(variables(&copies, &body, response))
}

/// Returns the variables of the Redis baseline.
fn variables(keys: &[String], body: &[u8], response: &Response) -> Vec<(&'static str, String)> {
    vec![
        ("BASELINE_KEYS", keys.join(" ")),
        ("BASELINE_BODY", body.len().to_string()),
        ("BASELINE_BASE64", response.is_base64_encoded.to_string()),
    ]
}

/// Returns the key of the copy of a record, which is as long as the record's own key.
fn copied(key: &str) -> String {
    format!("B{}", key.get(1..).unwrap_or_default())
}

/// Returns the statement that inserts an entry with this text.
fn insert_entry(text: &Text) -> String {
    format!(
        "INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags) \
            VALUES (gen_random_uuid(), $1, $text${}$text$, $text${}$text$, 6.5, '🙂', '{{{}}}') RETURNING *",
        text.title,
        text.content,
        text.tags.join(",")
    )
}
