import Backfill
import PgVector
import Testing
import Tokenizer

@testable import vecfill

@Suite struct EstimateReportTests {
  private static let counts = [1, 12_345, 123_456_789, 12_345_678_901]

  /// So many rows that lack a vector, a tenth of them blank, the others of 7,000 tokens.
  private static func estimate(rows: Int) -> Estimate {
    let messages = (0..<100).map { Message(key: .integer(Int64($0)), text: $0 % 10 == 0 ? " " : "text \($0)") }
    let packer = Packer(preparation: TextPreparation(), maxInputs: 100) { _ in 7_000 }
    var estimate = Estimate(isSample: true)
    estimate.add(PageFigures(packer.pack(MessagePage(messages, continuesAfter: nil))))
    return estimate.projected(to: rows)
  }

  private static func terms(isSample: Bool) -> EstimateTerms {
    let model = Model(
      name: "text-embedding-3-large", dimensions: 3072, usdPerMillionTokens: 0.13, maxInputTokens: 8192)
    return EstimateTerms(
      model: model, price: nil, limits: Job.Limits(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000),
      storage: .halfvec, counter: .estimated(TokenEstimator()), isSample: isSample, mostBytes: nil,
      lacksVocabulary: true)
  }

  @Test(arguments: counts, [true, false])
  func `no line is longer than 80 columns, however large the figures are`(rows: Int, isSample: Bool) {
    let (estimate, terms) = (Self.estimate(rows: rows), Self.terms(isSample: isSample))
    let sources = ["standalone_chat_messages", "a_schema_of_another_team.the_messages_of_all_their_chats"]
    let report = EstimateReport(job: "backfill-embeddings", sources.map { ($0, estimate) }, terms)
    for line in report.text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    let figures = EstimateFigures(source: nil, estimate, terms)
    let comparison = EstimateComparison(
      ["text-embedding-3-large", "amazon.titan-embed-text-v2:0"].map {
        EstimateComparison.Entry(model: $0, provider: "fireworks", figures: figures)
      })
    let table = comparison.text(errorBand: TokenEstimator.errorBand, isSample: isSample)
    for line in table.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test func `trillions of tokens and millions of dollars keep their units`() {
    let report = EstimateReport(
      job: "j", [("messages", Self.estimate(rows: 12_345_678_901))], Self.terms(isSample: false))
    #expect(report.text.contains("~77.78T"))
    #expect(report.text.contains("~$10.11M"))
    #expect(report.text.contains("~$10,111,111, "))
    #expect(report.text.contains("vecfill tokenizer install"))
  }

  /// A report of `rows` rows, for a model whose limit and price are as given.
  private static func report(rows: Int, usd: Double?, mostTokens: Int? = 8192, limits: Job.Limits = .init()) -> String {
    let model = Model(name: "m", dimensions: 8, usdPerMillionTokens: usd, maxInputTokens: mostTokens)
    let terms = EstimateTerms(
      model: model, price: nil, limits: limits, storage: .halfvec, counter: .estimated(TokenEstimator()),
      isSample: false, mostBytes: nil, lacksVocabulary: false)
    var estimate = Estimate()
    if rows > 0 {
      let messages = (0..<rows).map { Message(key: .integer(Int64($0)), text: "text \($0)") }
      let packer = Packer(preparation: TextPreparation(), maxInputs: 100) { _ in 1 }
      estimate.add(PageFigures(packer.pack(MessagePage(messages, continuesAfter: nil))))
    }
    return EstimateReport(job: "j", [("messages", estimate)], terms).text
  }

  @Test func `a figure that isn't known is a question mark in the table, and the line below says why`() {
    let text = Self.report(rows: 5, usd: nil, mostTokens: nil)
    #expect(text.contains(#/\nmessages +5 +0 +\? +0 /#), "\(text)")
    #expect(text.contains("unknown: the model's limit is not known"))
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("no limit a minute is set or known; set limits: in the job to see it"), "\(text)")
  }

  @Test(arguments: [0.02, 0, nil]) func `where nothing is to be done, no figure is rough and no index is sized`(
    usd: Double?
  ) {
    let text = Self.report(rows: 0, usd: usd)
    #expect(!text.contains("~0") && !text.contains("~$") && !text.contains("0 to 0"), "\(text)")
    #expect(!text.contains("HNSW"), "\(text)")
  }

  @Test(arguments: [
    (1, 0.02, "<$0.000001 at $0.02/M tokens"), (90, 1, "~$0.00009, $0.00007 to $0.00014 at $1/M tokens"),
    (900, 1, "~$0.0009, $0.0007 to $0.0014 at $1/M tokens"),
  ])
  func `parts of a cent that are only estimated have two digits, and less than the least has no range`(
    rows: Int, usd: Double, told: String
  ) {
    let text = Self.report(rows: rows, usd: usd)
    #expect(text.contains(told), "\(text)")
    #expect(!text.contains("~<"), "\(text)")
  }

  @Test(
    arguments: [
      (nil, "50,000 rows read  25,000 rows/s  chat"),
      (200_000, "50,000/200,000 rows 25.0%  25,000 rows/s  ETA 6 s  chat"),
      (40_000, "50,000/50,000 rows 100%  25,000 rows/s  chat"),
    ] as [(Int?, String)])
  func `a scan tells how far it is, and when it will end where that is known`(expected: Int?, line: String) {
    var window = RateWindow()
    window.add(rows: 0, tokens: 0, at: .zero)
    window.add(rows: 50_000, tokens: 0, at: .seconds(2))
    #expect(ScanProgress.line(rows: 50_000, of: expected, window, "chat") == line)
  }
}
