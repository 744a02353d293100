import Postgres

/// Whose fault a refused write is.
extension PostgresError {
  /// Whether the role lacks a right that the statement itself needs, whatever the row is. A function may have said 42501 of
  /// a row alone, and so may a policy.
  var lacksRight: Bool {
    sqlState == "42501" && !isRaised && context == nil && sourceFile == "aclchk.c"
  }

  /// Whether it may be the table's or the role's fault as well as a row's.
  var isDoubtful: Bool {
    guard !isRaised, let sqlState else { return false }
    return sqlState == "22000" || ["42", "25", "0A", "55", "XX"].contains(sqlState.prefix(2))
  }
}
