-- name: profile.read
-- The profile of the caller.
WITH {session}
SELECT session.*, p.id AS profile_id, p.traits, p.communication_style, p.preferences,
    p.created_at AS profile_created_at, p.updated_at AS profile_updated_at
FROM session JOIN user_profiles p ON p.user_id = session.user_id

-- name: profile.update
-- Changes the profile of the caller, and returns it.
-- :traits       jsonb?   new traits, or null to keep them
-- :set_style    boolean  whether the communication style changes
-- :style        text?    new communication style, or null to remove it
-- :preferences  jsonb?   new preferences, or null to keep them
-- example: {"traits": {}, "set_style": true, "style": "gentle", "preferences": {}}
WITH {live_session}, {outbox}, changed AS (
    UPDATE user_profiles p SET
        traits = coalesce(:traits, p.traits),
        communication_style = CASE WHEN :set_style THEN :style ELSE p.communication_style END,
        preferences = coalesce(:preferences, p.preferences),
        updated_at = now()
    FROM session WHERE p.user_id = session.user_id
    RETURNING p.*
), answer AS (
    SELECT to_jsonb(changed) AS response FROM changed
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true
