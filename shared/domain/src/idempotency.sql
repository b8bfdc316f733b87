-- fragment: keep_response
-- Stores the response of `answer` under the caller's Idempotency-Key, if there is one.
-- :endpoint      text?   function to which the Idempotency-Key was sent
-- :key_hash      bytea?  SHA-256 of the Idempotency-Key, or null without one
-- :request_hash  bytea?  HMAC of the request
kept AS (
    INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
    SELECT user_id, :endpoint, :key_hash, user_id, :request_hash, response, now() + interval '24 hours'
    FROM session, answer WHERE :key_hash IS NOT NULL
)

-- name: idempotency.replay
-- The response that is stored under an Idempotency-Key. Also deletes the key if it has expired and
-- has not been purged yet.
-- :scope         uuid   scope of the key: a user or a pseudonym
-- :endpoint      text   function to which the key was sent
-- :key_hash      bytea  SHA-256 of the key
-- :request_hash  bytea  HMAC of the request
-- example: {"scope": "$user", "endpoint": "$endpoint", "key_hash": "$token_hash",
--   "request_hash": "$token_hash"}
WITH expired AS (
    DELETE FROM idempotency_keys
    WHERE scope = :scope AND endpoint = :endpoint AND key_hash = :key_hash AND expires_at <= now()
)
SELECT request_hash = :request_hash AS same, response FROM idempotency_keys
WHERE scope = :scope AND endpoint = :endpoint AND key_hash = :key_hash AND expires_at > now()

-- name: idempotency.ended
-- The response of a request that ended its own session. It is found without a live session.
-- :scope         uuid   scope of the key: a user or a pseudonym
-- :endpoint      text   function to which the key was sent
-- :key_hash      bytea  SHA-256 of the key
-- :request_hash  bytea  HMAC of the request and the token
-- example: {"scope": "$user", "endpoint": "$endpoint", "key_hash": "$token_hash",
--   "request_hash": "$token_hash"}
SELECT response FROM idempotency_keys
WHERE scope = :scope AND endpoint = :endpoint AND key_hash = :key_hash AND request_hash = :request_hash
    AND expires_at > now()

-- name: idempotency.first
-- The response that is stored under an Idempotency-Key of a caller with a live session.
-- :sent_to  text   function to which the key was sent
-- :key      bytea  SHA-256 of the key
-- :request  bytea  HMAC of the request
-- example: {"sent_to": "$endpoint", "key": "$token_hash", "request": "$token_hash"}
WITH {live_session}
SELECT k.request_hash = :request AS same, k.response
FROM session LEFT JOIN idempotency_keys k
    ON k.scope = session.user_id AND k.endpoint = :sent_to AND k.key_hash = :key AND k.expires_at > now()
