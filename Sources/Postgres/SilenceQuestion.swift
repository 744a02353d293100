import CPostgres

/// Asks over a connection of its own whether the server still works on the statement of another one.
struct SilenceQuestion {
  private let conninfo: String
  private let place: [(String, String)]
  private let backend: Int32

  /// How long the answer may take, once there is a connection.
  static let mostSilence: Duration = .seconds(5)

  /// About the statement that `connection`, made with `conninfo`, waits for.
  init(of connection: OpaquePointer, _ conninfo: String) {
    self.conninfo = conninfo
    func text(_ value: UnsafeMutablePointer<CChar>?) -> String { value.map { String(cString: $0) } ?? "" }
    // By its address, so that no name has to be resolved.
    place = [
      ("host", text(PQhost(connection))), ("hostaddr", text(PQhostaddr(connection))),
      ("port", text(PQport(connection))),
      ("target_session_attrs", "any"),
    ]
    backend = PQbackendPID(connection)
  }

  func ask() -> Silence.Finding {
    let handle: PostgresHandle
    do {
      handle = try PostgresHandle.connect(
        to: conninfo, applicationName: "vecfill asks for a silent statement", at: place)
    } catch let error as PostgresError {
      // A refusal that has an SQLSTATE is a server's, which lives.
      return error.sqlState == nil ? .dead(error.message) : .unknown
    } catch {
      return .unknown
    }
    do {
      let row = try handle.run {
        PQsendQuery(
          $0,
          """
          SELECT pg_catalog.pg_backend_pid(), pg_catalog.count(*), pg_catalog.max(state)
          FROM pg_catalog.pg_stat_activity WHERE pid = \(backend)
          """)
      }[0]
      // Behind a pooler the number is not the server's.
      guard row[0] == String(PQbackendPID(handle.pointer)) else { return .unknown }
      guard row[1] == "1" else { return .lost }
      return row[2]?.hasPrefix("idle") == true ? .lost : .working
    } catch {
      return .unknown
    }
  }
}
