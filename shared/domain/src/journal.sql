-- fragment: entry_columns
-- The columns of an entry, except the owner and the search vector. The row of the session contains
-- the owner, and the search vector repeats the text.
id, title, content, mood, mood_emoji, tags, images, ai_insights, created_at, updated_at

-- fragment: entry_matches
-- The conditions of a filter. Postgres has the values when it plans the statement, so a condition
-- whose parameter is null costs nothing.
-- :tags      text[]?       tags, all of which an entry must have
-- :mood_min  float8?       minimum mood
-- :mood_max  float8?       maximum mood
-- :from      timestamptz?  earliest time of creation
-- :until     timestamptz?  time before which an entry was created
-- :search    text?         words to find, in the syntax of a web search
user_id = :user_id AND (:tags IS NULL OR tags @> :tags)
        AND (:mood_min IS NULL OR mood >= :mood_min) AND (:mood_max IS NULL OR mood <= :mood_max)
        AND (:from IS NULL OR created_at >= :from) AND (:until IS NULL OR created_at < :until)
        AND (:search IS NULL OR search @@ websearch_to_tsquery('english', :search))

-- name: journal.page
-- A numbered page of entries, newest first. The condition uses the parameter and not the session's
-- column, because the planner needs the value. Otherwise it would read and sort the whole journal
-- of a user with many entries. An empty page has one row with the session's columns. Any other page
-- repeats them with each entry. A trigger maintains `total`, so the total costs nothing and belongs
-- to the same snapshot as the entries.
-- :limit   bigint  number of entries on the page
-- :offset  bigint  number of entries before the page
-- example: {"limit": 20, "offset": 0}
-- example far back: {"limit": 100, "offset": 400}
WITH {session}
SELECT session.*, journal_entry_count AS total, e.* FROM session LEFT JOIN LATERAL (
    SELECT {entry_columns}
    FROM journal_entries WHERE user_id = :user_id
    ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset
) e ON true

-- name: journal.filtered
-- A numbered page of the entries that match a filter, newest first. With a search, the best match
-- is first. A filter has to read every entry that could match, so the statement counts the total.
-- Without a search the rank is a constant, by which Postgres need not sort.
-- :limit   bigint  number of entries on the page
-- :offset  bigint  number of entries before the page
-- sorts: the best match is first, so all matches must be read
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
-- :before_time  timestamptz  time of the cursor: only entries that are older
-- :before_id    uuid         id of the cursor: at the same time, only smaller ids
-- :limit        bigint       number of requested entries, plus one
-- example by tag: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000",
--   "limit": 21, "tags": ["$tag"]}
-- example by mood and time: {"before_time": "$midst",
--   "before_id": "00000000-0000-0000-0000-000000000000", "limit": 21, "mood_min": 5,
--   "from": "$midst"}
-- example by words: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000",
--   "limit": 21, "search": "$word"}
-- sorts: the full-text index returns the entries in no order
-- example: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000",
--   "limit": 21}
WITH {session}
SELECT session.*, e.* FROM session LEFT JOIN LATERAL (
    SELECT {entry_columns}
    FROM journal_entries
    WHERE (created_at, id) < (:before_time, :before_id) AND {entry_matches}
    ORDER BY created_at DESC, id DESC LIMIT :limit
) e ON true

-- name: journal.entry
-- One entry of the caller.
-- :entry_id  uuid  id of the entry
-- example: {"entry_id": "$entry"}
WITH {session}
SELECT session.*, e.* FROM session LEFT JOIN LATERAL (
    SELECT {entry_columns}
    FROM journal_entries WHERE id = :entry_id AND user_id = :user_id
) e ON true

-- name: journal.insights
-- The statistics of the last `days` days: the moods by day, and the ten most frequent tags.
-- :days  int  number of days in UTC, including today
-- sorts: the days and the tags of a bounded period
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
-- Creates an entry, and returns it.
-- :entry_id    uuid     id of the new entry
-- :title       text?    title of the entry
-- :content     text     text of the entry
-- :mood        float8?  mood from 1 to 10
-- :mood_emoji  text?    emoji for the mood
-- :tags        text[]   tags of the entry
-- :images      text[]   URLs of images
-- example: {"entry_id": "00000000-0000-0000-0000-000000000003", "title": "Canal",
--   "content": "Walked home along the canal.", "mood": 7.5, "mood_emoji": "🙂", "tags": ["$tag"],
--   "images": []}
WITH {live_session}, {outbox}, entry AS (
    INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags, images)
    SELECT :entry_id, user_id, :title, :content, :mood, :mood_emoji, :tags, :images FROM session
    RETURNING user_id, {entry_columns}
), answer AS (
    SELECT to_jsonb(entry) AS response FROM entry
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true

-- name: journal.update
-- Changes an entry. The statement that changes the row also compares the version. If two changes of
-- one version race, only the first succeeds.
-- :entry_id        uuid          id of the entry
-- :set_title       boolean       whether the title changes
-- :title           text?         new title, or null to remove it
-- :content         text?         new text, or null to keep it
-- :set_mood        boolean       whether the mood changes
-- :mood            float8?       new mood, or null to remove it
-- :set_mood_emoji  boolean       whether the emoji changes
-- :mood_emoji      text?         new emoji, or null to remove it
-- :tags            text[]?       new tags, or null to keep them
-- :images          text[]?       new images, or null to keep them
-- :version         timestamptz?  `updated_at` of the version to change, or null for any version
-- example: {"entry_id": "$entry", "set_title": true, "title": "Canal",
--   "content": "Walked home along the canal.", "set_mood": true, "mood": 7.5,
--   "set_mood_emoji": true, "mood_emoji": "🙂", "tags": ["$tag"], "images": []}
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
-- Deletes an entry, and the responses about it that are stored under Idempotency-Keys.
-- :entry_id  uuid          id of the entry
-- :version   timestamptz?  `updated_at` of the version to delete, or null for any version
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
