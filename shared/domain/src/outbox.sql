-- fragment: outbox
-- Adds the guards that could not be marked to the outbox, in the transaction of the write.
-- :unmarked_guards  text[]  names of the guards; empty if all are marked
outbox AS (
    INSERT INTO cache_outbox (guard) SELECT unnest(:unmarked_guards) FROM session
)

-- name: outbox.pending
-- The oldest rows of the outbox.
-- :limit  bigint  maximum number of rows
-- example: {"limit": 100}
SELECT id, guard FROM cache_outbox ORDER BY id LIMIT :limit

-- name: outbox.done
-- Deletes rows whose guards have been cleared.
-- :ids  bigint[]  ids of the rows
-- example: {"ids": [1, 2, 3]}
DELETE FROM cache_outbox WHERE id = ANY(:ids)

-- name: outbox.enqueue
-- Adds guards to the outbox after their write.
-- :guards  text[]  names of the guards that could not be cleared
-- example: {"guards": ["journal:list:guard"]}
INSERT INTO cache_outbox (guard) SELECT unnest(:guards)

-- name: outbox.purge_expired
-- Deletes up to a thousand expired keys and a thousand expired sessions, and returns their number.
-- scans sessions: if many rows have expired, a full scan costs less than index lookups
-- scans idempotency_keys: if many rows have expired, a full scan costs less than index lookups
WITH keys AS (
    DELETE FROM idempotency_keys WHERE (scope, endpoint, key_hash) IN (
        SELECT scope, endpoint, key_hash FROM idempotency_keys WHERE expires_at <= now() LIMIT 1000
    ) RETURNING 1
), dead AS (
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= now() LIMIT 1000) RETURNING 1
)
SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM dead)
