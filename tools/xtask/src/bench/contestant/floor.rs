//! The floors, each with what the case above it sends and receives.

use anyhow::{Context, Result, ensure};

use super::{
    BOTH, Contestant, Fixture, INSERT, NOTHING, PAGE, PROFILE, REDIS_HISTORY, REDIS_INSIGHTS, REDIS_LIST, REDIS_ONE,
    REDIS_PROFILE, SELECT, TURNS, chat, create_event, list_event, list_key, profile_event,
};
use crate::bench::answer::Answer;
use crate::bench::build::Binaries;
use crate::bench::event::Event;
use crate::bench::fixture::Account;

pub(super) fn all(fixture: &Fixture, binaries: &Binaries, list: &Answer, profile: &Answer) -> Result<Vec<Contestant>> {
    let reader = &fixture.readers[1];
    let list_event = list_event(reader, None);
    let profile_event = profile_event(reader, None);
    let floor = |name, binary: &str, event: &Event<'_>, variables: Vec<(&str, String)>| -> Result<Contestant> {
        let mut all = fixture.variables.clone();
        all.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(Contestant {
            name,
            binary: binaries.get(binary)?.to_owned(),
            variables: all,
            payloads: vec![event.payload()],
            clears: Vec::new(),
            expected: (200, None),
            per_round: 50,
            references: Vec::new(),
        })
    };
    let query = |name, event: &Event<'_>, query: &str, user: Option<&str>| {
        let mut variables = vec![("FLOOR_QUERY", query.to_owned())];
        variables.extend(user.map(|user| ("FLOOR_USER", user.to_owned())));
        floor(name, "floor_postgres", event, variables)
    };
    let user = &reader.user;
    let list_keys = [format!("journal:list:{user}:guard"), list_key(reader)];
    let profile_keys = [format!("user:profile:{user}:guard"), format!("user:profile:{user}")];
    let page = "SELECT id, title, content, mood, mood_emoji, tags, images, ai_insights, created_at, updated_at \
        FROM journal_entries WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 20";
    let row = "SELECT id, user_id, traits, communication_style, preferences, created_at, updated_at \
        FROM user_profiles WHERE user_id = $1";
    let text = fixture.texts.first().context("there are no texts")?;
    let insert = format!(
        "INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags) \
            VALUES (gen_random_uuid(), $1, $text${}$text$, $text${}$text$, 6.5, '🙂', '{{{}}}') RETURNING *",
        text.title,
        text.content,
        text.tags.join(",")
    );
    let turns = "WITH conversation AS (
            INSERT INTO conversations (id, user_id) VALUES (gen_random_uuid(), $1)
            ON CONFLICT (user_id) DO UPDATE SET updated_at = now() RETURNING id
        )
        INSERT INTO messages (id, conversation_id, role, content) SELECT gen_random_uuid(), id, role, repeat('a word ', 20)
        FROM conversation, (VALUES ('user'), ('assistant')) AS turn (role)";
    let writer = &fixture.writer;
    let (history_event, insights_event) = (chat::history(writer), chat::insights(reader));
    let history = fixture.ask(binaries, "chat-history", &history_event)?;
    let history_keys = [format!("conversation:{}:guard", writer.user), format!("conversation:{}", writer.user)];
    let insights = fixture.ask(binaries, "journal-insights", &insights_event)?;
    let insights_keys = [format!("journal:list:{user}:guard"), format!("journal:insights:{user}:days:30")];
    let one = profile_keys.each_ref().map(|name| format!("F{}", name.get(1..).unwrap_or_default()));
    let one = vec![
        ("FLOOR_KEYS", one.join(" ")),
        ("FLOOR_BODY", profile.bytes()?.len().to_string()),
        ("FLOOR_BASE64", profile.is_base64_encoded.to_string()),
    ];
    let health = Event { route: "GET /health", ..Event::default() };
    let create = create_event(&fixture.writer, text);
    Ok(vec![
        floor(NOTHING, "floor_nothing", &list_event, Vec::new())?,
        floor(BOTH, "floor_both", &list_event, Vec::new())?,
        floor(REDIS_LIST, "floor_redis", &list_event, pipeline(fixture, reader, &list_keys, list)?)?,
        floor(REDIS_PROFILE, "floor_redis", &profile_event, pipeline(fixture, reader, &profile_keys, profile)?)?,
        floor(REDIS_ONE, "floor_redis", &profile_event, one)?,
        floor(REDIS_HISTORY, "floor_redis", &history_event, pipeline(fixture, writer, &history_keys, &history)?)?,
        floor(REDIS_INSIGHTS, "floor_redis", &insights_event, pipeline(fixture, reader, &insights_keys, &insights)?)?,
        query(SELECT, &health, "SELECT 1", None)?,
        query(PAGE, &list_event, page, Some(user))?,
        query(PROFILE, &profile_event, row, Some(user))?,
        query(INSERT, &create, &insert, Some(&fixture.writer.user))?,
        query(TURNS, &create, turns, Some(user))?,
    ])
}

/// Copies what a hit reads, the session first: names and values of the same lengths, the body of the answer at the head of its record.
fn pipeline(
    fixture: &Fixture,
    reader: &Account,
    data: &[String; 2],
    answer: &Answer,
) -> Result<Vec<(&'static str, String)>> {
    let session = [format!("session:{}:guard", reader.user), format!("session:{}", reader.token_hash)];
    let body = answer.bytes()?;
    let mut redis = redis::Client::open(fixture.servers.redis.url())?.get_connection()?;
    let mut names = Vec::new();
    for name in session.iter().chain(data) {
        let length: usize = redis::cmd("STRLEN").arg(name).query(&mut redis)?;
        ensure!(length > 0, "a hit left nothing under {name}");
        let copy = format!("F{}", name.get(1..).unwrap_or_default());
        let mut value = vec![b'g'; length];
        if Some(name) == data.last() {
            value.iter_mut().zip(&body).for_each(|(to, from)| *to = *from);
        }
        redis::cmd("SET").arg(&copy).arg(value).exec(&mut redis)?;
        names.push(copy);
    }
    Ok(vec![
        ("FLOOR_KEYS", names.join(" ")),
        ("FLOOR_BODY", body.len().to_string()),
        ("FLOOR_BASE64", answer.is_base64_encoded.to_string()),
    ])
}
