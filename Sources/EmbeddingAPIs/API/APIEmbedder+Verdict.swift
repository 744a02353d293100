import Backfill
import Foundation

extension APIEmbedder {
  /// What a reply answers.
  enum Asked {
    case texts([String])
    /// So many texts that aren't at hand, as where a batch's output is read.
    case unseen(Int)

    var isOfOneText: Bool {
      switch self {
      case .texts(let texts): texts.count == 1
      case .unseen(let count): count == 1
      }
    }
  }

  enum Verdict {
    case answered(EmbeddingReply)
    case refused(EmbeddingFailure, Blame)
  }

  /// Whether a refusal is for the encoding.
  enum Blame {
    case encoding
    /// It can be: nothing shows.
    case unclear
    case other
  }

  /// Judges a reply to what was asked, whose vectors `stream` has read, by all that it says.
  ///
  /// - Parameter repeated: why its vectors can't be those of the texts.
  func verdict(
    on response: HTTPResponse, _ stream: consuming EmbeddingsReplyStream, to asked: Asked,
    _ question: SeenReplies.Question? = nil, repeated: SeenReplies.Fault? = nil
  ) -> Verdict {
    var redaction = redaction(of: asked)
    guard response.isSuccess else {
      redaction.others = recent.withLock(\.all)
      let error = ProviderError(response.body, redaction)
      return refusal(response, error, redaction)
        ?? .refused(EmbeddingFailure(.unrecognized, "an unknown answer", status: response.status), .other)
    }
    let requestID = redaction.shown(response.headers.requestID)
    let rateLimits = RateLimitHints(response.headers)
    func useless(_ kind: EmbeddingFailure.Kind, _ reason: String, badIndex: Int? = nil) -> EmbeddingFailure {
      client.leaveConnections(of: response)
      var failure = EmbeddingFailure(
        kind, "the reply can't be used: \(reason)", status: response.status, requestID: requestID, badIndex: badIndex,
        mayHaveBeenBilled: true, rateLimits: rateLimits)
      failure.isOfUntriedServer = !response.isOfProvenConnection
      return failure
    }
    guard !response.isCut || stream.broken != nil else {
      return .refused(useless(.brokenReply, EmbeddingsReply.tooLong), .other)
    }
    // An error that stands beside the vectors.
    let body = response.body.isEmpty ? Data(stream.frame) : response.body
    let reply: EmbeddingsReply
    do {
      reply = try stream.reply()
    } catch {
      redaction.others = recent.withLock(\.all)
      let said = ProviderError(body, redaction)
      if said.isStructured, let refusal = refusal(response, said, redaction) { return refusal }
      let hasError = said.isStructured && said.sentence != nil
      var failure = useless(
        .brokenReply, hasError ? "it holds an error in place of vectors" : error.reason,
        badIndex: error.isOfOneText ? 0 : nil)
      failure.isOfCount = error.isOfCount
      // What begins like a reply is no sentence.
      if said.isStructured || said.isPage || (1..<4_096).contains(response.body.count) {
        failure.serverMessage = said.sentence.flatMap(redaction.oneLine)
      }
      return .refused(failure, .other)
    }
    let shownModel = reply.model.flatMap(ModelName.shown).flatMap(redaction.shownModel)
    if let fault = fault(of: reply.model, shownModel) {
      var failure = useless(.misconfigured, fault)
      failure.disorder = .otherModel
      return .refused(failure, .other)
    }
    if let repeated = repeated ?? question?.fault(of: reply) {
      var failure = useless(.brokenReply, repeated.reason, badIndex: asked.isOfOneText ? 0 : nil)
      if repeated.isOfMany { failure.disorder = .otherTexts }
      return .refused(failure, .other)
    }
    if let length = reply.fullLength { habits.withLock { $0.pin(fullLength: length) } }
    if reply.unusable.isEmpty {
      client.proveConnection(of: response)
    } else {
      client.leaveConnections(of: response)
    }
    let told = shape.usageHeader.flatMap { response.headers[$0] }.flatMap { Int($0) } ?? reply.billedTokens
    var checked = EmbeddingReply(
      vectors: reply.vectors, billedTokens: options.trustsUsage ? told.flatMap { plausible($0, for: asked) } : nil,
      requestID: requestID, rateLimits: rateLimits)
    checked.isPlacedByOrder = reply.isPlacedByOrder
    checked.unusable = reply.unusable
    checked.modelAlias = reply.model.flatMap { shownAlias($0, &redaction) }
    return .answered(checked)
  }

  private func refusal(_ response: HTTPResponse, _ error: ProviderError, _ redaction: Redaction) -> Verdict? {
    guard let failure = EmbeddingFailure(refusal: response, error, redaction, address: address, now: now()) else {
      return nil
    }
    let status = response.isSuccess ? error.status ?? 400 : response.status
    if response.isSuccess, !(400...499).contains(status) { client.leaveConnections(of: response) }
    let isAboutRequest =
      (400...499).contains(status) && ![404, 405].contains(status)
      && [.badInput, .misconfigured, .unrecognized].contains(failure.kind)
    guard isAboutRequest else { return .refused(failure, .other) }
    let names = ["encoding_format"] + (options.encodingField.map { [$0] } ?? [])
    if names.contains(where: { error.parameter?.hasPrefix($0) == true || error.says($0) })
      || ["encoding format", "encodingformat", "base64"].contains(where: { error.says($0) })
    {
      return .refused(failure, .encoding)
    }
    let isUnclear = [400, 415, 422].contains(status) && ErrorRule.first(for: status, error)?.isByStatusAlone != false
    return .refused(failure, isUnclear ? .unclear : .other)
  }

  /// `name`, where it is none that was asked for and may be shown: it may hold what an earlier request had.
  private func shownAlias(_ name: String, _ redaction: inout Redaction) -> String? {
    guard !askedModels.contains(ModelName(name)) else { return nil }
    if let alias = habits.withLock(\.alias), alias.name == name { return alias.shown }
    redaction.others = recent.withLock(\.all)
    let shown = ModelName.shown(name).flatMap(redaction.shownAlias)
    habits.withLock { $0.alias = (name, shown) }
    return shown
  }

  /// Why a reply of the model `name` is not taken: vectors of two models must never be mixed (P4). Of a server that
  /// answers with a name of its own, the first answer's is taken, and then no other. A reply without a name says nothing.
  private func fault(of name: String?, _ shown: String?) -> String? {
    guard let name else { return nil }
    let shown = shown ?? ModelName.hidden
    var model = ModelName(name)
    if askedModels.contains(model) {
      model = ModelName(options.model)
    } else if options.endpoint.namesModelsExactly {
      return "it comes from the model \(shown), and \(options.model) was asked for"
    }
    return habits.withLock { $0.otherModel(than: model, shown: shown) }.map {
      "it comes from the model \(shown), and an earlier one came from \($0)"
    }
  }

  /// `tokens`, unless it is no count of these texts' tokens: each text has at least one, and none has more than can be.
  private func plausible(_ tokens: Int, for asked: Asked) -> Int? {
    let possible =
      switch asked {
      case .texts(let texts): texts.count...max(texts.count, texts.reduce(0) { $0 + $1.mostTokens })
      case .unseen(let count): count...Int.max
      }
    return possible.contains(tokens) ? tokens : nil
  }

  func redaction(of asked: Asked) -> Redaction {
    let secrets = options.headers.map(\.value.value) + client.proxySecrets
    switch asked {
    case .texts(let texts): return Redaction(texts: texts, key: options.apiKey?.value, otherSecrets: secrets)
    case .unseen(let count):
      var redaction = Redaction(texts: [], key: options.apiKey?.value, otherSecrets: secrets)
      redaction.unseenCount = count
      return redaction
    }
  }
}
