import Backfill
import Postgres

/// Looks at a job's database for `vecfill check`: it takes no lock of a run's and writes nothing.
///
/// It reports what it finds, good or bad; the caller decides what that means. All errors are `Failure`s that hold no text
/// and no secret.
package protocol DatabaseSurveyor: Sendable {
  /// As `MessageStore.identity`.
  var identity: String { get }

  func server() async throws -> ServerSurvey

  /// What there is of `source`, as far as it can be found: what is missing keeps nothing else from being looked at.
  ///
  /// - Parameter dimensions: those of the job's vectors.
  func table(_ source: Source, dimensions: Int) async throws -> TableSurvey

  /// Who reads what the column of `source` holds.
  ///
  /// Throws a `Failure` where it can't be read, as `MessageStore.inspect` does.
  func auditor(of source: Source) async throws -> any ColumnAuditor

  /// Closes the connection.
  func close() async
}

extension DatabaseURL {
  /// Connects to look at the database, once and without waiting for a server that is away; closes it after `body`.
  ///
  /// Throws a `Failure` where it can't be reached, refuses the connection or does not exist.
  package func surveying<Value>(
    applicationName: String, _ body: (any DatabaseSurveyor) async throws -> Value
  ) async throws -> Value {
    let surveyor = try await openSurveyor(applicationName: applicationName)
    do {
      let value = try await body(surveyor)
      await surveyor.close()
      return value
    } catch {
      await surveyor.close()
      throw error
    }
  }

  private func openSurveyor(applicationName: String) async throws -> any DatabaseSurveyor {
    switch engine {
    case .postgres: try await PostgresSurveyor(to: self, applicationName: applicationName)
    case .sqlite(let path): try await SQLiteSurveyor(path: path, identity: identity)
    }
  }
}
