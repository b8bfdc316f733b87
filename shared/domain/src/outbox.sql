-- fragment: outbox
-- Records, in the transaction of a write, the guards that could not be marked in the cache.
-- :unmarked_guards  text[]  names of guards; empty if all are marked
outbox AS (
    INSERT INTO cache_outbox (guard) SELECT unnest(:unmarked_guards) FROM session
)

-- name: outbox.pending
-- :limit  bigint  rows at a time
-- example: {"limit": 100}
SELECT id, guard FROM cache_outbox ORDER BY id LIMIT :limit

-- name: outbox.done
-- :ids  bigint[]  rows that are finished
-- example: {"ids": [1, 2, 3]}
DELETE FROM cache_outbox WHERE id = ANY(:ids)

-- name: outbox.enqueue
-- :guards  text[]  names of guards that could not be cleared
-- example: {"guards": ["journal:list:guard"]}
INSERT INTO cache_outbox (guard) SELECT unnest(:guards)

-- name: outbox.purge_expired
-- Deletes up to a thousand expired keys and a thousand expired sessions, and counts them.
-- scans sessions: where many have expired, reading all costs less than looking each up
-- scans idempotency_keys: where many have expired, reading all costs less than looking each up
WITH keys AS (
    DELETE FROM idempotency_keys WHERE (scope, endpoint, key_hash) IN (
        SELECT scope, endpoint, key_hash FROM idempotency_keys WHERE expires_at <= now() LIMIT 1000
    ) RETURNING 1
), dead AS (
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= now() LIMIT 1000) RETURNING 1
)
SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM dead)
