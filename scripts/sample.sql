-- The chat application's schema as it is before vecfill: no pgvector, no embedding columns, some hundreds of messages.
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE saved_insights (id serial PRIMARY KEY, user_id int NOT NULL REFERENCES users ON DELETE CASCADE);
CREATE TABLE standalone_chats (id serial PRIMARY KEY, user_id int NOT NULL REFERENCES users ON DELETE CASCADE);
CREATE TABLE chat_messages (
  id serial PRIMARY KEY, insight_id int NOT NULL REFERENCES saved_insights ON DELETE CASCADE,
  user_id int NOT NULL REFERENCES users ON DELETE CASCADE, role varchar(20) NOT NULL, content text NOT NULL,
  was_truncated boolean NOT NULL DEFAULT false, created_at timestamptz DEFAULT now());
CREATE TABLE standalone_chat_messages (
  id serial PRIMARY KEY, chat_id int NOT NULL REFERENCES standalone_chats ON DELETE CASCADE, role varchar(20) NOT NULL,
  content text NOT NULL, was_truncated boolean NOT NULL DEFAULT false, created_at timestamptz DEFAULT now());
CREATE INDEX idx_chat_messages_user_created ON chat_messages (user_id, created_at);

INSERT INTO users (name) VALUES ('Ada'), ('Grace');
INSERT INTO saved_insights (user_id) SELECT 1 + n % 2 FROM generate_series(1, 20) AS n;
INSERT INTO standalone_chats (user_id) SELECT 1 + n % 2 FROM generate_series(1, 20) AS n;
CREATE TEMP TABLE sentence (id serial, content text);
INSERT INTO sentence (content) VALUES
  ('How do I reset my password when I no longer have the old phone?'),
  ('The invoice for March was charged twice, can you refund one of them?'),
  ('My sourdough starter smells like acetone; should I feed it more often?'),
  ('The train to Lisbon was cancelled and the bus leaves in ten minutes.'),
  ('Our database ran out of disk space while an index was being built.'),
  ('Kann ich mein Passwort zurücksetzen, ohne das alte Telefon zu haben?'),
  ('Le train pour Lisbonne est annulé et le bus part dans dix minutes.'),
  ('¿Cómo restablezco mi contraseña si perdí el teléfono?'),
  ('Как сбросить пароль, если старый телефон потерян?'),
  ('如何在不锁表的情况下为数据库创建索引?'),
  ('كيف أعيد تعيين كلمة المرور بدون الهاتف القديم؟'),
  ('');
INSERT INTO chat_messages (insight_id, user_id, role, content)
  SELECT 1 + n % 20, 1 + n % 2, CASE WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END,
    CASE WHEN content = '' THEN '' ELSE content || ' (' || n || ')' END
  FROM generate_series(1, 240) AS n JOIN sentence ON sentence.id = 1 + n % 12;
INSERT INTO standalone_chat_messages (chat_id, role, content)
  SELECT 1 + n % 20, CASE WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END, content || ' [' || n || ']'
  FROM generate_series(1, 120) AS n JOIN sentence ON sentence.id = 1 + n % 11;
