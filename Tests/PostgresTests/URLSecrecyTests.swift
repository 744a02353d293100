import Backfill
import Postgres
import TestSupport
import Testing

/// Nothing of a password is told, however badly the address is written.
@Suite struct URLSecrecyTests {
  static func told(of text: String) -> String {
    var told = ""
    do {
      let url = try DatabaseURL(text)
      told += "\(url) \(String(reflecting: url)) \([url]) \(url.redacted) \(url.identity) \(url.warnings)"
      dump(url, to: &told)
    } catch {
      told += "\(error) \(String(reflecting: error))"
      dump(error, to: &told)
    }
    return told
  }

  @Test func `no output holds four characters of a password that stand together`() {
    let samples = CanaryURLs.samples(2000, seed: 27)
    var refused = 0
    for sample in samples {
      let told = Self.told(of: sample.text)
      if (try? DatabaseURL(sample.text)) == nil { refused += 1 }
      if let piece = sample.pieces.first(where: { told.contains($0) || told.utf8.contains($0) }) {
        Issue.record("\(piece) of \(sample.text) is told: \(told)")
      }
    }
    // Both ends are met: addresses that are understood, and those that are refused.
    #expect((400...1900).contains(refused), "\(refused)")
  }

  @Test(arguments: [
    "postgresql://postgres:s3cr:et/@pw@host/db", "postgresql://u:a@b@host/db", "postgresql://u:a/b@host/db",
    "postgresql://u:a?b@host/db", "postgresql://u:a#b@host/db", "postgresql://u:a[b@host/db",
    "postgresql://u:a]b@host/db", "postgresql://u:a%b@host/db", "postgresql://u:1/b@host/db",
    "postgresql://u:1?b=c@host/db", "postgresql://u:1#b@host/db", "postgresql://u:@@host/db", "postgres://u:/@host/db",
    "postgresql://u:5/6@host", "jdbc:postgresql://u:a/b@host/db", "postgresql+asyncpg://u:a@b/c@host/db?ssl=true",
  ])
  func `a password with a reserved character is refused with what to write`(_ text: String) {
    let failure = #expect(throws: Failure.self) { try DatabaseURL(text) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.remedy?.contains("percent-encode") == true, "\(failure?.description ?? "")")
    #expect(failure?.description.contains("host/db") == false)
  }

  @Test(arguments: [
    "postgresql://h/db?passwordSecretWord", "postgresql://h/db?password_SecretWord=1",
    "postgresql://h/db?passwor7XwV9kJt4",
    "postgresql://h/db?sk-Zq7XwV9kJt4PhM2b=1", "postgresql://h/db?sslmode=require&Zq7XwV9kJt4PhM2b",
    "sqlite:///a.db?Zq7XwV9kJt4PhM2b", "sqlite:///a.db?passwordSecretWord=x",
  ])
  func `a password in the place of an option's name is not told`(_ text: String) {
    let told = Self.told(of: text)
    #expect(!told.contains("Secret") && !told.contains("XwV9"), "\(told)")
    #expect(throws: Failure.self) { try DatabaseURL(text) }
  }

  @Test(arguments: [
    "postgresql://u:a%40b%2Fc%3Ad%3Fe%23f%5Bg%5Dh%25i@host/db", "jdbc:postgresql://host/db?user=u&password=a%40b%26c",
    "host=host user=u password='a@b/c?d#e' dbname=db", "postgresql://u:a:b@host/db",
  ])
  func `a password that is encoded is taken, and never shown`(_ text: String) throws {
    #expect(try DatabaseURL(text).redacted == "postgresql://u@host:5432/db")
  }

  @Test(arguments: [
    ("postgresql://h/db?foo=s3cret", "vecfill doesn't know its option foo; leave it out"),
    ("postgresql://h/db?sslmod=s3cret", "vecfill doesn't know its option sslmod; did you mean sslmode?"),
    ("postgresql://h/db?sslrootcrt=s3cret", "vecfill doesn't know its option sslrootcrt; did you mean sslrootcert?"),
    ("postgresql://h/db?curentSchema=s3cret", "; did you mean currentschema?"),
    ("postgresql://h/db?statment_timeout=s3cret", "; did you mean statement_timeout?"),
    ("host=h dbname=d pasword=s3cret", "; did you mean password?"),
    ("sqlite:///a.db?mod=s3cret", "vecfill doesn't know its option mod; did you mean mode?"),
    ("postgresql://h/db?sslmode=s3cret", "its sslmode has a value that libpq doesn't know"),
    ("postgresql://h/db?connect_timeout=s3cret", "its connect_timeout is no whole number"),
    ("postgresql://h:s3cret/db", "its port is not a number from 1 to 65535; correct the port; if it is a part"),
    ("mysql://h/s3cret", "its scheme is unknown"),
    ("postgresql://h/db?channel_binding=s3cret", "its channel_binding has a value"),
    ("host=h dbname=postgresql://u:s3cret@h/db", "its database's name is a URL"),
    ("postgresql://u:p@h/db?password=x&s3cret=y", "whose name may be a piece of a password"),
    ("host=h password=x s3cret=y", "whose name may be a piece of a password"),
    ("postgresql://h/db?s3cret%20s3cret=1", "whose name may be a piece of a password"),
  ])
  func `an option's name is told where it is one, and no value ever`(_ text: String, _ told: String) {
    let failure = #expect(throws: Failure.self) { try DatabaseURL(text) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains(told) == true, "\(failure?.description ?? "")")
    #expect(failure?.description.contains("s3cret") == false)
  }
}

extension String.UTF8View {
  /// Whether `piece` stands in it byte by byte: in a String a combining mark hides the letter before it.
  fileprivate func contains(_ piece: String) -> Bool { firstRange(of: piece.utf8) != nil }
}
