import Backfill
import MessageStores

/// What a migration of the job's tables would have to make, and whether the role that migrates may.
struct MigrationFindings {
  let job: Job
  /// The server as the role that migrates finds it.
  let server: ServerSurvey
  /// The job's tables, as that role finds them; nil where one could not be looked at.
  let tables: [TableSurvey?]
  /// The plan of `migrate up`; nil where it can't be made, as on a standby or for a table that isn't there.
  let pending: PendingMigrations?

  var all: [Finding] {
    let role = server.role
    let state: Finding =
      if !needed.isEmpty {
        migration(role)
      } else if let indexes = pending?.indexes, !indexes.isEmpty {
        .ok("migration", "all is there but \(indexes.joined(separator: ", ")), which `vecfill migrate up JOB` makes")
      } else {
        .ok("migration", "nothing is missing that `vecfill migrate up JOB` would make")
      }
    return [state] + (role.map(indexPolicy) ?? [])
  }

  /// What is missing, in words.
  private var needed: [String] {
    var needed = server.pgvector.map { $0.installed == nil ? ["pgvector"] : [] } ?? []
    for (source, table) in zip(job.sources, tables) {
      guard let table, [.table, .partitioned].contains(table.kind) else { continue }
      if let place = table.missingPlace(of: source) { needed.append(place) }
      if table.missingRowsWarning != nil { needed.append("an index on \(source.name)") }
    }
    // The extension and the columns are named above already.
    return needed + (pending?.needed ?? []).filter { told in !told.hasPrefix("extension ") && !columns.contains(told) }
  }

  private var columns: [String] { job.sources.map { "column \($0.name).\($0.vector)" } }

  /// Whether a run can't do without what is missing.
  private var isRequired: Bool {
    if let pgvector = server.pgvector, pgvector.installed == nil { return true }
    return zip(job.sources, tables).contains { source, table in
      table.map { [.table, .partitioned].contains($0.kind) && $0.missingPlace(of: source) != nil } ?? false
    }
  }

  /// - Parameter role: who asks; nil on SQLite, which has no roles that could lack a right.
  private func migration(_ role: String?) -> Finding {
    let what = "\(needed.joined(separator: ", ")) \(needed.count == 1 ? "is" : "are") missing"
    var lacks: [String] = []
    if let pgvector = server.pgvector, pgvector.installed == nil, pgvector.offered != nil, !pgvector.mayInstall {
      lacks.append("install pgvector")
    }
    for (source, table) in zip(job.sources, tables) {
      guard let table, let ownership = table.ownership, !ownership.isOwn,
        table.missingPlace(of: source) != nil || table.missingRowsWarning != nil || pending?.needed.isEmpty == false
      else { continue }
      lacks.append("change \(source.name), which belongs to \(ownership.owner)")
    }
    guard let role else { return .warning("migration", what, next: "`vecfill migrate up JOB`") }
    guard lacks.isEmpty else {
      let found = "\(what), and the role \(role) may not \(lacks.joined(separator: ", nor "))"
      let next = "name the owner in VECFILL_MIGRATION_DATABASE_URL, or give them what `vecfill migrate sql JOB` prints"
      return isRequired ? .failed("migration", .denied, found, next: next) : .warning("migration", found, next: next)
    }
    guard !server.isPooled else {
      return .warning(
        "migration", "\(what), and a pooler stands between",
        next: "name the database's own address in VECFILL_MIGRATION_DATABASE_URL, then `vecfill migrate up JOB`")
    }
    let them = needed.count == 1 ? "it" : "them"
    return .warning("migration", "\(what); \(role) may make \(them)", next: "`vecfill migrate up JOB`")
  }

  /// Why the job's own wish for its vector indexes can't be carried out.
  private func indexPolicy(_ role: String) -> [Finding] {
    guard job.indexPolicy != .keep else { return [] }
    return zip(job.sources, tables).compactMap { source, table in
      guard let table else { return nil }
      let home = source.home.name
      let isPartitioned = source.chunks == nil ? table.kind == .partitioned : table.pieces?.isPartitioned == true
      if isPartitioned, job.indexPolicy == .after {
        return .failed(
          "index.when", .configuration,
          "\(home): PostgreSQL builds no index on a partitioned table concurrently",
          next: "set index: {when: keep} in the job, not \(job.indexPolicy)")
      }
      let owned = source.chunks == nil ? table.ownership : table.pieces?.ownership
      guard let ownership = owned, !ownership.isOwn else { return nil }
      return .failed(
        "index.when", .denied,
        "\(home): only its owner \(ownership.owner) can drop and build its indexes, and the role \(role) is not",
        next: "name the owner in VECFILL_MIGRATION_DATABASE_URL, or set index: {when: keep} in the job")
    }
  }
}
