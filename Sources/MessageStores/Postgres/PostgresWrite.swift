import Backfill
import Postgres

/// One write: all rows in one transaction and one round trip, each by compare-and-set; where a row stands in the way,
/// the others without it.
///
/// It throws a `PostgresError` where it is no row's fault, and leaves no transaction open.
struct PostgresWrite: Sendable {
  let table: PostgresTable
  let lockTimeout: Duration
  /// Whether an earlier attempt may have been done all the same.
  let isRepeat: Bool
  /// Whether other writes of the same store are under way.
  var hasCompany = false
  /// Whether the rows are many of a load, which go to a stage first.
  var isLoad = false
  /// Whether other rows are tried where all of them are refused.
  var looksAtOthers = true
  /// Whether a row is written whose text its own write changes.
  var takesMoved = false

  /// Nothing was written, and another write of the same store may be why: this one is to be done again without it.
  struct InTheWay: Error {}

  /// How often a deadlock or a serialisation failure is tried again before its rows count as locked.
  private static let conflicts = 3
  /// So many rows are tried in one round trip, each in a transaction of its own.
  private static let group = 50
  /// How long each of many rows waits for a lock on the table or a partition that is known to be held.
  private static let shortly: Duration = .milliseconds(20)

  func run(_ rows: [EmbeddedRow], on connection: isolated PostgresConnection) throws -> WriteOutcome {
    var outcome = try write(rows, on: connection)
    try tryOthers(than: rows, &outcome, on: connection)
    return outcome
  }

  private func write(_ rows: [EmbeddedRow], on connection: isolated PostgresConnection) throws -> WriteOutcome {
    var outcome = WriteOutcome()
    let fitting = rows.filter { row in
      guard let fault = table.fault(of: row.vector) else { return true }
      outcome.refused[row.key] = fault
      return false
    }
    guard !fitting.isEmpty else { return outcome }
    if isLoad, try writeStaged(fitting, to: &outcome, on: connection) {
      return try explained(outcome, on: connection)
    }
    for _ in 0..<Self.conflicts {
      do {
        try writeAtOnce(fitting, to: &outcome, on: connection)
        return try explained(outcome, on: connection)
      } catch let error as PostgresError where !error.isServerFault {
        // A deadlock or a serialisation failure is gone once the other transaction is.
        if error.isConflict, !error.isLockTimeout {
          if hasCompany { throw InTheWay() }
          continue
        }
        try writeAround(error, fitting, to: &outcome, on: connection)
        return try explained(outcome, on: connection)
      }
    }
    try writeAround(nil, fitting, to: &outcome, on: connection)
    return try explained(outcome, on: connection)
  }
}

/// All at once.
extension PostgresWrite {
  /// The statements before the first row's: BEGIN, the settings, the preparation, and the rows' locks where they come first.
  private var leading: Int { table.locksFirst ? 4 : 3 }

  /// Writes all rows or none, and puts into `outcome` which of them it wrote.
  private func writeAtOnce(
    _ rows: [EmbeddedRow], to outcome: inout WriteOutcome, on connection: isolated PostgresConnection
  ) throws {
    let segments = try connection.segments { pipeline in
      try pipeline.add("BEGIN")
      try pipeline.add(table.settings(lockTimeout: lockTimeout))
      if table.locksFirst { try pipeline.add(table.lock, arrays(of: rows)) }
      try pipeline.prepare(table.update(isRepeat: isRepeat))
      var parameters = PostgresParameters()
      for row in rows {
        fill(&parameters, with: row)
        try pipeline.addPrepared(parameters)
      }
      if guardsText { try pipeline.add(table.staysAsItIs, arrays(of: rows)) }
      try pipeline.add("COMMIT")
      try pipeline.sync()
      try addReadBack(of: rows, within: lockTimeout, to: &pipeline)
    }
    let counts = try segments[0].get().dropFirst(leading).map(\.affectedRows)
    outcome.written.formUnion(zip(rows, counts).lazy.filter { $1 > 0 }.map { $0.0.key })
    try readBack(segments[1], of: rows, to: &outcome, on: connection)
  }

  private func fill(_ parameters: inout PostgresParameters, with row: EmbeddedRow) {
    parameters.removeAll()
    parameters.append { table.encode(row.vector, to: &$0) }
    parameters.append(.bytes(row.digest.bytes))
    for part in table.key.parameters(row.key) { parameters.append(part) }
  }

  /// Asks for the rows that still hold the text and no vector, after COMMIT, when every trigger has done what it does.
  func addReadBack(
    of rows: [EmbeddedRow], within lockTimeout: Duration, to pipeline: inout PostgresPipeline
  ) throws {
    try pipeline.add(table.settings(lockTimeout: lockTimeout))
    try pipeline.add(table.unfilled, arrays(of: rows), format: .binary)
  }

  private func arrays(of rows: [EmbeddedRow]) -> [PostgresValue] {
    [.array(rows.map(\.digest.bytes.hex))] + table.key.arrays(rows.map(\.key))
  }

  /// Moves the rows that hold no vector from `written` to `unfilled`.
  func readBack(
    _ segment: PostgresConnection.Segment, of rows: [EmbeddedRow], to outcome: inout WriteOutcome,
    on connection: isolated PostgresConnection
  ) throws {
    let unfilled: Set<RowKey>
    do {
      unfilled = Set(try segment.get().last.map { numbered(rows, $0) } ?? [])
    } catch let error where error.isServerFault {
      var error = error
      error.mayHaveBeenDone = true
      throw error
    } catch {
      // A lock that kept all from being read was waited for once; each of many rows can't wait as long again.
      let patience = error.isLockTimeout ? min(lockTimeout, Self.shortly) : lockTimeout
      unfilled = try readBackEach(rows, within: patience, on: connection)
    }
    outcome.unfilled.formUnion(unfilled)
    outcome.written.subtract(unfilled)
  }

  /// The rows that hold no vector, read one by one: one that can't be read holds nothing that was written to it.
  private func readBackEach(
    _ rows: [EmbeddedRow], within lockTimeout: Duration, on connection: isolated PostgresConnection
  ) throws -> Set<RowKey> {
    var unfilled: Set<RowKey> = []
    for group in rows.groups(of: Self.group) {
      let segments = try connection.segments { pipeline in
        for (index, row) in group.enumerated() {
          if index > 0 { try pipeline.sync() }
          try addReadBack(of: [row], within: lockTimeout, to: &pipeline)
        }
      }
      for (row, segment) in zip(group, segments) {
        guard case .success(let results) = segment, results.last?.isEmpty == false else { continue }
        unfilled.insert(row.key)
      }
    }
    return unfilled
  }

  /// The keys of the rows whose numbers, counted from 1, `result` holds.
  private func numbered(_ rows: ArraySlice<EmbeddedRow>, _ result: PostgresResult) -> [RowKey] {
    result.indices.compactMap { index in
      result.withBytes(row: index, column: 0) {
        rows[rows.startIndex + Int(Int64(bigEndian: $0.loadUnaligned(as: Int64.self))) - 1].key
      }
    }
  }

  func numbered(_ rows: [EmbeddedRow], _ result: PostgresResult) -> [RowKey] { numbered(rows[...], result) }
}

/// Around the rows that stand in the way.
extension PostgresWrite {
  /// Writes what can be written after all at once failed by `cause`, a row's fault or another transaction's.
  private func writeAround(
    _ cause: PostgresError?, _ rows: [EmbeddedRow], to outcome: inout WriteOutcome,
    on connection: isolated PostgresConnection
  ) throws {
    guard let locked = try heldByOthers(rows, on: connection) else {
      // A lock on a partition leaves the other partitions' rows free.
      return try writeEach(rows, within: Self.shortly, to: &outcome, on: connection)
    }
    // Nobody holds the rows: it is a lock that a trigger takes.
    if hasCompany, locked.isEmpty, cause?.isConflict == true { throw InTheWay() }
    outcome.locked.formUnion(locked)
    let free = rows.filter { !locked.contains($0.key) }
    let index = cause.flatMap(\.statement).map { $0 - leading }
    let suspect = cause?.isConflict == false ? index.flatMap { rows.indices.contains($0) ? rows[$0].key : nil } : nil
    let others = free.filter { $0.key != suspect }
    var single = free
    if others.count < rows.count, !others.isEmpty {
      do {
        try writeAtOnce(others, to: &outcome, on: connection)
        single = free.filter { $0.key == suspect }
      } catch let error as PostgresError where !error.isServerFault {
        single = free
      }
    }
    try writeEach(single, within: min(lockTimeout, .milliseconds(200)), to: &outcome, on: connection)
  }

  /// The rows that lack a vector and are held by another transaction; nil where the table is, or a partition.
  private func heldByOthers(
    _ rows: [EmbeddedRow], on connection: isolated PostgresConnection
  ) throws -> Set<RowKey>? {
    let arrays = arrays(of: rows)
    let segment = try connection.segments { pipeline in
      try pipeline.add(table.settings(.seconds(10), lockTimeout: lockTimeout))
      // The free ones first: a row that is freed in between then counts as locked, and is tried again later.
      try pipeline.add(table.lacking(lock: true), arrays, format: .binary)
      try pipeline.add(table.lacking(lock: false), arrays, format: .binary)
    }[0]
    switch segment {
    case .success(let results):
      return Set(numbered(rows, results[2])).subtracting(numbered(rows, results[1]))
    case .failure(let error) where error.isServerFault: throw error
    case .failure(let error) where error.isConflict: return nil
    // What is wrong shows where the rows are tried one by one.
    case .failure: return []
    }
  }

  /// Writes each row in a transaction of its own, which waits no longer than `lockTimeout` for a lock.
  func writeEach(
    _ rows: [EmbeddedRow], within lockTimeout: Duration, to outcome: inout WriteOutcome,
    on connection: isolated PostgresConnection
  ) throws {
    var refusals: [RowKey: PostgresError] = [:]
    var waiting = rows
    var moved: [EmbeddedRow] = []
    var isHeld = false
    for _ in 0..<Self.conflicts where !waiting.isEmpty {
      var conflicting: [EmbeddedRow] = []
      for group in waiting.groups(of: Self.group) {
        guard !isHeld else {
          outcome.locked.formUnion(group.map(\.key))
          continue
        }
        conflicting += try writeEach(
          of: group, within: lockTimeout, to: &outcome, refusals: &refusals, moved: &moved, on: connection)
        // What keeps so many rows in a row from being written is likely to keep the others too; they are tried again later.
        isHeld = group.count == Self.group && outcome.locked.isSuperset(of: group.map(\.key))
      }
      waiting = conflicting
    }
    outcome.locked.formUnion(waiting.map(\.key))
    try writeMoved(moved, within: lockTimeout, to: &outcome, on: connection)
    guard !refusals.isEmpty else { return }
    if outcome.written.isEmpty, refusals.count == rows.count, refusals.values.allSatisfy(\.isDoubtful) {
      try checkTable(with: rows[0].vector, on: connection)
    }
    let hooks = try PostgresHooks(of: table, on: connection)
    for (key, error) in refusals { outcome.refused[key] = hooks.reason(of: error) }
  }

  /// Writes a group's rows in one round trip, and returns those that a deadlock or a serialisation failure kept from it.
  private func writeEach(
    of group: [EmbeddedRow], within lockTimeout: Duration, to outcome: inout WriteOutcome,
    refusals: inout [RowKey: PostgresError], moved: inout [EmbeddedRow],
    on connection: isolated PostgresConnection
  ) throws -> [EmbeddedRow] {
    let statement = table.update(isRepeat: isRepeat)
    // Behind the settings, the lock and the update.
    let guarding = table.locksFirst ? 3 : 2
    let segments = try connection.segments { pipeline in
      var parameters = PostgresParameters()
      for row in group {
        try pipeline.add(table.settings(lockTimeout: lockTimeout))
        if table.locksFirst { try pipeline.add(table.lock, arrays(of: [row])) }
        fill(&parameters, with: row)
        try pipeline.add(statement, parameters)
        if guardsText { try pipeline.add(table.staysAsItIs, arrays(of: [row])) }
        try pipeline.sync()
      }
      try addReadBack(of: group, within: lockTimeout, to: &pipeline)
    }
    var conflicting: [EmbeddedRow] = []
    for (row, segment) in zip(group, segments) {
      switch segment {
      case .success(let results):
        if results[guarding - 1].affectedRows > 0 { outcome.written.insert(row.key) }
      // What the role may not do is no row's fault.
      case .failure(let error) where error.isServerFault || error.lacksRight:
        throw error
      case .failure(let error) where error.isLockTimeout:
        outcome.locked.insert(row.key)
      case .failure(let error) where error.isConflict:
        conflicting.append(row)
      case .failure(let error) where guardsText && error.statement == guarding && error.sqlState == "22012":
        moved.append(row)
      case .failure(let error):
        refusals[row.key] = error
      }
    }
    if let last = segments.last {
      let aside = Set(moved.map(\.key))
      let tried = group.filter {
        refusals[$0.key] == nil && !aside.contains($0.key) && !outcome.locked.contains($0.key)
      }
      var seen = WriteOutcome()
      try readBack(last, of: group, to: &seen, on: connection)
      let unfilled = seen.unfilled.intersection(tried.map(\.key)).subtracting(conflicting.map(\.key))
      outcome.unfilled.formUnion(unfilled)
      outcome.written.subtract(unfilled)
    }
    return conflicting
  }

  /// Throws what an update of no row fails with: a right that is missing, a table that can't be written, a column that has
  /// another name or length by now.
  private func checkTable(
    with vector: ArraySlice<Float>, on connection: isolated PostgresConnection
  ) throws {
    do {
      _ = try connection.segments { pipeline in
        try pipeline.add(table.settings(lockTimeout: lockTimeout))
        var parameters = PostgresParameters()
        parameters.append { table.encode(vector, to: &$0) }
        try pipeline.add(table.idleUpdate, parameters)
      }[0].get()
    } catch let error as PostgresError where error.sqlState == "22000" {
      throw Failure(
        .configuration, table.source.name, "its vector column takes no vector of this length by now (\(error.message))",
        remedy: "restore the column, or change the job's dimensions")
    }
  }

  /// The outcome with the names of who holds rows and of what may have emptied them.
  private func explained(
    _ outcome: WriteOutcome, on connection: isolated PostgresConnection
  ) throws -> WriteOutcome {
    var outcome = outcome
    if !outcome.locked.isEmpty {
      outcome.lockHolders = try PostgresLockHolders(table: table).describe(outcome.locked, on: connection)
    }
    if !outcome.unfilled.isEmpty { outcome.hooks = try PostgresHooks(of: table, on: connection).description }
    return outcome
  }
}

extension Array {
  /// The elements in their order, in arrays of at most `count`.
  fileprivate func groups(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
