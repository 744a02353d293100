import Backfill
import Foundation
import MessageStores
import Migrations
import PgVector
import Postgres
import TestSupport
import Testing

/// The index of the rows that lack a vector.
extension JobMigrationsTests {
  /// The table and the condition that its index gets.
  static let forms: [(table: String, condition: String)] = [
    ("CREATE TABLE m (id int PRIMARY KEY, content varchar(20))", condition("embedding", "(content)::text")),
    (
      "CREATE DOMAIN said AS text; CREATE TABLE m (id int PRIMARY KEY, content said)",
      condition("embedding", "(content)::text")
    ),
    ("CREATE TABLE m (id int PRIMARY KEY, content text COLLATE \"C\")", condition("embedding", "content")),
    ("CREATE TABLE m (id int PRIMARY KEY, content name)", "(embedding IS NULL)"),
    (
      "CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(8)); CREATE INDEX mine ON m (id) WHERE embedding IS NULL",
      "(embedding IS NULL)"
    ),
    (
      "CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(8)); CREATE INDEX ON m (content) WHERE embedding IS NULL",
      condition("embedding", "content")
    ),
  ]

  @Test(arguments: PostgresCluster.Major.allCases, forms)
  func `the index leaves out blank rows where the text can be asked, and one that holds them is left`(
    _ major: PostgresCluster.Major, _ form: (table: String, condition: String)
  ) async throws {
    let fixture = try await Fixture(major, .empty, pgvector: true)
    try await fixture.database.run(form.table)
    let job = Self.job(Source(table: "m"), dimensions: 8, index: .keep)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    let definitions = try await Self.definitions(fixture, of: "m")
    #expect(definitions.filter { $0.hasSuffix("btree (id) WHERE \(form.condition)") }.count == 1, "\(definitions)")
    #expect(definitions.filter { $0.contains("btree (id)") }.count == 1)
    try await Self.expectSettled(fixture, job)
    try await fixture.migrating(for: job) { _ = try await $0.down(to: 0) }
    #expect(
      try await Self.definitions(fixture, of: "m").count == form.table.components(separatedBy: "CREATE INDEX").count - 1
    )
  }
}
