import Backfill
import EmbeddingAPIs
import Foundation
import Postgres

/// Reads files of vectors line by line, checks each line, and gives what may be written in batches of bounded size.
actor ResultReader {
  private let executor = DispatchQueueExecutor(label: "vecfill.load")
  private let columns: [LoadColumn]
  private let model: Model
  private let alias: String?
  private let mostBytes: Int
  /// The most rows of a batch: what one transaction locks.
  private static let mostRows = 2_000
  private var files: ArraySlice<String>
  private var file: LineFile?
  private var open: [Int: LoadBatch] = [:]
  private var full: [LoadBatch] = []
  /// What became of the lines that bring no row to a batch.
  private(set) var tally = LoadTally()

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// - Parameters:
  ///   - alias: a name under which lines may name the model, too.
  ///   - mostBytes: the most bytes of a batch's vectors.
  init(_ files: ResultFiles, columns: [LoadColumn], model: Model, alias: String?, mostBytes: Int = 4 << 20) {
    self.files = files.paths[...]
    self.columns = columns
    self.model = model
    self.alias = alias
    self.mostBytes = mostBytes
  }

  /// The next batch; nil at the end of all files.
  func next() throws -> LoadBatch? {
    while full.isEmpty {
      try Task.checkCancellation()
      guard try readLine() else {
        full = open.sorted { $0.key < $1.key }.map(\.value).filter { !$0.rows.isEmpty }
        open = [:]
        return full.isEmpty ? nil : full.removeFirst()
      }
    }
    return full.removeFirst()
  }

  /// Reads one line; false at the end of all files.
  private func readLine() throws -> Bool {
    if file == nil {
      guard let path = files.popFirst() else { return false }
      file = try LineFile(path)
      tally.files += 1
    }
    guard let file else { return false }
    guard let line = try file.next() else {
      self.file = nil
      return true
    }
    let place = LinePlace(file: URL(fileURLWithPath: file.path).lastPathComponent, line: line.number)
    tally.lines += 1
    if line.isTooLong {
      tally.refuse(place, "it is longer than \(LineFile.mostLineBytes >> 20) MiB")
      return true
    }
    let read = ResultLineReader.read(line.bytes, dimensions: model.dimensions)
    switch read {
    case .refused where line.isCutOff, .blank where line.isCutOff:
      tally.refuse(place, "the file ends within it")
    case .blank: tally.lines -= 1
    case .request: tally.requests += 1
    case .failed(let reason), .refused(let reason): tally.refuse(place, reason)
    case .vectors(let vectors): take(vectors, place)
    }
    return true
  }

  private func take(_ line: ResultLine.Vectors, _ place: LinePlace) {
    guard !line.isOfAnother(than: model.name, alias: alias) else {
      return tally.refuse(
        place, "it is of the model \(line.shownModel), and the job's is \(model.name) (--model-alias takes that name)")
    }
    let (column, key, digest, weights): (Int, RowKey, TextDigest, [Int])
    switch columns.place(of: line.row) {
    case .success(let found): (column, key, digest, weights) = found
    case .failure(let refusal): return tally.refuse(place, refusal.reason)
    }
    switch VectorVerdict(line.vectors, weights: weights, dimensions: model.dimensions, cut: model.cut) {
    case .refused(let reason): tally.refuse(place, reason)
    case .taken(let vector, let isUnit):
      tally.tokens += line.tokens ?? 0
      if isUnit { tally.unit += 1 } else { tally.other += 1 }
      add(EmbeddedRow(key: key, digest: digest, vector: vector[...]), to: column, place)
    }
  }

  /// Two lines of one row go one behind the other: what the second finds in the database is what the first has left.
  private func add(_ row: EmbeddedRow, to column: Int, _ place: LinePlace) {
    if let batch = open[column], batch.places[row.key] != nil { close(column) }
    open[column, default: LoadBatch(source: column)].rows.append(row)
    open[column]?.places[row.key] = place
    let count = open[column]?.rows.count ?? 0
    if count >= Self.mostRows || count * 4 * model.dimensions >= mostBytes { close(column) }
  }

  private func close(_ column: Int) {
    if let batch = open.removeValue(forKey: column) { full.append(batch) }
  }
}
