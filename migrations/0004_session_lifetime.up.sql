-- When the person signed in: a session that is refreshed begins anew, but not for ever. And from when on sessions count: those that began
-- before are over, also one that was being opened while all that there were have been ended.

ALTER TABLE sessions ADD COLUMN signed_in_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE users ADD COLUMN sessions_since timestamptz NOT NULL DEFAULT '-infinity';
