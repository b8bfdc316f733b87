//! The oracle, which asks the database which writes were added to the outbox because Redis was
//! unreachable. It also asks until when these writes were pending.
//!
//! Kai promises that a read never returns an older version than an acknowledged write, with one
//! exception. If Redis was unreachable when the write began, an environment that could still reach
//! Redis may serve the old record. It may do so until the outbox is drained, for up to a minute.
//! Triggers record exactly these writes. A stale read that hides any other write, or that occurs
//! later, is a violation.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use tokio_postgres::{Client, NoTls};

/// The time for which a write that could not be announced may stay hidden.
const STALENESS_BOUND: Duration = Duration::from_secs(60);

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

/// Counts the writes to a register between two versions that were pending when a read began and
/// were not older than the bound.
const COUNT_PENDING_WRITES: &str = "SELECT count(DISTINCT w.version) FROM chaos_write w JOIN chaos_pending p ON p.xact = w.xact AND p.guard = $1
    WHERE w.register = $2 AND w.version > $3 AND w.version <= $4 AND (p.drained IS NULL OR p.drained > $5) AND w.at > $6";

/// Decides by the records of the database whether a stale read is allowed.
#[derive(Debug, Clone)]
pub struct Oracle {
    database_url: String,
}

impl Oracle {
    /// Installs triggers that record all writes from now on.
    ///
    /// # Errors
    /// The database is unavailable or rejects the triggers.
    pub async fn install(database_url: &str) -> Result<Self> {
        let oracle = Self { database_url: database_url.to_owned() };
        oracle.run(async |client| client.batch_execute(TRIGGERS).await).await?;
        Ok(oracle)
    }

    /// Returns whether the documented exception allows a stale read. Every write that the read
    /// hides must have been pending in the outbox when the read began, and not older than the
    /// bound.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn allows(&self, read: &StaleRead) -> Result<bool> {
        let StaleRead { guard, register, version, acknowledged, began, .. } = read;
        let (from, to) = (i64::try_from(*version)?, i64::try_from(*acknowledged)?);
        let oldest = began.checked_sub(STALENESS_BOUND)?;
        let row = self.run(async |client| {
            client.query_one(COUNT_PENDING_WRITES, &[guard, register, &from, &to, began, &oldest]).await
        });
        Ok(row.await?.get::<_, i64>(0) == to - from)
    }

    async fn run<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>) -> Result<T> {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await?;
        tokio::select! {
            done = work(&client) => Ok(done?),
            ended = connection => {
                ended.context("the connection to Postgres ended")?;
                bail!("the connection to Postgres ended")
            }
        }
    }
}

/// A read whose response hides acknowledged writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleRead {
    /// The key of the guard of the resource.
    pub guard: String,
    /// The name of the register.
    pub register: String,
    /// The version that was returned.
    pub version: u64,
    /// The highest version that had been acknowledged before the read.
    pub acknowledged: u64,
    /// The time at which the read began.
    pub began: Timestamp,
    /// Whether the response came from the cache.
    pub hit: bool,
}
