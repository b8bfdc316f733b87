//! What the database itself remembers: which write was announced by the outbox because Redis could not be told, and until when it was
//! pending.
//!
//! Kai promises that a read never falls behind an acknowledged write, with one exception: when Redis was away as the write began, an
//! environment that could reach Redis all the while may serve the old record until the outbox is drained, for up to a minute. Triggers tell
//! precisely which writes that were. A read that falls behind any other write, or later, has no excuse.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::NoTls;

use anyhow::{Context as _, Result};

/// For how long a write that was not announced may stay hidden.
pub const STATED_BOUND: Duration = Duration::from_secs(60);

const TRIGGERS: &str = "
    CREATE TABLE chaos_write (
        register text NOT NULL, version bigint NOT NULL, xact xid8 NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (register, version, xact)
    );
    CREATE TABLE chaos_pending (
        id bigint PRIMARY KEY, guard text NOT NULL, xact xid8 NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        drained timestamptz
    );
    CREATE INDEX ON chaos_pending (xact);

    CREATE FUNCTION chaos_profile() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.communication_style IS DISTINCT FROM OLD.communication_style THEN
            INSERT INTO chaos_write VALUES ('style:' || NEW.user_id, NEW.communication_style::bigint, pg_current_xact_id());
        END IF;
        IF NEW.preferences IS DISTINCT FROM OLD.preferences THEN
            INSERT INTO chaos_write
            VALUES ('preferences:' || NEW.user_id, (NEW.preferences ->> 'version')::bigint, pg_current_xact_id());
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_profile AFTER UPDATE ON user_profiles FOR EACH ROW EXECUTE FUNCTION chaos_profile();

    CREATE FUNCTION chaos_journal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO chaos_write VALUES (NEW.id::text, NEW.content::bigint, pg_current_xact_id());
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_journal AFTER UPDATE ON journal_entries FOR EACH ROW EXECUTE FUNCTION chaos_journal();

    CREATE FUNCTION chaos_pending() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO chaos_pending VALUES (NEW.id, NEW.guard, pg_current_xact_id());
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_pending AFTER INSERT ON cache_outbox FOR EACH ROW EXECUTE FUNCTION chaos_pending();

    CREATE FUNCTION chaos_drained() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE chaos_pending SET drained = clock_timestamp() WHERE id = OLD.id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_drained AFTER DELETE ON cache_outbox FOR EACH ROW EXECUTE FUNCTION chaos_drained();";

const EXCUSED: &str = "SELECT count(DISTINCT w.version) FROM chaos_write w JOIN chaos_pending p ON p.xact = w.xact AND p.guard = $1
    WHERE w.register = $2 AND w.version > $3 AND w.version <= $4 AND (p.drained IS NULL OR p.drained > $5) AND w.at > $6";

/// Asks the database what it has seen.
#[derive(Debug, Clone)]
pub struct Witness {
    database_url: String,
}

/// An answer that hides acknowledged writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// The guard behind which the answer was cached.
    pub guard: String,
    /// Which register.
    pub register: String,
    /// What was answered.
    pub version: u64,
    /// What had been acknowledged before.
    pub acknowledged: u64,
    /// When the read began.
    pub began: Timestamp,
    /// Whether the answer came from the cache.
    pub hit: bool,
}

impl Witness {
    /// Makes the database remember from now on.
    ///
    /// # Errors
    /// The database refuses or is away.
    pub async fn install(database_url: &str) -> Result<Self> {
        let witness = Self { database_url: database_url.to_owned() };
        witness.run(async |client| client.batch_execute(TRIGGERS).await).await?;
        Ok(witness)
    }

    /// Whether every write that an answer hides was pending in the outbox when the read began, and no older than the stated bound.
    ///
    /// # Errors
    /// The database is away.
    pub async fn excuses(&self, suspicion: &Suspicion) -> Result<bool> {
        let Suspicion { guard, register, version, acknowledged, began, .. } = suspicion;
        let (from, to) = (i64::try_from(*version)?, i64::try_from(*acknowledged)?);
        let oldest = began.checked_sub(STATED_BOUND)?;
        let row =
            self.run(async |client| client.query_one(EXCUSED, &[guard, register, &from, &to, began, &oldest]).await);
        Ok(row.await?.get::<_, i64>(0) == to - from)
    }

    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&tokio_postgres::Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await?;
        tokio::select! {
            done = work(&client) => Ok(done?),
            ended = connection => ended.context("the connection ended").and_then(|()| anyhow::bail!("the connection ended")),
        }
    }
}
