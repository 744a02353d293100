import Backfill
import Foundation
import GRDB

/// A ledger as the first version left it, with one run that was stopped: of the job "chat", which fills chat_messages and
/// standalone_chat_messages with vectors of three dimensions and has spent $0.50.
package enum FirstLedger {
  /// Makes it, and its folder.
  package static func make(at path: String) async throws {
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    let tally = String(decoding: try JSONEncoder().encode(Tally()), as: UTF8.self)
    let queue = try DatabaseQueue.patient(path)
    try await queue.write { try $0.execute(sql: sql.replacing("TALLY", with: "'\(tally)'")) }
    try queue.close()
  }

  private static let sql = """
    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
    INSERT INTO grdb_migrations VALUES ('1');
    CREATE TABLE target (
      id INTEGER PRIMARY KEY, database TEXT NOT NULL, source TEXT NOT NULL, vector_column TEXT NOT NULL,
      fingerprint TEXT NOT NULL, watermark TEXT, UNIQUE (database, source, vector_column));
    CREATE TABLE run (
      id INTEGER PRIMARY KEY, job TEXT NOT NULL, database TEXT NOT NULL, fingerprint TEXT NOT NULL,
      sources TEXT NOT NULL, model TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL, state TEXT NOT NULL,
      exit_code INTEGER, reason TEXT, tally TEXT NOT NULL);
    CREATE TABLE batch (
      run_id INTEGER NOT NULL REFERENCES run (id), number INTEGER NOT NULL,
      target_id INTEGER NOT NULL REFERENCES target (id), state TEXT NOT NULL, inputs INTEGER NOT NULL,
      tokens INTEGER NOT NULL, reservation REAL, possibly_paid INTEGER NOT NULL DEFAULT 0, contents BLOB,
      PRIMARY KEY (run_id, number)) WITHOUT ROWID;
    CREATE INDEX batch_open ON batch (state) WHERE state IN ('requested', 'received');
    CREATE TABLE receipt (
      id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL, number INTEGER NOT NULL, request_id TEXT,
      inputs INTEGER NOT NULL, billed_tokens INTEGER NOT NULL, is_counted_here INTEGER NOT NULL, cost REAL,
      received_at REAL NOT NULL, FOREIGN KEY (run_id, number) REFERENCES batch (run_id, number));
    CREATE INDEX receipt_run ON receipt (run_id);
    CREATE TABLE spool (
      run_id INTEGER NOT NULL, number INTEGER NOT NULL, dimensions INTEGER NOT NULL, vectors BLOB NOT NULL,
      PRIMARY KEY (run_id, number));
    CREATE TABLE quarantine (
      target_id INTEGER NOT NULL REFERENCES target (id), key TEXT NOT NULL, digest BLOB NOT NULL,
      class TEXT NOT NULL, reason TEXT NOT NULL, run_id INTEGER NOT NULL, condemned_at REAL NOT NULL,
      PRIMARY KEY (target_id, key)) WITHOUT ROWID;
    INSERT INTO target (database, source, vector_column, fingerprint, watermark) VALUES
      ('db', 'chat_messages', 'embedding', FINGERPRINT, '9'),
      ('db', 'standalone_chat_messages', 'embedding', FINGERPRINT, NULL);
    INSERT INTO run (job, database, fingerprint, sources, model, started_at, ended_at, state, exit_code, tally)
    VALUES ('JOB', 'db', FINGERPRINT, 'chat_messages.embedding,standalone_chat_messages.embedding',
      'text-embedding-3-small', 1, 2, 'stopped', 130, json_remove(TALLY, '$.fitted', '$.unreadable'));
    INSERT INTO batch (run_id, number, target_id, state, inputs, tokens) VALUES (1, 1, 1, 'settled', 2, 20);
    INSERT INTO receipt (run_id, number, inputs, billed_tokens, is_counted_here, cost, received_at)
    VALUES (1, 1, 2, 20, 0, 0.5, 1);
    """
    .replacing(
      "FINGERPRINT", with: #"'{"dimensions":3,"model":"text-embedding-3-small","preparation":{"newlines":"keep"}}'"#
    )
    .replacing("JOB", with: "chat")
}
