import TestSupport
import Testing

@testable import Configuration

/// `vecfill config` shows addresses, also those that nothing else understands.
@Suite struct ConnectionSecrecyTests {
  @Test func `what is shown holds no four characters of a password that stand together`() {
    var shownInPart = 0
    for sample in CanaryURLs.samples(2000, seed: 28) {
      let shown = Secret(connection: sample.text).redacted
      if shown.contains("host") || shown.contains("verse") { shownInPart += 1 }
      if let piece = sample.pieces.first(where: { shown.contains($0) || shown.utf8.firstRange(of: $0.utf8) != nil }) {
        Issue.record("\(piece) of \(sample.text) is shown: \(shown)")
      }
    }
    #expect(shownInPart > 400, "\(shownInPart)")
  }

  @Test(arguments: [
    ("Host=db;Port=5432;Username=u;Password=hunter2", "***"), ("Server=db;User Id=u;Password=hunter2", "***"),
    ("host=db password=hun ter2=x", "***"),
    ("postgresql://db/v?password=hun&ter2=x&sslmode=require", "postgresql://db/v?password=***&sslmode=require"),
    ("sqlite+pysqlcipher://:hunter2@/chat.db", "sqlite+pysqlcipher://:***@/chat.db"),
    ("jdbc:postgresql://db/v?user=u&password=hunter2", "jdbc:postgresql://db/v?user=u&password=***"),
    ("jdbc:postgresql:v?user=u&password=hunter2", "***"),
  ])
  func `other libraries' strings are hidden where they can't be taken apart`(_ text: String, _ shown: String) {
    #expect(Secret(connection: text).redacted == shown)
  }
}
