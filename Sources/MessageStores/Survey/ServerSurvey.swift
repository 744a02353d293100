import PgVector

/// A database's server, or its file, as it was found.
package struct ServerSurvey: Equatable, Sendable {
  /// E.g. "PostgreSQL 16.10" or "SQLite 3.45.1, journal mode wal".
  package var product: String
  /// Whether it is older than vecfill takes.
  package var isTooOld = false
  /// Who asks; nil on SQLite.
  package var role: String?
  /// Why nothing can be written to it, e.g. "it is a standby"; nil where something can.
  package var readOnly: String?
  /// Whether a pooler stands between.
  package var isPooled = false
  /// nil on SQLite, which needs none.
  package var pgvector: Extension?

  package init(product: String) {
    self.product = product
  }

  /// pgvector as the server has it.
  package struct Extension: Equatable, Sendable {
    /// What is installed in the database; nil where it isn't.
    package var installed: PgVector?
    /// The version that the server could install; nil where it has none.
    package var offered: String?
    /// Whether the role may install it.
    package var mayInstall = false

    package init(installed: PgVector? = nil, offered: String? = nil, mayInstall: Bool = false) {
      self.installed = installed
      self.offered = offered
      self.mayInstall = mayInstall
    }
  }
}
