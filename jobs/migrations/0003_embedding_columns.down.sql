ALTER TABLE standalone_chat_messages DROP COLUMN embedding;
ALTER TABLE chat_messages DROP COLUMN embedding;
