import Backfill

/// Tags of the vectors of the last replies, to know them again in a reply to other texts.
///
/// A gateway that writes a reply twice gives each later request of that connection its forerunner's vectors, and a cache
/// that ignores a request's body gives all of them the same ones: count and index are right then.
///
/// Two texts of one vector can be right too: they differ only behind the model's limit, in case, or in signs that it
/// doesn't know. So a request of several texts is divided, and a text alone is asked for once more, with a harmless text
/// beside it: they get their vectors where the server gives others to other texts.
struct SeenReplies: Sendable {
  /// What is asked.
  struct Question: Sendable {
    fileprivate let texts: Int
    /// Whether it is for one text, or for equal ones.
    fileprivate let isOfOneText: Bool
    /// The only text beside harmless ones, by its place and its hash; nil where there are more, or none is harmless.
    let alone: (place: Int, hash: Int)?
    /// Where harmless texts stand.
    fileprivate let harmless: [Int]
    fileprivate let count: Int
    /// How many replies to many texts had been those of others when it was asked.
    fileprivate let mixups: Int

    /// Whether its reply can prove to be its own: a text that it holds more than once must have one vector.
    var isProvable: Bool { harmless.count > 1 }

    /// Why the reply doesn't prove to be its own, where it has to.
    func fault(of reply: EmbeddingsReply) -> Fault? {
      guard isProvable else { return nil }
      guard !harmless.contains(where: { reply.unusable[$0] != nil }) else {
        return Fault(
          "it has no vector for the text \"vecfill\", which was added to show that the reply is to this request",
          isOfMany: false)
      }
      let first = reply.vectors[harmless[0]]
      guard harmless.allSatisfy({ reply.vectors[$0].cosine(to: first) >= SampleComparison.leastCosine }) else {
        return Fault(
          "it has two different vectors for the same text, so it is the reply to another request", isOfMany: true)
      }
      return nil
    }
  }

  /// Why a reply's vectors can't be those of the texts that were asked for.
  struct Fault: Sendable {
    let reason: String
    /// Whether so many vectors are those of other texts that no likeness of texts explains it: replies go astray.
    let isOfMany: Bool

    fileprivate init(_ what: String, isOfMany: Bool) {
      reason =
        "\(what): check what is between vecfill and the model, e.g. a gateway or a cache"
        + (isOfMany ? ", then the rows that were written, with `vecfill verify`" : "")
      self.isOfMany = isOfMany
    }
  }

  private struct Reply {
    let vectors: DamageTag
    /// The texts whose reply it was first; nil where it was no proper reply to any.
    let owner: Int?
    /// Texts that got it when they were asked for alone and it was another's, or two others' too, each with when.
    var doubted: [Int: Int] = [:]
  }

  private var replies: [Reply] = []
  private var arrivals = 0
  /// The last vector of a text alone that was taken, and the last one that differs from it, each with when it came.
  private var latest: (vector: DamageTag, arrival: Int)?
  private var before: (vector: DamageTag, arrival: Int)?

  /// Replies to many texts that had the vectors of others.
  private var mixups = 0

  /// Two requests of so many texts don't differ only in what the model can't tell apart.
  private static let many = 4
  private static let mostReplies = 256
  private static let mostDoubted = 4_096

  /// The question for `texts`, which is asked now.
  func question(_ texts: [String]) -> Question {
    let isOfOneText = texts.dropFirst().allSatisfy { $0 == texts[0] }
    let harmless = texts.indices.filter { Input.harmless.texts.contains(texts[$0]) }
    let isAlone = !harmless.isEmpty && harmless.count == texts.count - 1
    let place = isAlone ? texts.indices.first { !harmless.contains($0) } : nil
    return Question(
      texts: Self.hash(isOfOneText ? texts.prefix(1) : texts[...]), isOfOneText: isOfOneText,
      alone: place.map { ($0, Self.hash(texts[$0...$0])) }, harmless: harmless, count: texts.count, mixups: mixups)
  }

  private static func hash(_ texts: ArraySlice<String>) -> Int {
    var hasher = Hasher()
    // By its UTF-8: a String's own hash asks for the normal form of each character.
    for var text in texts {
      hasher.combine(text.utf8.count)
      text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    return hasher.finalize()
  }

  /// Takes note of a reply's vectors; returns why they can't be those of the texts that were asked for, nil where they can.
  ///
  /// After a reply to many texts had the vectors of other texts, the replies to requests in flight at that moment are refused
  /// too: if a gateway is one reply behind, only the first wrong reply is a repeated one.
  mutating func fault(of vectors: VectorTags, to question: Question) -> Fault? {
    guard question.mixups == mixups else {
      return Fault("it came while another reply had the vectors of other texts, and isn't trusted", isOfMany: false)
    }
    return judge(vectors, question).map { Fault($0, isOfMany: mixups > question.mixups) }
  }

  private mutating func judge(_ vectors: VectorTags, _ question: Question) -> String? {
    arrivals += 1
    if !question.isOfOneText, let common = vectors.common {
      let earlier = take(common)
      keep(earlier ?? Reply(vectors: common, owner: nil))
      return "it has the same vector for all of its texts"
    }
    if question.isProvable, !question.isOfOneText { return nil }
    let whole = vectors.common ?? vectors.whole
    guard var reply = take(whole) else {
      keep(Reply(vectors: whole, owner: question.texts))
      if question.isOfOneText { note(whole) }
      return nil
    }
    defer { keep(reply) }
    guard question.isOfOneText else {
      if reply.owner == question.texts || isConfirmed(vectors, question) { return nil }
      if question.count >= Self.many { mixups += 1 }
      return "it has the vectors of an earlier reply, which was to other texts"
    }
    let isRight =
      if let doubted = reply.doubted[question.texts] {
        arrival(ofOtherThan: whole) > doubted
      } else {
        reply.owner == question.texts && reply.doubted.count < 2
      }
    if isRight {
      note(whole)
      return nil
    }
    if reply.doubted[question.texts] == nil {
      if reply.doubted.count == Self.mostDoubted { reply.doubted.removeAll() }
      reply.doubted[question.texts] = arrivals
    }
    return "it has the vector of an earlier reply, which was to another text"
  }

  /// Whether a text beside harmless ones got the vector that it got alone.
  private func isConfirmed(_ vectors: VectorTags, _ question: Question) -> Bool {
    guard let text = question.alone?.hash else { return false }
    return replies.contains { $0.vectors == vectors.alone && $0.doubted[text] != nil }
  }

  private mutating func take(_ vectors: DamageTag) -> Reply? {
    replies.lastIndex { $0.vectors == vectors }.map { replies.remove(at: $0) }
  }

  private mutating func keep(_ reply: Reply) {
    if replies.count == Self.mostReplies { replies.removeFirst() }
    replies.append(reply)
  }

  private mutating func note(_ vector: DamageTag) {
    if let latest, latest.vector != vector { before = latest }
    latest = (vector, arrivals)
  }

  private func arrival(ofOtherThan vector: DamageTag) -> Int {
    (latest?.vector == vector ? before : latest)?.arrival ?? 0
  }
}

/// The vectors of a reply, as they came.
struct VectorTags: Sendable {
  /// Of all of them.
  let whole: DamageTag
  /// Of one of them, where all are the same.
  let common: DamageTag?
  /// Of the only text beside harmless ones.
  let alone: DamageTag?

  /// - Parameter alone: where the vector of the only text beside harmless ones stands among the vectors.
  init(of values: [Float], dimensions: Int, alone: Int? = nil) {
    let length = 4 * dimensions
    (whole, common, self.alone) = values.withUnsafeBytes { bytes in
      func tag(_ range: Range<Int>) -> DamageTag { DamageTag(of: [UnsafeRawBufferPointer(rebasing: bytes[range])]) }
      let first = bytes[..<length]
      let areSame = stride(from: length, to: bytes.count, by: length).allSatisfy { start in
        bytes[start..<start + length].elementsEqual(first)
      }
      return (
        tag(0..<bytes.count), areSame ? tag(0..<length) : nil,
        alone.map { tag($0 * length..<($0 + 1) * length) }
      )
    }
  }
}
