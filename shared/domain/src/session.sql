-- fragment: live_session
-- The caller's session with its account. There is one row, or none if the session is not live.
-- :token_hash  bytea  SHA-256 of the caller's token
-- :user_id     uuid   id of the user that the token contains
session AS MATERIALIZED (
    SELECT s.id AS session_id, s.created_at AS session_created_at, s.expires_at AS session_expires_at,
           u.id AS user_id, u.email, u.is_active, u.created_at AS account_created_at,
           u.updated_at AS account_updated_at, u.journal_entry_count
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.token_hash = :token_hash AND s.user_id = :user_id AND s.revoked_at IS NULL AND s.expires_at > now()
        AND s.created_at > u.sessions_since AND u.is_active
)

-- fragment: known_session
-- Replaces `live_session` for a session that is in the cache, so that Postgres need not plan a
-- join.
session AS (
    SELECT id AS user_id, journal_entry_count FROM users WHERE id = :user_id AND is_active
)

-- name: session.current
-- The session of the caller.
WITH {live_session}
SELECT session.* FROM session

-- name: session.create
-- Opens a session, unless the password has changed since it was verified. The change ended only the
-- sessions that existed at that time.
-- :session_id     uuid         id of the new session
-- :user_id        uuid         id of the user who signs in
-- :token_hash     bytea        SHA-256 of the new token
-- :expires_at     timestamptz  time at which the session expires unless it is refreshed
-- :password_hash  text         PHC string against which the password was verified
-- :endpoint       text?        function to which the Idempotency-Key was sent
-- :key_hash       bytea?       SHA-256 of the Idempotency-Key, or null without one
-- :request_hash   bytea?       HMAC of the request
-- example: {"session_id": "00000000-0000-0000-0000-000000000002", "user_id": "$user",
--   "token_hash": "$new_hash", "expires_at": "9999-12-30T22:00:00Z",
--   "password_hash": "$password_hash", "endpoint": "auth-login", "key_hash": "$new_hash",
--   "request_hash": "$new_hash"}
WITH opened AS (
    INSERT INTO sessions (id, user_id, token_hash, expires_at)
    SELECT :session_id, id, :token_hash, :expires_at FROM users
    WHERE id = :user_id AND password_hash = :password_hash AND is_active FOR SHARE
    RETURNING id, user_id, expires_at
), kept AS (
    INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
    SELECT user_id, :endpoint, :key_hash, user_id, :request_hash,
           jsonb_build_object('session_id', id, 'expires_at', expires_at), now() + interval '24 hours'
    FROM opened WHERE :key_hash IS NOT NULL
)
SELECT expires_at FROM opened

-- name: session.refresh
-- Replaces the caller's session with a new one. If two refreshes race, the row lock on the session
-- lets only the first succeed. If a refresh races the revocation of all sessions, the row lock on
-- the user makes the second statement see the first. The new session is then either not opened, or
-- begins before the revocation and ends with it. A chain of refreshed sessions ends 180 days after
-- the sign-in.
-- :session_id  uuid         id of the new session
-- :new_hash    bytea        SHA-256 of the new token
-- :expires_at  timestamptz  time at which the new session expires unless it is refreshed
-- example: {"session_id": "00000000-0000-0000-0000-000000000002", "new_hash": "$new_hash",
--   "expires_at": "9999-12-30T22:00:00Z"}
WITH {live_session}, {outbox}, owner AS (
    SELECT u.id FROM users u, session
    WHERE u.id = session.user_id AND session.session_created_at > u.sessions_since
    FOR SHARE OF u
), ended AS (
    UPDATE sessions s SET revoked_at = now(), expires_at = least(s.expires_at, now() + interval '1 day')
    FROM owner, session
    WHERE s.id = session.session_id AND s.revoked_at IS NULL
    RETURNING s.user_id, s.signed_in_at
), opened AS (
    INSERT INTO sessions (id, user_id, token_hash, expires_at, signed_in_at)
    SELECT :session_id, user_id, :new_hash, least(:expires_at, signed_in_at + interval '180 days'), signed_in_at FROM ended
    RETURNING id, expires_at
), answer AS (
    SELECT jsonb_build_object('session_id', id, 'expires_at', expires_at) AS response FROM opened
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true

-- name: session.revoke
-- Revokes the caller's session or all sessions of the account. The statement locks the user first,
-- as every statement does that opens or ends sessions. This prevents deadlocks, and
-- `sessions_since` is read from the clock when no session can be opened any more. A revoked session
-- is retained for a day, for inquiries, and is then purged like an expired one.
-- :all  boolean  whether to revoke every session of the account instead of the caller's alone
-- example: {"all": true}
WITH {live_session}, {outbox}, owner AS (
    SELECT u.id FROM users u, session WHERE u.id = session.user_id FOR NO KEY UPDATE OF u
), since AS (
    UPDATE users SET sessions_since = clock_timestamp() FROM owner WHERE :all AND users.id = owner.id
), revoked AS (
    UPDATE sessions SET revoked_at = now(), expires_at = least(sessions.expires_at, now() + interval '1 day')
    FROM owner, session
    WHERE sessions.user_id = owner.id AND sessions.revoked_at IS NULL
        AND (:all OR sessions.id = session.session_id)
), answer AS (
    SELECT '{}'::jsonb AS response
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true
