-- One conversation for each person, which goes on until it is cleared: of two first messages at once, both belong to the same one. The index
-- that finds it keeps its name.

DROP INDEX ix_conversations_user_id;
CREATE UNIQUE INDEX ix_conversations_user_id ON conversations (user_id);
