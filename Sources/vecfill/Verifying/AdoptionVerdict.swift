import Backfill
import Foundation

/// Whether the vectors of a column are a job's own, by the rows that were embedded again.
struct AdoptionVerdict {
  /// The job's own preparation first.
  let results: [SampleComparison.Result]
  let audit: ColumnAudit
  let model: String

  /// The share of rows that have to come out the same: a column that was filled long ago has rows that were edited since,
  /// and another model makes none that is alike.
  private static let leastShare = 0.9
  /// By how much another preparation's vectors have to be nearer before it counts as the one.
  private static let clearlyNearer = 0.0005

  private var own: SampleComparison.Result? { results.first }

  private var isAlike: Bool {
    own.map { $0.compared > 0 && Double($0.alike) >= Self.leastShare * Double($0.compared) } ?? false
  }

  /// Another preparation that the vectors are clearly nearer to; nil where there is none.
  private var better: SampleComparison.Result? {
    guard let own else { return nil }
    let best = results.dropFirst().max { ($0.alike, $0.meanCosine) < ($1.alike, $1.meanCosine) }
    guard let best, best.alike >= own.alike, best.meanCosine > own.meanCosine + Self.clearlyNearer,
      Double(best.alike) >= Self.leastShare * Double(best.compared)
    else { return nil }
    return best
  }

  /// Why the column is not adopted; nil where it is.
  func refusal(of name: String) -> Failure? {
    guard let own, own.compared > 0 else {
      return Failure(
        .configuration, name,
        "none of its \(audit.vectors.grouped) vectors could be compared: \(likeness)",
        remedy: "`vecfill run JOB --adopt` takes them as they are; or fill another column")
    }
    if let better {
      return Failure(
        .configuration, name,
        "its vectors are of texts prepared otherwise: \(better.preparation.words(from: own.preparation)) gives mean cosine "
          + "\(better.meanCosine.fixed(4)), the job's own \(own.meanCosine.fixed(4))",
        remedy: "set \(better.preparation.words(from: own.preparation)) in the job and adopt again")
    }
    guard !isAlike else { return nil }
    return Failure(
      .configuration, name,
      "of \(own.compared.of("vector")) that \(model) made again, \(own.unlike.count.grouped) came out different "
        + "(mean cosine \(own.meanCosine.fixed(2)); the same model gives \(SampleComparison.leastCosine) and more); \(likeness)",
      remedy: "name the model that made them in the job, or fill another column (docs/changing-a-job.md)")
  }

  /// What the vectors look like.
  private var likeness: String {
    let dimensions = ([audit.dimensions] + audit.otherDimensions.keys.sorted()).filter {
      $0 != audit.dimensions || audit.misfits.count < audit.vectors
    }
    return "they have \(dimensions.map(String.init).joined(separator: ", ")) dimensions and mean length "
      + audit.lengths.mean.fixed(3)
  }

  /// What proves it.
  var words: String {
    guard let own else { return "" }
    return
      "\(own.alike.grouped) of \(own.compared.grouped) sampled vectors came out the same, of \(audit.vectors.grouped)"
  }

  /// What a person should know of a column that is adopted; nil where there is nothing.
  func warning(of name: String) -> String? {
    guard let own, !own.unlike.isEmpty else { return nil }
    let keys = own.unlike.prefix(RowExamples.most).map { "\($0)" }.joined(separator: ", ")
    return "\(name): \(own.unlike.count.grouped) sampled rows (\(keys)) have vectors of other texts, as after an edit; "
      + "set the vectors of edited rows to NULL and run the job"
  }
}

extension TextPreparation {
  /// What of it is otherwise than in `other`, as a job says it.
  fileprivate func words(from other: TextPreparation) -> String {
    var words: [String] = []
    if newlines != other.newlines { words.append("preparation.newlines: \(newlines.rawValue)") }
    if prefix != other.prefix { words.append("prefix: \(JSONValue.string(prefix))") }
    return words.joined(separator: ", ")
  }
}
