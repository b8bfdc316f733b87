DROP INDEX ix_conversations_user_id;
CREATE INDEX ix_conversations_user_id ON conversations (user_id);
