//! Fills a database with a year of data. Apart from the dates the data is the same every time.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use shared::domain::statements::Subject;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// The user whose requests run the statements.
const USER: Uuid = Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001);
/// The themes of the entries. The entries use them in turn, and the statements search for the first
/// one.
const THEMES: [&str; 8] = ["walking", "sleep", "work", "family", "music", "money", "running", "friends"];
/// The number of rows that one statement inserts.
const BATCH: i64 = 10_000;
/// The time that the entries span.
const PERIOD: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The size of the database.
#[derive(Debug, Clone)]
pub(super) struct Size {
    entries: i64,
    /// The number of other users.
    others: i64,
    now: Timestamp,
}

impl Size {
    pub(super) fn new(entries: i64) -> Self {
        Self { entries, others: (entries / 50).max(1000), now: Timestamp::now() }
    }

    /// Returns the parameters of the statements. The id of the entry is nil, because no entry
    /// exists before the database is filled.
    pub(super) fn subject(&self) -> Subject {
        let [theme, ..] = THEMES;
        Subject {
            user: USER,
            email: "ada@example.org".to_owned(),
            password_hash: "hash".to_owned(),
            token_hash: vec![7; 32],
            entry: Uuid::nil(),
            tag: theme.to_owned(),
            word: theme.to_owned(),
            midst: self.now - PERIOD / 2,
            endpoint: "journal-create".to_owned(),
        }
    }
}

/// Fills an empty database, and returns the parameters of the statements.
///
/// # Errors
/// A statement fails.
pub(super) async fn fill(client: &Client, size: &Size) -> Result<Subject> {
    let subject = size.subject();
    // Running the triggers and checking the references of every row would take longer than
    // everything else. Filling the database takes longer than the timeout of a request.
    client.batch_execute("SET statement_timeout = 0; SET session_replication_role = replica").await?;
    client.batch_execute(&insert_users(size, &subject)).await?;
    println!("{} users added", size.others + 1);
    insert_entries(client, size).await?;
    println!("{} entries added; adding the conversations and analysing the tables", size.entries);
    client.batch_execute(&insert_conversations(size)).await?;
    client.batch_execute("VACUUM (ANALYZE)").await?;
    let entry = "SELECT id FROM journal_entries WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1 OFFSET 5";
    let entry = client.query_one(entry, &[&USER]).await?.try_get(0)?;
    Ok(Subject { entry, ..subject })
}

/// Returns the statements that insert the users. Every user has a profile, two live sessions and
/// two idempotency keys. Some users also have a session and a key that expired in the last minute
/// and have not been purged yet.
fn insert_users(size: &Size, subject: &Subject) -> String {
    let Subject { email, password_hash, endpoint, .. } = subject;
    let (others, token) = (size.others, "'\\x' || repeat('07', 32)");
    format!(
        "INSERT INTO users (id, email, password_hash) VALUES ('{USER}', '{email}', '{password_hash}');
        INSERT INTO users (id, email, password_hash)
            SELECT md5('user ' || n)::uuid, 'user' || n || '@example.org', '!' FROM generate_series(1, {others}) n;
        INSERT INTO user_profiles (id, user_id) SELECT md5('profile ' || id)::uuid, id FROM users;
        INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES
            (md5('session')::uuid, '{USER}', ({token})::bytea, now() + interval '30 days');
        INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at)
            SELECT md5('session ' || n || id)::uuid, id, sha256((n || id::text)::bytea), now() - n * interval '2 days',
                CASE WHEN n = 3 THEN now() - interval '1 minute' ELSE now() + n * interval '10 days' END
            FROM users, generate_series(1, 3) n WHERE n < 3 OR substr(id::text, 1, 2) = '00';
        INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at) VALUES
            ('{USER}', '{endpoint}', ({token})::bytea, '{USER}', ({token})::bytea, '{{}}', now() + interval '1 day');
        INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
            SELECT id, '{endpoint}', sha256((n || id::text)::bytea), id, '', '{{}}',
                CASE WHEN n = 3 THEN now() - interval '1 minute' ELSE now() + interval '1 hour' END
            FROM users, generate_series(1, 3) n WHERE n < 3 OR substr(id::text, 1, 2) = '00';
        INSERT INTO cache_outbox (guard) SELECT 'journal:list:' || id || ':guard' FROM users LIMIT 1000"
    )
}

/// Inserts the entries in chronological order, so that the entries of one user are as far apart in
/// the table as in production.
async fn insert_entries(client: &Client, size: &Size) -> Result<()> {
    // The ids are UUIDs of version 7 with the entry's own time, as the function creates them.
    let insert = format!(
        "INSERT INTO journal_entries (id, user_id, title, content, mood, tags, created_at, updated_at)
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
                || '8' || substr(md5(n::text), 4, 15))::uuid,
            CASE WHEN n % 10 = 0 THEN '{USER}' ELSE md5('user ' || (n * 7919 % {others} + 1))::uuid END,
            'About ' || theme, repeat('The evening was about ' || theme || ', and about number ' || n || '. ', 1 + (n % 20)::int),
            1 + n % 90 / 10.0, ARRAY[theme, 'evening'], at, at
        FROM generate_series($1, $2) n
        CROSS JOIN LATERAL (
            SELECT $3 - ({entries} - n)::float8 / {entries} * interval '{period} seconds' AS at, $4[n / 10 % {themes} + 1] AS theme
        ) entry
        ORDER BY n",
        others = size.others,
        entries = size.entries,
        period = PERIOD.as_secs(),
        themes = THEMES.len(),
    );
    let themes = THEMES.to_vec();
    let bar = ProgressBar::new(size.entries.unsigned_abs());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} entries ({eta})") {
        bar.set_style(style);
    }
    let mut from = 0;
    while from < size.entries {
        let to = (from + BATCH).min(size.entries);
        let last = to - 1;
        let range = [(&from as _, Type::INT8), (&last as _, Type::INT8)];
        let shared = [(&size.now as _, Type::TIMESTAMPTZ), (&themes as _, Type::TEXT_ARRAY)];
        client.query_typed(&insert, &[range, shared].concat()).await?;
        bar.set_position(to.unsigned_abs());
        from = to;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Returns the statements that insert the conversations. The user of the statements has one message
/// for every ten entries, and all other users have forty messages each.
fn insert_conversations(size: &Size) -> String {
    let own = size.entries / 10;
    format!(
        "UPDATE users u SET journal_entry_count = c.n
            FROM (SELECT user_id, count(*) AS n FROM journal_entries GROUP BY user_id) c WHERE c.user_id = u.id;
        INSERT INTO conversations (id, user_id) SELECT md5('conversation ' || id)::uuid, id FROM users;
        INSERT INTO messages (id, conversation_id, role, content, created_at)
            SELECT md5('message ' || n || c.id)::uuid, c.id, CASE WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END,
                'How was the evening?', now() - n::float8 / {own} * interval '{period} seconds'
            FROM conversations c, LATERAL generate_series(1, CASE WHEN c.user_id = '{USER}' THEN {own} ELSE 40 END) n",
        period = PERIOD.as_secs(),
    )
}
