import GRDB

/// The ledger's tables; each version is one migration, and a version once released never changes.
enum LedgerSchema {
  private static let batches = """
    -- Files of requests for a provider's batch API. Of each the intent is durable before anything is uploaded, and the
    -- file's id before a batch of it is asked for.
    CREATE TABLE provider_batch (
      id INTEGER PRIMARY KEY,
      run_id INTEGER NOT NULL REFERENCES run (id),
      job TEXT NOT NULL,
      -- intended, uploaded (its batch may have been asked for), submitted; or over: fetched, refused, overEnqueued,
      -- withdrawn or lost.
      state TEXT NOT NULL,
      file_name TEXT NOT NULL,
      nonce TEXT NOT NULL,
      made_at REAL NOT NULL,
      file_id TEXT,
      batch_id TEXT,
      -- When the provider has shown it last, or it was asked for.
      shown_at REAL,
      -- How often it was not shown since.
      looks INTEGER NOT NULL DEFAULT 0,
      -- What the provider calls its state.
      told TEXT,
      output_file TEXT,
      error_file TEXT,
      lines INTEGER NOT NULL,
      inputs INTEGER NOT NULL,
      rows INTEGER NOT NULL,
      tokens INTEGER NOT NULL,
      -- Of all batches that were under way with it, its own among them.
      tokens_under_way INTEGER NOT NULL,
      -- The most that it can cost, in dollars.
      reservation REAL,
      ended_at REAL,
      reason TEXT
    );
    CREATE INDEX provider_batch_open ON provider_batch (state) WHERE state IN ('intended', 'uploaded', 'submitted');
    -- A line of a file, whose batch is 'submitted' until it has its answer.
    CREATE TABLE provider_line (
      run_id INTEGER NOT NULL,
      number INTEGER NOT NULL,
      provider_batch INTEGER NOT NULL REFERENCES provider_batch (id),
      -- `LineTokens`.
      tokens TEXT NOT NULL,
      fitted_rows INTEGER NOT NULL,
      PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID;
    CREATE INDEX provider_line_batch ON provider_line (provider_batch);
    -- Rows that wait for a line's answer: no page takes them while their text is the same.
    CREATE TABLE under_way (
      target_id INTEGER NOT NULL REFERENCES target (id),
      key TEXT NOT NULL,
      run_id INTEGER NOT NULL,
      number INTEGER NOT NULL,
      digest BLOB NOT NULL,
      PRIMARY KEY (target_id, key, run_id, number)
    ) WITHOUT ROWID;
    CREATE INDEX under_way_text ON under_way (target_id, digest);
    -- Rows of lines that were refused: one request after the other finds out which of them is at fault.
    CREATE TABLE refused_row (
      target_id INTEGER NOT NULL REFERENCES target (id),
      key TEXT NOT NULL,
      digest BLOB NOT NULL,
      PRIMARY KEY (target_id, key)
    ) WITHOUT ROWID;
    -- Up to where a column's rows were submitted, as JSON: a hint.
    CREATE TABLE submitted_through (
      target_id INTEGER PRIMARY KEY REFERENCES target (id),
      place TEXT NOT NULL
    );
    """

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { db in
      try db.execute(
        sql: """
          -- A column that is being filled, and what its vectors are made of.
          CREATE TABLE target (
            id INTEGER PRIMARY KEY,
            database TEXT NOT NULL,
            source TEXT NOT NULL,
            vector_column TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            watermark TEXT,
            UNIQUE (database, source, vector_column)
          );
          CREATE TABLE run (
            id INTEGER PRIMARY KEY,
            job TEXT NOT NULL,
            database TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            sources TEXT NOT NULL,
            model TEXT NOT NULL,
            started_at REAL NOT NULL,
            ended_at REAL,
            -- running, completed, stopped or failed; that a running one has died is told by its lock alone.
            state TEXT NOT NULL,
            exit_code INTEGER,
            reason TEXT,
            tally TEXT NOT NULL
          );
          CREATE TABLE batch (
            run_id INTEGER NOT NULL REFERENCES run (id),
            number INTEGER NOT NULL,
            target_id INTEGER NOT NULL REFERENCES target (id),
            -- requested, received, settled, refused or lost (its reply never came).
            state TEXT NOT NULL,
            inputs INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            -- The most that one request of it can cost, in dollars.
            reservation REAL,
            -- Requests of it that may have been billed though no reply came.
            possibly_paid INTEGER NOT NULL DEFAULT 0,
            -- Keys, digests and inputs of its rows, until it is settled.
            contents BLOB,
            PRIMARY KEY (run_id, number)
          ) WITHOUT ROWID;
          CREATE INDEX batch_open ON batch (state) WHERE state IN ('requested', 'received');
          CREATE TABLE receipt (
            id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL,
            number INTEGER NOT NULL,
            request_id TEXT,
            inputs INTEGER NOT NULL,
            billed_tokens INTEGER NOT NULL,
            -- 1 where the reply told no usage and the tokens were counted here.
            is_counted_here INTEGER NOT NULL,
            cost REAL,
            received_at REAL NOT NULL,
            FOREIGN KEY (run_id, number) REFERENCES batch (run_id, number)
          );
          CREATE INDEX receipt_run ON receipt (run_id);
          CREATE TABLE spool (
            run_id INTEGER NOT NULL,
            number INTEGER NOT NULL,
            dimensions INTEGER NOT NULL,
            vectors BLOB NOT NULL,
            PRIMARY KEY (run_id, number)
          );
          CREATE TABLE quarantine (
            target_id INTEGER NOT NULL REFERENCES target (id),
            key TEXT NOT NULL,
            digest BLOB NOT NULL,
            class TEXT NOT NULL,
            reason TEXT NOT NULL,
            run_id INTEGER NOT NULL,
            condemned_at REAL NOT NULL,
            PRIMARY KEY (target_id, key)
          ) WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("2") { db in
      try db.execute(
        sql: """
          -- Rows of the reply whose text was too long, and was truncated or averaged.
          ALTER TABLE receipt ADD COLUMN fitted_rows INTEGER NOT NULL DEFAULT 0;
          UPDATE run SET tally = json_set(tally, '$.fitted', 0),
            fingerprint = json_set(fingerprint, '$.preparation.tooLong', 'quarantine');
          UPDATE target SET fingerprint = json_set(fingerprint, '$.preparation.tooLong', 'quarantine');
          """)
    }
    migrator.registerMigration("3") { db in
      try db.execute(
        sql: """
          UPDATE run SET tally = json_set(tally, '$.unreadable', 0);
          -- What `SpoolChecksum` makes of the batch; NULL in those of earlier versions.
          ALTER TABLE spool ADD COLUMN checksum BLOB;
          -- What the budget counts: more than the cost where nobody knows what was billed.
          ALTER TABLE receipt ADD COLUMN spent REAL;
          UPDATE receipt SET spent = cost;
          """)
    }
    migrator.registerMigration("4") { db in
      try db.execute(
        sql: """
          CREATE TABLE target_4 (
            id INTEGER PRIMARY KEY,
            -- What the database itself says that the column is; NULL until a version that asks it has filled it.
            identity TEXT UNIQUE,
            -- As it was spelled last.
            database TEXT NOT NULL,
            source TEXT NOT NULL,
            vector_column TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            -- 0 where vectors that were there before have yet to be compared.
            is_proven INTEGER NOT NULL DEFAULT 1,
            -- The key's columns and the condition of the last run.
            key TEXT,
            condition TEXT,
            watermark TEXT
          );
          INSERT INTO target_4 (id, database, source, vector_column, fingerprint, watermark)
          SELECT id, database, source, vector_column, json_set(fingerprint, '$.text', ''), watermark FROM target;
          DROP TABLE target;
          ALTER TABLE target_4 RENAME TO target;
          -- The ids of its targets, in the job's order.
          ALTER TABLE run ADD COLUMN targets TEXT NOT NULL DEFAULT '[]';
          UPDATE run SET fingerprint = json_set(fingerprint, '$.text', ''), targets = (
            SELECT json_group_array(id) FROM target WHERE target.database = run.database
              AND instr(',' || run.sources || ',', ',' || source || '.' || vector_column || ',') > 0);
          """)
    }
    migrator.registerMigration("5") { db in
      try db.execute(
        sql: """
          -- Requests of the last minute, each time that one was sent.
          CREATE TABLE sent (
            run_id INTEGER NOT NULL REFERENCES run (id),
            sent_at REAL NOT NULL,
            tokens INTEGER NOT NULL
          );
          CREATE INDEX sent_time ON sent (sent_at);
          -- The limits a minute that a model's provider told last.
          CREATE TABLE told_limit (
            model TEXT PRIMARY KEY,
            requests INTEGER,
            tokens INTEGER,
            told_at REAL NOT NULL
          ) WITHOUT ROWID;
          """)
    }
    // A checksum of the spool is no SHA-256 any more. Earlier versions would take it for damage: they refuse the ledger.
    migrator.registerMigration("6") { db in
      try db.execute(
        sql: """
          -- 1 where the reply numbers no vector: that each is its text's is known by their order and their count alone.
          ALTER TABLE receipt ADD COLUMN is_placed_by_order INTEGER NOT NULL DEFAULT 0;
          """)
    }
    migrator.registerMigration("7") { db in
      try db.execute(
        sql: """
          -- Texts whose vectors were received with `duplicates: table`, and a row that got each.
          CREATE TABLE known_text (
            id INTEGER PRIMARY KEY,
            target_id INTEGER NOT NULL REFERENCES target (id),
            digest BLOB NOT NULL,
            key TEXT NOT NULL,
            vector_tag BLOB NOT NULL
          );
          """)
    }
    migrator.registerMigration("8") { db in
      try db.execute(
        sql: """
          -- Up to where the column was searched for edited rows; NULL where the next search reads every text.
          ALTER TABLE target ADD COLUMN searched_edits TEXT;
          """)
    }
    migrator.registerMigration("9") { db in
      try db.execute(sql: batches)
    }
    migrator.registerMigration("10") { db in
      try db.execute(
        sql: """
          -- What the database's spool calls the run; NULL with `spool: ledger`.
          ALTER TABLE run ADD COLUMN spool_name TEXT;
          CREATE UNIQUE INDEX run_spool_name ON run (spool_name) WHERE spool_name IS NOT NULL;
          """)
    }
    migrator.registerMigration("11") { db in
      try db.execute(
        sql: """
          -- How many requests it stands for: more than one in the sums that pruning leaves, at the batch whose number is
          -- that of its column, negative.
          ALTER TABLE receipt ADD COLUMN requests INTEGER NOT NULL DEFAULT 1;
          DROP INDEX receipt_run;
          CREATE INDEX receipt_batch ON receipt (run_id, number);
          """)
    }
    migrator.registerMigration("12") { db in
      try db.execute(
        sql: """
          -- By what name others know this ledger, wherever its file is.
          CREATE TABLE ledger_name (name TEXT NOT NULL);
          INSERT INTO ledger_name VALUES (lower(hex(randomblob(10))));
          """)
    }
    migrator.registerMigration("13") { db in
      try db.execute(
        sql: """
          -- How often, and since when, a batch that has ended was looked at and could not be read whole. One of which nothing
          -- could be read until it was given up is 'unread'.
          ALTER TABLE provider_batch ADD COLUMN unread_looks INTEGER NOT NULL DEFAULT 0;
          ALTER TABLE provider_batch ADD COLUMN unread_since REAL;
          -- The server's own name for the model, where its replies have another than the one asked for: `ServedModel`.
          ALTER TABLE target ADD COLUMN served_model TEXT;
          """)
    }
    return migrator
  }
}
