import Backfill
import Foundation

extension JobConfiguration {
  /// So many days before a model's sunset the warning begins: filling a column again takes time.
  private static let sunsetNotice = 180

  /// What a person should know of the settings before anything is called; one line each.
  ///
  /// - Parameter now: decides whether the model's sunset is near.
  package func warnings(now: Date = Date()) -> [String] {
    [
      formerName, lexicalHash, providerKey.withheld(in: variables), otherProvider, likelyModel.map(unknownModel),
      sunset(now),
    ].compactMap(\.self) + UnknownVariable.all(in: variables).map(\.warning)
  }

  /// The same before rows of `job` are read.
  package func warnings(before job: Job) -> [String] { warnings() + [unknownLimit(of: job)].compactMap(\.self) }

  /// That nobody knows how long a text the model takes; nil where it is known.
  private func unknownLimit(of job: Job) -> String? {
    guard job.model.maxInputTokens == nil, catalogueProvider.format != .demo else { return nil }
    return
      "the catalogue doesn't know how many tokens \(job.model.name) takes: some servers cut longer texts without a word; "
      + "`vecfill check` looks for the limit, and max_input_tokens in a catalogue of your own sets it"
  }

  private var formerName: String? {
    values.text(.provider) == CatalogueProvider.formerDemo
      ? "provider local is called demo now: write provider: demo; its columns stay as they are" : nil
  }

  private var lexicalHash: String? {
    catalogueProvider.format == .demo
      ? "provider demo is a lexical hash for demos and tests: it finds shared words, not meanings" : nil
  }

  /// With `openai` at another provider's address nothing of that provider's own is sent, as a flag against silent cuts.
  private var otherProvider: String? {
    let owner = providerKey.owner.name
    guard owner != catalogueProvider.name else { return nil }
    return "base_url is \(owner)'s: with provider: \(owner) requests have its own fields and limits"
  }

  private func unknownModel(_ likely: String) -> String {
    "the catalogue doesn't know model \(values.text(.model) ?? ""): did you mean \(likely)?"
  }

  /// What was probably meant by a model that the catalogue doesn't know, e.g. "voyage-4-lite of provider voyage".
  package var likelyModel: String? {
    guard catalogueModel == nil, let name = values.text(.model), catalogueProvider.format != .demo else { return nil }
    let models = catalogue.models
    let own = models.filter { $0.provider == (pricedProvider ?? catalogueProvider.name) }.map(\.id)
    if let near = Spelling.nearest(to: name, in: own) { return near }
    // Servers of one's own serve whatever they have loaded.
    guard catalogueProvider.needsKey, pricedProvider == catalogueProvider.name else { return nil }
    return models.first { $0.id == name }.map { "\(name) of provider \($0.provider)" }
  }

  private func sunset(_ now: Date) -> String? {
    guard let model = catalogueModel, let day = model.sunset else { return nil }
    let notice = now.addingTimeInterval(Double(Self.sunsetNotice) * 86_400)
    if day <= now.day { return "\(model.provider) may no longer serve \(model.id): its sunset was \(day)" }
    guard day <= notice.day else { return nil }
    return
      "\(model.provider) may stop serving \(model.id) on \(day): vectors of another model need a column of their own"
  }
}

extension Date {
  /// As YYYY-MM-DD, at Greenwich.
  fileprivate var day: String { formatted(.iso8601.year().month().day()) }
}
