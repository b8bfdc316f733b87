-- The words of an entry for full-text search, kept beside the text so that ranking need not parse it again. English stemming: "walked" is
-- found by "walk"; words of other languages are found as they are written. Rewrites the table.

ALTER TABLE journal_entries ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('english', coalesce(title, '')), 'A') || setweight(to_tsvector('english', content), 'B')
) STORED;
