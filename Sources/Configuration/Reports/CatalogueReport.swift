/// What `vecfill models` prints: the providers that can be called and their models that are known.
package struct CatalogueReport {
  private let catalogue: ModelCatalogue

  package init(_ catalogue: ModelCatalogue) {
    self.catalogue = catalogue
  }

  /// A table for a terminal of 80 columns.
  package var table: String {
    let rows = providers.flatMap { provider in
      [[heading(provider), "", "", "", ""]] + models(of: provider).map(row)
    }
    let table = TextTable(
      header: ["MODEL", "USD/1M", "BATCH", "INPUT", "DIMENSIONS"], rows: rows,
      alignments: [.left, .right, .right, .right, .left])
    return """
      \(table)

      USD/1M: dollars a million tokens; BATCH: in the batch API\(ages).
      INPUT: the most tokens of one input. DIMENSIONS: the model's own first.
      *: its tokens are counted exactly, the others' estimated. -: none, or unknown.
      \((sunsets + others).joined(separator: "\n"))
      """
  }

  /// The provider and its key's variable.
  private func heading(_ name: String) -> String {
    [name, catalogue.provider(name)?.keyVariable].compactMap(\.self).joined(separator: " ")
  }

  /// The models that have a sunset, one line each.
  private var sunsets: [String] {
    catalogue.models.compactMap { model in
      model.sunset.map { "Sunset \($0): \(model.id) of \(model.provider)." }
    }
  }

  /// Those of which no model is known: servers of one's own.
  private var others: [String] {
    let named = providers
    let others = catalogue.providers.map(\.name).filter { !named.contains($0) }
    return ["These providers' other models work too."]
      + (others.isEmpty ? [] : ["Providers without a list: \(others.joined(separator: ", "))."])
  }

  private func row(_ model: CatalogueModel) -> [String] {
    [
      "  \(model.id)\(model.tokenizer == .unverified ? "" : " *")",
      model.price?.usdPerMillionTokens.formattedPlainly ?? "-",
      model.price?.usdPerMillionTokensInBatch?.formattedPlainly ?? "-",
      model.limits.inputTokens.map(String.init) ?? "-", model.dimensions?.summary ?? "-",
    ]
  }

  /// One object, `{"models": [...]}`, with the keys of `config/models.yaml`; null for what is unknown.
  package func json() throws -> String {
    try JSONReport.text(["models": providers.flatMap(models).map(CatalogueEntry.init)])
  }

  private var providers: [String] {
    catalogue.models.reduce(into: []) { providers, model in
      if !providers.contains(model.provider) { providers.append(model.provider) }
    }
  }

  private func models(of provider: String) -> [CatalogueModel] {
    catalogue.models.filter { $0.provider == provider }.compactMap { catalogue.model(provider: provider, id: $0.id) }
  }

  private var ages: String {
    let ages = catalogue.models.compactMap { $0.price?.asOf }
    guard let oldest = ages.min(), let newest = ages.max() else { return "" }
    return oldest == newest ? ", \(oldest)" : ", \(oldest) to \(newest)"
  }
}

extension Dimensions {
  fileprivate var summary: String {
    switch choice {
    case .fixed: "\(standard)"
    case .list(let others) where others.count > 4:
      "\(standard)|\(others.count) of \(others.min() ?? standard)-\(others.max() ?? standard)"
    case .list(let others): ([standard] + others).map(String.init).joined(separator: "|")
    case .range(let range): "\(standard)|\(range.lowerBound)-\(range.upperBound)"
    }
  }
}
