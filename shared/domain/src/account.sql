-- name: account.credentials
-- The id and the password hash of an active account.
-- :email  text  email address in lower case
-- example: {"email": "$email"}
SELECT id, password_hash FROM users WHERE email = :email AND is_active

-- name: account.register
-- Creates an account with an empty profile. Fails if the address already has an account.
-- :user_id        uuid    id of the new account
-- :email          text    email address in lower case
-- :password_hash  text    PHC string of the password
-- :profile_id     uuid    id of the new profile
-- :scope          uuid    scope of the Idempotency-Key: a pseudonym of the email address
-- :endpoint       text?   function to which the Idempotency-Key was sent
-- :key_hash       bytea?  SHA-256 of the Idempotency-Key, or null without one
-- :request_hash   bytea?  HMAC of the request
-- example: {"user_id": "00000000-0000-0000-0000-000000000001", "email": "new@example.org",
--   "password_hash": "hash", "profile_id": "00000000-0000-0000-0000-000000000001",
--   "scope": "00000000-0000-0000-0000-000000000001", "endpoint": "auth-register",
--   "key_hash": "$new_hash", "request_hash": "$new_hash"}
WITH account AS (
    INSERT INTO users (id, email, password_hash) VALUES (:user_id, :email, :password_hash)
    RETURNING id, email, is_active, created_at, updated_at
), profile AS (
    INSERT INTO user_profiles (id, user_id) SELECT :profile_id, id FROM account
), kept AS (
    INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
    SELECT :scope, :endpoint, :key_hash, id, :request_hash, to_jsonb(account), now() + interval '24 hours'
    FROM account WHERE :key_hash IS NOT NULL
)
SELECT to_jsonb(account) FROM account

-- name: account.own_credentials
-- The id, the email address and the password hash of the caller.
WITH {live_session}
SELECT u.id, u.email, u.password_hash FROM session JOIN users u ON u.id = session.user_id

-- name: account.change_password
-- Changes the password of the caller and ends all sessions. If two changes of one password race,
-- only the first succeeds. The statement locks the user first, so that `sessions_since` is read
-- from the clock when no session can be opened any more.
-- :password_hash  text  PHC string of the new password
-- :verified_hash  text  PHC string against which the old password was verified
-- example: {"password_hash": "new hash", "verified_hash": "$password_hash"}
WITH {live_session}, {outbox}, owner AS (
    SELECT u.id FROM users u, session
    WHERE u.id = session.user_id AND u.password_hash = :verified_hash
    FOR NO KEY UPDATE OF u
), changed AS (
    UPDATE users SET password_hash = :password_hash, updated_at = now(), sessions_since = clock_timestamp()
    FROM owner WHERE users.id = owner.id
    RETURNING users.id
), revoked AS (
    UPDATE sessions SET revoked_at = now(), expires_at = least(sessions.expires_at, now() + interval '1 day')
    FROM changed WHERE sessions.user_id = changed.id AND sessions.revoked_at IS NULL
), answer AS (
    SELECT '{}'::jsonb AS response FROM changed
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true

-- name: account.delete
-- Deletes the account of the caller. All rows of the user refer to the account and are deleted with
-- it. The hash of the token is retained for a day, so that a repeated request is recognized.
-- :scope  uuid  pseudonym of the user, under which the hash is retained
-- example: {"scope": "$user"}
WITH {live_session}, {outbox}, gone AS (
    DELETE FROM users USING session WHERE users.id = session.user_id RETURNING users.id
), kept AS (
    INSERT INTO idempotency_keys (scope, endpoint, key_hash, request_hash, response, expires_at)
    SELECT :scope, 'account-delete', :token_hash, '', '{}', now() + interval '24 hours' FROM gone
    ON CONFLICT DO NOTHING
)
SELECT 1 FROM gone

-- name: account.deleted
-- Returns a row if this token has deleted the account. Sent after `account.delete`, which does not
-- see the deletion that another request committed while the statement waited for the lock.
-- :scope  uuid   pseudonym of the user
-- :token  bytea  SHA-256 of the token that deleted the account
-- example: {"scope": "$user", "token": "$token_hash"}
SELECT 1 FROM idempotency_keys
WHERE scope = :scope AND endpoint = 'account-delete' AND key_hash = :token AND expires_at > now()

-- name: account.export
-- A page of all data that are stored about the caller. The journal and the conversation each have a
-- cursor.
-- :entries_before_time   timestamptz  time of the cursor: only entries that are older
-- :entries_before_id     uuid         id of the cursor: at the same time, only smaller ids
-- :entries_limit         bigint       number of entries on the page, plus one
-- :messages_before_time  timestamptz  time of the cursor: only messages that are older
-- :messages_before_id    uuid         id of the cursor: at the same time, only smaller ids
-- :messages_limit        bigint       number of messages on the page, plus one
-- sorts: the sessions of one user, which are few
-- example of the journal: {"entries_before_time": "$midst",
--   "entries_before_id": "00000000-0000-0000-0000-000000000000", "entries_limit": 51,
--   "messages_before_time": "9999-12-30T22:00:00Z",
--   "messages_before_id": "ffffffff-ffff-ffff-ffff-ffffffffffff", "messages_limit": 1}
-- example of the conversation: {"entries_before_time": "9999-12-30T22:00:00Z",
--   "entries_before_id": "ffffffff-ffff-ffff-ffff-ffffffffffff", "entries_limit": 0,
--   "messages_before_time": "$midst", "messages_before_id": "00000000-0000-0000-0000-000000000000",
--   "messages_limit": 101}
WITH {live_session}
SELECT session.*, p.id AS profile_id, p.traits, p.communication_style, p.preferences,
    p.created_at AS profile_created_at, p.updated_at AS profile_updated_at,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', s.id, 'signed_in_at', s.signed_in_at, 'created_at', s.created_at, 'expires_at', s.expires_at,
            'revoked_at', s.revoked_at
        ) ORDER BY s.created_at DESC), '[]') FROM (
            SELECT * FROM sessions WHERE user_id = :user_id ORDER BY created_at DESC LIMIT 100
        ) s) AS sessions,
    (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.created_at DESC, m.id DESC), '[]') FROM (
            SELECT id, role, content, created_at FROM messages
            WHERE conversation_id = (SELECT id FROM conversations WHERE user_id = :user_id)
                AND (created_at, id) < (:messages_before_time, :messages_before_id)
            ORDER BY created_at DESC, id DESC LIMIT :messages_limit
        ) m) AS messages,
    e.*
FROM session JOIN user_profiles p ON p.user_id = session.user_id LEFT JOIN LATERAL (
    SELECT {entry_columns}
    FROM journal_entries
    WHERE user_id = :user_id AND (created_at, id) < (:entries_before_time, :entries_before_id)
    ORDER BY created_at DESC, id DESC LIMIT :entries_limit
) e ON true
