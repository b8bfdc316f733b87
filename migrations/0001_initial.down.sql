DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I RESET statement_timeout', current_database());
    EXECUTE format('ALTER DATABASE %I RESET lock_timeout', current_database());
    EXECUTE format('ALTER DATABASE %I RESET idle_in_transaction_session_timeout', current_database());
END
$$;

DROP TABLE cache_outbox, idempotency_keys, messages, conversations, journal_entries, sessions, user_profiles, users;
DROP FUNCTION journal_entries_counted();
