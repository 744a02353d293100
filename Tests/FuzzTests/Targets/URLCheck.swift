import Backfill
import Foundation

@testable import Postgres

/// Addresses of databases.
enum URLCheck {
  static func url(_ bytes: [UInt8]) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    let url: DatabaseURL
    do {
      url = try DatabaseURL(text)
    } catch let failure as Failure {
      return try Canary.check("\(failure)", run: 8)
    }
    for told in [url.redacted] + url.warnings { try Canary.checkLine(told) }
    switch url.engine {
    case .sqlite(let path):
      guard !path.isEmpty, !path.utf8.contains(0) else { throw Broken("no path: \(path.debugDescription)") }
    case .postgres(let conninfo):
      let options = try PostgresOptions(parsing: conninfo)
      let shown = ["user", "host", "hostaddr", "dbname", "port", "service"].compactMap { options[$0] }
      if let password = options["password"], password.utf8.count >= 8, url.redacted.contains(password),
        !shown.contains(where: { $0.contains(password) })
      {
        throw Broken("the password is told: \(url.redacted.debugDescription)")
      }
    }
  }
}
