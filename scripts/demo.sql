-- The demo's chat database: some hundreds of varied messages in many languages, with duplicates, blanks, edits of one
-- another and very long ones, in the tables of a chat application.
CREATE TABLE chat_messages (
  id INTEGER PRIMARY KEY, insight_id INTEGER NOT NULL, user_id INTEGER NOT NULL, role VARCHAR(20) NOT NULL,
  content TEXT NOT NULL, created_at TEXT DEFAULT CURRENT_TIMESTAMP, embedding VECTOR(256));
CREATE TABLE standalone_chat_messages (
  id INTEGER PRIMARY KEY, chat_id INTEGER NOT NULL, role VARCHAR(20) NOT NULL,
  content TEXT NOT NULL, created_at TEXT DEFAULT CURRENT_TIMESTAMP, embedding VECTOR(256));

CREATE TEMP TABLE sentence (id INTEGER PRIMARY KEY, content TEXT NOT NULL);
INSERT INTO sentence (content) VALUES
  ('How do I reset my password when I no longer have the old phone?'),
  ('The invoice for March was charged twice, can you refund one of them?'),
  ('What does the parable of the sower mean for a city gardener?'),
  ('My sourdough starter smells like acetone; should I feed it more often?'),
  ('The train to Lisbon was cancelled and the bus leaves in ten minutes.'),
  ('Our database ran out of disk space while an index was being built.'),
  ('Which telescope would you recommend for seeing the rings of Saturn?'),
  ('The cat knocked the orchid over again and the pot is broken.'),
  ('func main() { print("hello, world") } does not compile on my machine'),
  ('SELECT count(*) FROM chat_messages WHERE embedding IS NULL;'),
  ('Please translate the contract into Spanish before Friday.'),
  ('How long should green tea steep, and at which temperature?'),
  ('Kann ich mein Passwort zurücksetzen, ohne das alte Telefon zu haben?'),
  ('Die Rechnung vom März wurde doppelt abgebucht.'),
  ('Le train pour Lisbonne est annulé et le bus part dans dix minutes.'),
  ('Comment nourrir un levain qui sent l''acétone ?'),
  ('¿Cómo restablezco mi contraseña si perdí el teléfono?'),
  ('La factura de marzo se cobró dos veces.'),
  ('O comboio para Lisboa foi cancelado esta manhã.'),
  ('Quanto tempo deve riposare l''impasto della focaccia?'),
  ('Как сбросить пароль, если старый телефон потерян?'),
  ('Кот снова уронил орхидею, и горшок разбился.'),
  ('古いスマートフォンがない場合、パスワードをどうやって再設定しますか?'),
  ('緑茶は何度のお湯で何分蒸らせばいいですか。'),
  ('去里斯本的火车取消了,公交车十分钟后开。'),
  ('如何在不锁表的情况下为数据库创建索引?'),
  ('비밀번호를 재설정하려면 어떻게 해야 하나요?'),
  ('كيف أعيد تعيين كلمة المرور بدون الهاتف القديم؟'),
  ('איך מאפסים סיסמה בלי הטלפון הישן?'),
  ('पुराने फ़ोन के बिना पासवर्ड कैसे बदलें?'),
  ('Πώς επαναφέρω τον κωδικό μου χωρίς το παλιό τηλέφωνο;'),
  ('Eski telefonum olmadan parolamı nasıl sıfırlarım?'),
  ('👩‍🍳 Best soup for a cold? 🍜🤧'),
  ('Zażółć gęślą jaźń: does the search find accents?');

CREATE TEMP TABLE opening (id INTEGER PRIMARY KEY, content TEXT NOT NULL);
INSERT INTO opening (content) VALUES
  (''), ('Hi! '), ('Quick question: '), ('One more thing, '), ('Sorry to ask again… '), ('Good morning,' || char(10) || char(10)),
  ('As I said yesterday: '), ('For my sister: '), ('(from my phone) '), ('Urgent!! '), ('No hurry, but ');

INSERT INTO chat_messages (insight_id, user_id, role, content)
SELECT sentence.id, opening.id, CASE WHEN (sentence.id + opening.id) % 2 THEN 'user' ELSE 'assistant' END,
  opening.content || sentence.content
FROM sentence CROSS JOIN opening ORDER BY (sentence.id * 31 + opening.id * 17) % 97, sentence.id;
INSERT INTO chat_messages (insight_id, user_id, role, content)
SELECT 1, id, 'user', 'Thanks!' FROM sentence
UNION ALL SELECT 1, 1, 'user', '' UNION ALL SELECT 1, 1, 'user', '   ' UNION ALL SELECT 1, 1, 'user', char(10, 10)
UNION ALL SELECT 1, 1, 'assistant', replace(printf('%.900c', 'x'), 'x', 'A very long answer about indexes and patience. ');

INSERT INTO standalone_chat_messages (chat_id, role, content)
SELECT sentence.id, 'user', sentence.content || ' ' || other.content
FROM sentence JOIN sentence AS other ON other.id % 5 = sentence.id % 5 AND other.id <> sentence.id
WHERE (sentence.id + other.id) % 3 = 0;
INSERT INTO standalone_chat_messages (chat_id, role, content)
SELECT 1, 'user', 'ok' FROM opening UNION ALL SELECT 1, 'user', char(9)
UNION ALL SELECT 1, 'assistant', (SELECT group_concat(content, char(10)) FROM sentence);
