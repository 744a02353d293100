-- Whether a message was cut before it was stored.
-- vecfill: optional-tables
ALTER TABLE chat_messages ADD COLUMN was_truncated boolean NOT NULL DEFAULT false;
ALTER TABLE standalone_chat_messages ADD COLUMN was_truncated boolean NOT NULL DEFAULT false;
