-- name: conversation.history
-- The messages after a cursor, newest first.
-- :before_time  timestamptz  time of the cursor: only messages that are older
-- :before_id    uuid         id of the cursor: at the same time, only smaller ids
-- :limit        bigint       number of requested messages, plus one
-- example: {"before_time": "$midst", "before_id": "00000000-0000-0000-0000-000000000000",
--   "limit": 51}
WITH {session}
SELECT session.*, c.id AS conversation_id, m.* FROM session
LEFT JOIN conversations c ON c.user_id = :user_id
LEFT JOIN LATERAL (
    SELECT id, role, content, created_at FROM messages
    WHERE conversation_id = c.id AND (created_at, id) < (:before_time, :before_id)
    ORDER BY created_at DESC, id DESC LIMIT :limit
) m ON true

-- name: conversation.context
-- The data on which a reply of the model depends: the profile, and the last messages, oldest first.
-- Also the response that is stored under the Idempotency-Key, if there is one.
-- :turns            bigint  maximum number of messages
-- :turn_characters  int     maximum number of characters of each message
-- :sent_to          text?   function to which the Idempotency-Key was sent
-- :key              bytea?  SHA-256 of the Idempotency-Key, or null without one
-- :request          bytea?  HMAC of the request
-- example: {"turns": 20, "turn_characters": 2000, "sent_to": "$endpoint", "key": "$token_hash",
--   "request": "$token_hash"}
WITH {session}
SELECT session.*, p.traits, p.preferences, p.communication_style,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('role', m.role, 'content', m.content) ORDER BY m.created_at, m.id), '[]') FROM (
        SELECT id, role, left(content, :turn_characters) AS content, created_at FROM messages
        WHERE conversation_id = (SELECT id FROM conversations WHERE user_id = :user_id)
        ORDER BY created_at DESC, id DESC LIMIT :turns
    ) m) AS history,
    (SELECT jsonb_build_object('same', k.request_hash = :request, 'response', k.response) FROM idempotency_keys k
        WHERE k.scope = :user_id AND k.endpoint = :sent_to AND k.key_hash = :key AND k.expires_at > now()) AS kept
FROM session JOIN user_profiles p ON p.user_id = session.user_id

-- fragment: exchange
-- Appends a message and its reply. The first message begins the conversation. The row lock on the
-- conversation serializes concurrent exchanges, so that each reply follows its message.
-- :conversation_id  uuid  id of the conversation, if this message begins it
-- :message_id       uuid  id of the message
-- :message          text  text of the message
-- :reply_id         uuid  id of the reply
-- :reply            text  text of the reply
conversation AS (
    INSERT INTO conversations (id, user_id) SELECT :conversation_id, user_id FROM session
    ON CONFLICT (user_id) DO UPDATE SET updated_at = now()
    RETURNING id
), turns AS (
    INSERT INTO messages (id, conversation_id, role, content, created_at)
    SELECT turn.id, conversation.id, turn.role, turn.content, clock_timestamp()
    FROM conversation, (VALUES (1, :message_id, 'user', :message), (2, :reply_id, 'assistant', :reply))
        AS turn (place, id, role, content)
    ORDER BY turn.place
)

-- name: conversation.exchange as Append
-- Appends a message and its reply for a caller, and returns the response.
-- :answer  jsonb  response without the id of the conversation
-- sorts: the two messages of the exchange
-- example: {"answer": {"metadata": {}}, "conversation_id": "00000000-0000-0000-0000-000000000004",
--   "message_id": "00000000-0000-0000-0000-000000000005", "message": "How can I sleep?",
--   "reply_id": "00000000-0000-0000-0000-000000000006", "reply": "Breathe out slowly."}
WITH {live_session}, {outbox}, {exchange}, answer AS (
    SELECT jsonb_set(:answer, '{metadata,conversation_id}', to_jsonb(id)) AS response FROM conversation
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true

-- name: conversation.exchange.known as AppendKnown
-- Appends a message and its reply for a session that is in the cache, without an Idempotency-Key
-- and with the marker set. Postgres need not plan the parts that are not needed in this case.
-- :user_id  uuid  id of the caller
-- sorts: the two messages of the exchange
-- example: {"user_id": "$user", "conversation_id": "00000000-0000-0000-0000-000000000004",
--   "message_id": "00000000-0000-0000-0000-000000000005", "message": "How can I sleep?",
--   "reply_id": "00000000-0000-0000-0000-000000000006", "reply": "Breathe out slowly."}
WITH {known_session}, {exchange}
SELECT id FROM conversation

-- name: conversation.clear
-- Deletes the conversation, and the responses of `chat-send` that are stored under
-- Idempotency-Keys.
WITH {live_session}, {outbox}, gone AS (
    DELETE FROM conversations c USING session WHERE c.user_id = session.user_id
), forgotten AS (
    DELETE FROM idempotency_keys k USING session WHERE k.scope = session.user_id AND k.endpoint = 'chat-send'
), answer AS (
    SELECT '{}'::jsonb AS response
), {keep_response}
SELECT response FROM session LEFT JOIN answer ON true
