ALTER TABLE standalone_chat_messages DROP COLUMN was_truncated;
ALTER TABLE chat_messages DROP COLUMN was_truncated;
