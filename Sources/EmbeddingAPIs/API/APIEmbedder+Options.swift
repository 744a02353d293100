import Backfill

extension APIEmbedder {
  /// Whom an embedder asks, and how that one differs from others of its format.
  package struct Options: Sendable {
    package var format: WireFormat
    package var endpoint: Endpoint
    /// The default is none, for servers that need none.
    package var apiKey: APIKey?
    package var keyHeader: KeyHeader
    /// Sent beside the key's. Their values are as secret as the key. The default is none.
    package var headers: [(name: String, value: APIKey)] = []
    package var model: String
    /// The length that every vector must have.
    package var dimensions: Int
    /// The field in which a request names the dimensions, which asks a model for another size than its own; nil for none.
    /// The default is none: vLLM refuses a request that names them even at the model's own size.
    package var dimensionsField: String?
    /// The field in which a request names the encoding; nil for none. The default is the format's.
    package var encodingField: String?
    /// How vectors are asked for, one after the other until the server takes one. At least one. The default is the format's.
    package var encodings: [VectorEncoding]
    /// What each request says beside; it wins over the format's own fields. The default is nothing.
    package var fields: [String: JSONValue] = [:]
    /// What a request for stored texts says; it wins over `fields`. The default is nothing.
    package var documentFields: [String: JSONValue] = [:]
    /// What a request for the words of a search says; it wins over `fields`. The default is nothing.
    package var queryFields: [String: JSONValue] = [:]
    /// What the job adds to each request; it wins over all other fields but can't name the model, the texts, the dimensions or
    /// the encoding. The default is nothing.
    package var body: [String: JSONValue] = [:]
    /// Where a reply reports the billed tokens: names from the outside in, with dots between; nil for the format's own place,
    /// which is the default.
    package var usage: String?
    /// Whether the tokens that a reply gives are believed where they are possible. The default is true.
    package var trustsUsage = true
    /// Whether vectors that are longer than `dimensions` are cut here and brought to unit length. The default is false: such a
    /// vector can't be used.
    package var cutsLocally = false
    /// Whether a reply that has the vectors of an earlier one, which was to other texts, is broken. The default is false:
    /// who compares vectors wants to see equal ones.
    package var doubtsRepeats = false

    package init(
      format: WireFormat = .openAI, endpoint: Endpoint = .openAI, apiKey: APIKey? = nil, model: String, dimensions: Int
    ) {
      self.format = format
      self.endpoint = endpoint
      self.apiKey = apiKey
      self.model = model
      self.dimensions = dimensions
      keyHeader = endpoint.isAzure ? .apiKey : format.keyHeader
      encodingField = format.encodingField
      encodings = format.encodings
    }
  }
}

extension APIEmbedder.Options {
  /// Throws a `Failure` with `.configuration` where the job's own fields name what is not theirs to name.
  func checkBody() throws(Failure) {
    let taken = [format.modelField, format.texts.field, format.dimensionsField, dimensionsField, encodingField]
    let names = Set(taken.compactMap(\.self)).intersection(body.keys)
    guard let name = names.min() else { return }
    throw Failure(
      .configuration, "body", "names \(name), which the job's own settings say", remedy: "take \(name) out of body")
  }

  /// What a request says beside the model, the texts, the dimensions and the encoding.
  func fields(for role: EmbeddingRole) -> [String: JSONValue] {
    let ofRole =
      switch role {
      case .document: (format.documentFields, documentFields)
      case .query: (format.queryFields, queryFields)
      }
    return [format.fields, ofRole.0, fields, ofRole.1, body].reduce([:]) { $0.merging($1) { $1 } }
  }

  /// Where a reply has what.
  var reply: ReplyShape {
    var shape = format.reply
    if let usage {
      shape.usage = [usage.split(separator: ".").map(String.init)]
      shape.usageHeader = nil
    }
    return shape
  }
}
