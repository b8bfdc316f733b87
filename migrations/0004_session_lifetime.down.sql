ALTER TABLE users DROP COLUMN sessions_since;
ALTER TABLE sessions DROP COLUMN signed_in_at;
