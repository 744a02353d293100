extension OwnTable.Definition {
  /// What processes share of a provider's limits and of a budget: see `PostgresAllowance`. A row without a participant
  /// is a pool's own.
  package static let share = OwnTable.Definition(
    name: "vecfill_share",
    body: """
      pool text NOT NULL, participant text NOT NULL, version bigint NOT NULL DEFAULT 0, state text NOT NULL DEFAULT '', \
      spent double precision NOT NULL DEFAULT 0, reserved double precision NOT NULL DEFAULT 0, \
      changed_at timestamptz NOT NULL DEFAULT now(), by text NOT NULL DEFAULT current_setting('application_name'), \
      PRIMARY KEY (pool, participant)
      """,
    columns: [
      ("pool", .text), ("participant", .text), ("version", .bigint), ("state", .text), ("spent", .double),
      ("reserved", .double), ("changed_at", .timestamptz), ("by", .text),
    ])
}
