-- Accounts, sessions, profiles, the journal, conversations, and what the write path needs.
-- Ids are UUIDv7 made by the application, so that primary keys grow at one end. Enumerations are text with a CHECK: a custom
-- type would make the driver prepare named statements, which a transaction pooler loses.

CREATE TABLE users (
    id                  uuid PRIMARY KEY,
    email               text NOT NULL CHECK (octet_length(email) <= 254),
    password_hash       text NOT NULL,
    is_active           boolean NOT NULL DEFAULT true,
    journal_entry_count bigint NOT NULL DEFAULT 0 CHECK (journal_entry_count >= 0),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
-- Room on each page, so that keeping the count does not move the row out of its page.
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX ix_users_email ON users (email);

CREATE TABLE user_profiles (
    id                  uuid PRIMARY KEY,
    user_id             uuid NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    traits              jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(traits) = 'object'),
    communication_style text,
    preferences         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(preferences) = 'object'),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);

-- The authority for sessions; the cache only remembers what it says. The token itself is never stored.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE UNIQUE INDEX ix_sessions_token ON sessions (token_hash);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);

CREATE TABLE journal_entries (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    title       text,
    content     text NOT NULL,
    mood        double precision CHECK (mood BETWEEN 1 AND 10),
    mood_emoji  text,
    tags        text[] NOT NULL DEFAULT '{}',
    images      text[] NOT NULL DEFAULT '{}',
    ai_insights jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ix_journal_entries_user_id ON journal_entries (user_id);
-- Block ranges, for reports over a span of time: rows arrive in its order, so it is tiny. As a B-tree it would also offer an order, and
-- the planner would take it for one user's newest entries whenever that user owns much of the table, reading everybody else's.
CREATE INDEX ix_journal_entries_created_at ON journal_entries USING brin (created_at);
CREATE INDEX ix_journal_entries_user_created ON journal_entries (user_id, created_at DESC, id DESC);

-- One update per statement and user, so that a bulk insert costs as little as a single one. The row lock on `users` puts
-- concurrent writers of one user in a line, which is what makes the count exact.
CREATE FUNCTION journal_entries_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE users u SET journal_entry_count = u.journal_entry_count + c.n
        FROM (SELECT user_id, count(*) AS n FROM changed GROUP BY user_id) c WHERE u.id = c.user_id;
    ELSE
        UPDATE users u SET journal_entry_count = u.journal_entry_count - c.n
        FROM (SELECT user_id, count(*) AS n FROM changed GROUP BY user_id) c WHERE u.id = c.user_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER journal_entries_inserted AFTER INSERT ON journal_entries
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION journal_entries_counted();
CREATE TRIGGER journal_entries_deleted AFTER DELETE ON journal_entries
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION journal_entries_counted();

CREATE TABLE conversations (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ix_conversations_user_id ON conversations (user_id);
CREATE INDEX ix_conversations_created_at ON conversations USING brin (created_at);
CREATE INDEX ix_conversations_user_created ON conversations (user_id, created_at DESC, id DESC);

CREATE TABLE messages (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN ('user', 'assistant')),
    content         text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ix_messages_conversation_created ON messages (conversation_id, created_at DESC, id DESC);

-- `scope` is the user, or for a caller who has no account yet a pseudonym of the e-mail address.
CREATE TABLE idempotency_keys (
    scope        uuid NOT NULL,
    endpoint     text NOT NULL,
    key_hash     bytea NOT NULL,
    user_id      uuid REFERENCES users ON DELETE CASCADE,
    request_hash bytea NOT NULL,
    response     jsonb NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (scope, endpoint, key_hash)
);

CREATE INDEX ix_idempotency_keys_user_id ON idempotency_keys (user_id);
CREATE INDEX ix_idempotency_keys_expires_at ON idempotency_keys (expires_at);

-- Invalidations that could not be marked in the cache before their write. No foreign key: they outlive the account.
CREATE TABLE cache_outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    guard      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Bounds that the server keeps for every connection to this database, whoever opens it: a `SET` of our own would be lost
-- behind a transaction pooler. They make sure that no write can outlive the cache marker of 30 s that announces it.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''5s''', current_database());
    EXECUTE format('ALTER DATABASE %I SET lock_timeout = ''2s''', current_database());
    EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = ''5s''', current_database());
END
$$;
