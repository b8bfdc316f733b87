-- The words of an entry for full-text search, kept beside the text so that ranking need not parse it again. English stemming: "walked" is
-- found by "walk"; words of other languages are found as they are written. Rewrites the table.
-- Without the marks by which the parser takes words for file names and addresses: on text full of them it takes seconds.

ALTER TABLE journal_entries ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('english', translate(coalesce(title, ''), '_~@/', '    ')), 'A') || setweight(to_tsvector('english', translate(content, '_~@/', '    ')), 'B')
) STORED;
