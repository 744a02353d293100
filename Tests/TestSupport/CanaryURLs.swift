/// Database addresses with a password that nobody quoted right, for tests that nothing of it is ever told.
package struct CanaryURLs {
  package struct Sample: Sendable {
    package let text: String
    /// Every four characters that follow one another in the password.
    package let pieces: [String]
  }

  /// Whatever ends or begins a part of a URL or of a keyword string, and some that make a byte-wise reader of others.
  private static let reserved = Array("@/:?#[]%&=;, '\"\\+!$|^~{}<>\u{301}é€").map(String.init)
  /// No word of an error message has four of these in a row.
  private static let letters = Array("qxzjkQXZJK").map(String.init)

  /// The same `count` samples for the same seed.
  package static func samples(_ count: Int, seed: UInt64) -> [Sample] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in sample(&random) }
  }

  private static func sample(_ random: inout SeededGenerator) -> Sample {
    var password: [String] = []
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      if Bool.random(using: &random) { password.append(reserved.randomElement(using: &random) ?? "@") }
      for _ in 0..<Int.random(in: 3...7, using: &random) {
        password.append(letters.randomElement(using: &random) ?? "q")
      }
      if Bool.random(using: &random) { password.append(reserved.randomElement(using: &random) ?? "@") }
    }
    let word = password.joined()
    let scalars = Array(word.unicodeScalars)
    let pieces = scalars.indices.dropLast(3).map { start in
      var piece = String.UnicodeScalarView()
      piece.append(contentsOf: scalars[start..<start + 4])
      return String(piece)
    }
    // A piece that is mostly separators may stand in any text.
    return Sample(
      text: address(word, &random),
      pieces: pieces.filter { piece in piece.unicodeScalars.filter { letters.contains(String($0)) }.count >= 3 })
  }

  private static func address(_ password: String, _ random: inout SeededGenerator) -> String {
    let scheme =
      [
        "postgresql", "postgres", "postgresql+asyncpg", "jdbc:postgresql", "postgis", "mysql", "prisma",
        "sqlite+pysqlcipher",
      ]
      .randomElement(using: &random) ?? "postgresql"
    let host = ["host", "one:5433,two", "[::1]:5432", "127.0.0.1", ""].randomElement(using: &random) ?? "host"
    let query =
      ["", "?sslmode=require", "?schema=app&pgbouncer=true", "?nonsense=1"].randomElement(using: &random) ?? ""
    let forms = [
      "\(scheme)://user:\(password)@\(host)/verse\(query)", "\(scheme)://:\(password)@\(host)/verse\(query)",
      "\(scheme)://user:\(password)@\(host)\(query)", "\(scheme)://\(host)/verse?user=u&password=\(password)",
      "\(scheme)://\(host)/verse?password=\(password)&sslmode=require",
      "\(scheme)://user@\(host)/verse?sslpassword=\(password)&sslkey=\(password)",
      "\(scheme):user:\(password)@\(host)/verse", "\(scheme):/user:\(password)@\(host)/verse",
      "user:\(password)@\(host)/verse", "\"\(scheme)://user:\(password)@\(host)/verse\"",
      "host=db password=\(password) dbname=verse", "host=db password='\(password)' dbname=verse",
      "password=\(password) host=db user=u sslmode=require", "password = '\(password)",
      "Host=db;Port=5432;Username=u;Password=\(password);SSL Mode=Require",
      "Server=db;User Id=u;Password=\(password)", "\(password)", "sqlite:///verse.db?key=\(password)",
    ]
    return forms.randomElement(using: &random) ?? password
  }
}
