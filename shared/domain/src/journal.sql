-- fragment: entry_columns
-- The columns of an entry, except its owner, whom the session's row names, and the search vector, which repeats the text.
id, title, content, mood, mood_emoji, tags, images, ai_insights, created_at, updated_at

-- fragment: entry_matches
-- The conditions of a filter. Postgres sees the values when it plans, so that a condition that is null costs nothing.
-- :tags      text[]?       an entry has all of these tags
-- :mood_min  float8?       lowest mood
-- :mood_max  float8?       highest mood
-- :from      timestamptz?  first moment that counts
-- :until     timestamptz?  first moment that no longer counts
-- :search    text?         words to find, in the syntax of a web search
user_id = :user_id AND (:tags IS NULL OR tags @> :tags)
        AND (:mood_min IS NULL OR mood >= :mood_min) AND (:mood_max IS NULL OR mood <= :mood_max)
        AND (:from IS NULL OR created_at >= :from) AND (:until IS NULL OR created_at < :until)
        AND (:search IS NULL OR search @@ websearch_to_tsquery('english', :search))

-- name: journal.page
-- A numbered page, newest first. The user is named by the parameter and not by the session's column: only a value that
-- the planner can see keeps it from reading and sorting the whole journal of somebody who writes much. The session has
-- one row even for an empty page; with entries, its columns come with each. A trigger maintains `total`, so it costs
-- nothing, and it is of the same snapshot as the entries.
-- :limit   bigint  entries on the page
-- :offset  bigint  entries before the page
-- example: {"limit": 20, "offset": 0}
-- example far back: {"limit": 100, "offset": 400}
WITH {session}
SELECT session.*, journal_entry_count AS total, e.* FROM session LEFT JOIN LATERAL (
    SELECT {entry_columns}
    FROM journal_entries WHERE user_id = :user_id
    ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset
) e ON true

-- name: journal.filtered
-- A numbered page of the entries that match a filter: of a search the best match first. A filter must look at every
-- entry that could match, so the total is counted here. Without a search the rank is a constant, by which Postgres need
-- not sort.
-- :limit   bigint  entries on the page
-- :offset  bigint  entries before the page
-- sorts: the best match comes first, which is known when all have been seen
-- example by tag: {"limit": 20, "offset": 0, "tags": ["$tag"]}
-- example by mood and time: {"limit": 20, "offset": 0, "mood_min": 5, "from": "$midst"}
-- example by words: {"limit": 20, "offset": 0, "search": "$word"}
WITH {session}
SELECT session.*, matches.total, e.* FROM session
CROSS JOIN LATERAL (
    SELECT count(*) AS total FROM journal_entries
    WHERE {entry_matches}
) matches
LEFT JOIN LATERAL (
    SELECT {entry_columns},
        CASE WHEN :search IS NULL THEN 0 ELSE ts_rank_cd(search, websearch_to_tsquery('english', :search)) END AS rank
    FROM journal_entries
    WHERE {entry_matches}
    ORDER BY rank DESC, created_at DESC, id DESC LIMIT :limit OFFSET :offset
) e ON true

-- name: journal.after
-- The entries after a cursor, newest first.
-- :before_time  timestamptz  entries older than this
-- :before_id    uuid         … or as old, with a smaller id
-- :limit        bigint       entries that were asked for, and one more
-- example by tag: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000", "limit": 21,
--   "tags": ["$tag"]}
-- example by mood and time: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000",
--   "limit": 21, "mood_min": 5, "from": "$midst"}
-- example by words: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000", "limit": 21,
--   "search": "$word"}
-- sorts: what the index of words finds has no order
-- example: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000", "limit": 21}
WITH {session}
SELECT session.*, e.* FROM session LEFT JOIN LATERAL (
    SELECT {entry_columns}
    FROM journal_entries
    WHERE (created_at, id) < (:before_time, :before_id) AND {entry_matches}
    ORDER BY created_at DESC, id DESC LIMIT :limit
) e ON true

-- name: journal.entry
-- :entry_id  uuid  the entry
-- example: {"entry_id": "$entry"}
WITH {session}
SELECT session.*, e.* FROM session LEFT JOIN LATERAL (
    SELECT {entry_columns}
    FROM journal_entries WHERE id = :entry_id AND user_id = :user_id
) e ON true

-- name: journal.insights
-- :days  int  days to look at, today included, in UTC
-- sorts: the days and the tags of the period, which is bounded
-- example: {"days": 30}
WITH {session}, recent AS MATERIALIZED (
    SELECT (created_at AT TIME ZONE 'UTC')::date AS day, mood, tags FROM journal_entries
    WHERE user_id = :user_id
        AND created_at >= (((now() AT TIME ZONE 'UTC')::date - :days + 1)::timestamp AT TIME ZONE 'UTC')
)
SELECT session.*, (now() AT TIME ZONE 'UTC')::date::text AS today,
    (SELECT count(*) FROM recent) AS entries,
    (SELECT coalesce(jsonb_agg(to_jsonb(days) ORDER BY date), '[]') FROM (
        SELECT day AS date, avg(mood) AS average_mood, count(*) AS entries FROM recent GROUP BY day
    ) days) AS days,
    (SELECT coalesce(jsonb_agg(to_jsonb(tags) ORDER BY count DESC, tag), '[]') FROM (
        SELECT tag, count(*) FROM recent, unnest(recent.tags) tag GROUP BY tag ORDER BY count DESC, tag LIMIT 10
    ) tags) AS tags
FROM session

-- name: journal.create
-- :entry_id    uuid     id of the new entry
-- :title       text?    its title
-- :content     text     its text
-- :mood        float8?  its mood, from 1 to 10
-- :mood_emoji  text?    its emoji
-- :tags        text[]   its tags
-- :images      text[]   its images
-- example: {"entry_id": "00000000-0000-0000-0000-000000000003", "title": "Canal",
--   "content": "Walked home along the canal.", "mood": 7.5, "mood_emoji": "🙂", "tags": ["$tag"], "images": []}
WITH {live_session}, {outbox}, entry AS (
    INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags, images)
    SELECT :entry_id, user_id, :title, :content, :mood, :mood_emoji, :tags, :images FROM session
    RETURNING user_id, {entry_columns}
), answer AS (
    SELECT to_jsonb(entry) AS response FROM entry
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true

-- name: journal.update
-- The statement that changes the row compares the version, so that of two changes to the same version only the first
-- succeeds.
-- :entry_id        uuid          the entry
-- :set_title       boolean       whether the title changes
-- :title           text?         new title, null to clear it
-- :content         text?         new text, or null to keep it
-- :set_mood        boolean       whether the mood changes
-- :mood            float8?       new mood, null to clear it
-- :set_mood_emoji  boolean       whether the emoji changes
-- :mood_emoji      text?         new emoji, null to clear it
-- :tags            text[]?       new tags, or null to keep them
-- :images          text[]?       new images, or null to keep them
-- :version         timestamptz?  `updated_at` of the version that the change is meant for, or null for any
-- example: {"entry_id": "$entry", "set_title": true, "title": "Canal", "content": "Walked home along the canal.",
--   "set_mood": true, "mood": 7.5, "set_mood_emoji": true, "mood_emoji": "🙂", "tags": ["$tag"], "images": []}
WITH {live_session}, {outbox}, entry AS (
    UPDATE journal_entries e SET
        title = CASE WHEN :set_title THEN :title ELSE e.title END,
        content = coalesce(:content, e.content),
        mood = CASE WHEN :set_mood THEN :mood ELSE e.mood END,
        mood_emoji = CASE WHEN :set_mood_emoji THEN :mood_emoji ELSE e.mood_emoji END,
        tags = coalesce(:tags, e.tags),
        images = coalesce(:images, e.images),
        updated_at = greatest(clock_timestamp(), e.updated_at + interval '1 microsecond')
    FROM (SELECT user_id AS owner FROM session) session
    WHERE e.id = :entry_id AND e.user_id = session.owner AND (:version IS NULL OR e.updated_at = :version)
    RETURNING user_id, {entry_columns}
), answer AS (
    SELECT to_jsonb(entry) AS response FROM entry
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true

-- name: journal.delete
-- What an Idempotency-Key has kept of the entry goes with it.
-- :entry_id  uuid          the entry
-- :version   timestamptz?  `updated_at` of the version that is to be deleted, or null for any
-- example: {"entry_id": "$entry"}
WITH {live_session}, {outbox}, entry AS (
    DELETE FROM journal_entries e USING session
    WHERE e.id = :entry_id AND e.user_id = session.user_id AND (:version IS NULL OR e.updated_at = :version)
    RETURNING e.id
), forgotten AS (
    DELETE FROM idempotency_keys k USING entry WHERE k.scope = :user_id AND k.response ->> 'id' = entry.id::text
), answer AS (
    SELECT '{}'::jsonb AS response FROM entry
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true
