import Foundation

/// Finds out whether a request fails because of one of its inputs or because of the endpoint, and which input it is (P7).
///
/// What refuses the inputs as such is divided at once. What fails in any other way, whatever it says, is tried as often
/// as its class allows; then it waits for a harmless text, the probe. If the endpoint answers that, the request is
/// divided. An input that stands alone is condemned after three failures during each of which another request was
/// answered, or after as many as it takes where requests also fail by chance, e.g. by one broken replica.
struct Isolation: Sendable {
  /// What is known of the contents of one request.
  struct Trial: Equatable, Sendable {
    /// How often these very contents failed.
    fileprivate var failures = 0
    /// How often they were told to come later.
    fileprivate var holds = 0
    /// Failures of this input alone, in each of which another request was answered that was sent no earlier.
    fileprivate(set) var proven = 0
    /// Failures of this input alone since then.
    fileprivate var unproven = 0
    /// The last failure of this input alone that came from a server that had answered before.
    fileprivate var firm: EmbeddingFailure?
    /// How it failed, or what it is a part of, while the endpoint worked.
    ///
    /// Only a failure of the same kind and status counts against it. After another one it is tried as often as a request
    /// that was never suspected: that one may be by chance, or have a cause of its own.
    fileprivate var suspicion: EmbeddingFailure?
    /// When what it is a part of was first refused.
    fileprivate var refusedAt: Duration?
    fileprivate var split: Int?

    /// Whether a server that had answered before failed in the same way.
    fileprivate func isFirm(_ failure: EmbeddingFailure) -> Bool { firm?.looks(like: failure) ?? false }
  }

  /// What is done about a failed request.
  enum Verdict {
    /// It is sent again, as the endpoint's state allows.
    case again
    /// It is kept here until another request is answered.
    case waits
    case divide([Range<Int>])
  }

  /// What an answer decides about the requests that are kept here.
  struct Release {
    var divided: [(request: Conductor.Requested, ranges: [Range<Int>])] = []
    var again: [Conductor.Requested] = []
    var condemned: [(batch: Batch, failure: EmbeddingFailure)] = []
  }

  private struct Kept {
    var request: Conductor.Requested
    let failure: EmbeddingFailure
    /// Only an answer to what was sent from then on says that the endpoint worked.
    let since: Duration
    let isAlone: Bool
    /// Whether the probe has failed meanwhile.
    var wasOutage = false
    /// Whether its failure has been counted as proven.
    var isProven = false

    func proven(_ request: Conductor.Requested) -> Kept {
      var kept = self
      kept.request = request
      kept.isProven = true
      return kept
    }
  }

  /// With fewer answers it is not known how often requests fail by chance: as long as more will come, they are waited for.
  private static let fewAnswers = 20

  /// A request that was divided.
  private struct Split {
    let contents: Batch.Contents
    /// How many of its inputs are harmless texts.
    let harmless: Int
    let failures: Int
    let sentAt: Duration
    let reason: Reason
    /// Its parts that have not passed yet.
    var open: Int

    enum Reason {
      case refusal
      /// A reply with vectors for another number of texts.
      case count
      /// One of its inputs was named.
      case input
      case other
    }
  }

  private var kept: [Kept] = []
  private var splits: [Int: Split] = [:]
  private var splitCount = 0
  private var sizes = RefusedSizes()
  /// The first size of which nobody said that it always fails.
  private(set) var failingSize: FailingSize?
  private var answeredSince: Duration = .seconds(-1)
  private var answers = 0
  private var failuresBeforeAnswer = 0
  /// Failures that were no input's fault: the same inputs passed later, or it was the probe.
  private var mishaps = 0

  /// How often in a row the connection was lost with the probe on it: what no server at work does for long.
  private(set) var lostProbes = 0

  /// How often in a row the probe was refused, or got a reply that can't be used.
  private(set) var refusedProbes = 0

  /// Whether the endpoint has answered any request of the run.
  var hasAnswer: Bool { answers > 0 }

  /// Whether it waits for an answer and, with `isIdle`, nothing else is under way that could bring one.
  ///
  /// Lone inputs that were refused as such wait for a few of their kind, so that one probe serves them all.
  func needsProbe(isIdle: Bool) -> Bool {
    let patient = kept.count { $0.isAlone && $0.failure.refusesInputs || $0.isProven }
    return kept.count > patient || patient >= Isolation.mostPatient || isIdle && patient > 0
  }

  static let mostPatient = 3

  /// Whether a request of these contents is known to be too large.
  func isTooLarge(_ contents: Batch.Contents) -> Bool { sizes.contains(contents) }

  /// Judges a failure that neither stops the run nor was cancelled.
  mutating func failed(
    _ request: inout Conductor.Requested, _ failure: EmbeddingFailure, at now: Duration,
    using random: inout some RandomNumberGenerator
  ) -> Verdict {
    let failureClass = failure.kind.failureClass
    if failureClass.reaction == .hold {
      request.trial.holds += 1
      return request.trial.holds < failureClass.tries ? .again : keep(request, failure, since: request.sentAt)
    }
    request.trial.failures += 1
    if request.isAlone, !failure.isOfUntriedServer { request.trial.firm = failure }
    if let split = request.trial.split { splits[split] = nil }
    switch failureClass.reaction {
    case .split, .isolate:
      if failureClass.reaction == .split { sizes.add(request.batch.contents) }
      return hasAnswer ? judge(&request, failure, at: now) : keep(request, failure, since: request.sentAt)
    case .retry, .hold, .probe, .stop:
      if let suspicion = request.trial.suspicion, failure.looks(like: suspicion) {
        return goesAgain(&request, failure, using: &random) ? .again : judge(&request, failure, at: now)
      }
      guard !hasAnswer else {
        return request.trial.failures < failureClass.tries ? .again : keep(request, failure, since: request.sentAt)
      }
      // Before the first answer all requests share their tries, and who was never reached is asked once more only: a wrong
      // address is to be told within seconds.
      failuresBeforeAnswer += 1
      let tries = failure.kind == .unreachable ? min(2, failureClass.tries) : failureClass.tries
      return failuresBeforeAnswer < tries ? .again : keep(request, failure, since: request.sentAt)
    }
  }

  /// Whether a lone input goes again without an answer to another request between.
  ///
  /// Behind a balancer that gives requests to its servers in turns, one of them broken, a harmless text after each
  /// failure would keep the input with the broken one for good.
  private func goesAgain(
    _ request: inout Conductor.Requested, _ failure: EmbeddingFailure, using random: inout some RandomNumberGenerator
  ) -> Bool {
    guard request.isAlone else { return false }
    request.trial.unproven += 1
    let tried = request.trial.proven + request.trial.unproven
    guard request.trial.proven > 0, tried < provenNeeded(for: failure, request.trial) else { return false }
    // An answer first makes a connection whose failure counts.
    guard request.trial.isFirm(failure) || tried > 3 else { return false }
    return tried == 2 || Bool.random(using: &random)
  }

  /// A reply had no usable vector for some inputs of `request`, which are now asked for alone. The vectors of its other
  /// inputs are the proof that the endpoint worked; one of a single input proves nothing yet.
  static func suspicion(of request: Conductor.Requested, _ failure: EmbeddingFailure) -> Trial {
    var trial = Trial()
    trial.suspicion = failure
    trial.failures = 1
    trial.proven = request.isAlone ? 0 : 1
    trial.refusedAt = request.sentAt
    return trial
  }

  /// A request or the probe was answered.
  mutating func answered(_ request: Conductor.Requested, at now: Duration) {
    answers += 1
    sizes.answered(request.batch.contents)
    if request.isProbe { refusedProbes = 0 }
    mishaps += request.trial.failures
    answeredSince = max(answeredSince, request.sentAt)
    passed(request, at: now)
  }

  /// Decides about the requests that are kept here and whose endpoint was seen to work since.
  ///
  /// - Parameter isIdle: whether nothing is under way that could bring more answers.
  mutating func release(isIdle: Bool, at now: Duration) -> Release {
    var release = Release()
    let due = kept.filter { $0.since <= answeredSince }
    guard !due.isEmpty else { return release }
    kept.removeAll { $0.since <= answeredSince }
    for kept in due {
      var request = kept.request
      if kept.wasOutage, !kept.failure.refusesInputs {
        request.trial.failures = 0
        request.trial.holds = 0
        release.again.append(request)
      } else if !kept.isAlone, case .divide(let ranges) = judge(&request, kept.failure, at: now) {
        release.divided.append((request, ranges))
      } else {
        request.trial.suspicion = kept.failure.refusesInputs ? nil : kept.failure
        if !kept.isProven {
          request.trial.proven += max(1, request.trial.unproven)
          request.trial.unproven = 0
        }
        if request.trial.proven < provenNeeded(for: kept.failure, request.trial) {
          release.again.append(request)
        } else if kept.failure.refusesInputs || answers >= Isolation.fewAnswers || isIdle {
          release.condemned.append((request.batch, kept.failure))
        } else {
          self.kept.append(kept.proven(request))
        }
      }
    }
    return release
  }

  /// The probe failed: what failed with it is no input's fault.
  mutating func probeFailed(_ failure: EmbeddingFailure) {
    mishaps += 1
    if failure.kind.failureClass.reaction != .retry, failure.kind.failureClass.reaction != .hold { refusedProbes += 1 }
    lostProbes = failure.kind == .transient && failure.status == nil ? lostProbes + 1 : 0
    for index in kept.indices { kept[index].wasOutage = true }
  }

  /// The inputs of a request that fails although the endpoint works: what it is divided into, or kept as it stands alone.
  private mutating func judge(
    _ request: inout Conductor.Requested, _ failure: EmbeddingFailure, at now: Duration
  ) -> Verdict {
    let own = request.own
    let first = request.trial.refusedAt ?? now
    guard !request.isAlone else {
      let isSure = failure.refusesInputs && !failure.isOfUntriedServer
      return keep(request, failure, since: isSure ? first : request.sentAt, isAlone: true)
    }
    let failures = request.trial.failures
    request.trial = Trial()
    request.trial.suspicion = failure.refusesInputs ? nil : failure
    request.trial.refusedAt = first
    let middle = own.inputs.count / 2
    let bad = failure.badIndex.flatMap { request.batch.contents.input(ofText: $0) }.flatMap(request.ownInput)
    let ranges =
      if let bad {
        [0..<bad, bad..<bad + 1, bad + 1..<own.inputs.count].filter { !$0.isEmpty }
      } else if failure.kind == .tooLarge {
        own.halvesByTokens()
      } else {
        [0..<middle, middle..<own.inputs.count]
      }
    splitCount += 1
    splits[splitCount] = Split(
      contents: request.batch.contents, harmless: request.harmless.count,
      failures: failure.refusesInputs ? 0 : failures, sentAt: request.sentAt,
      reason: bad != nil ? .input : failure.isRefusal ? .refusal : failure.isOfCount ? .count : .other,
      open: ranges.count)
    request.trial.split = splitCount
    return .divide(ranges)
  }

  private mutating func keep(
    _ request: Conductor.Requested, _ failure: EmbeddingFailure, since: Duration, isAlone: Bool = false
  ) -> Verdict {
    kept.append(
      Kept(
        request: request, failure: failure, since: since,
        isAlone: isAlone || request.isAlone))
    return .waits
  }

  private mutating func passed(_ request: Conductor.Requested, at now: Duration) {
    guard let number = request.trial.split, var split = splits.removeValue(forKey: number) else { return }
    split.open -= 1
    guard split.open == 0 else {
      splits[number] = split
      return
    }
    mishaps += split.failures
    switch split.reason {
    case .input: break
    // What is refused though each of its parts passes was too large, in whatever words that was said.
    case .refusal: sizes.add(split.contents)
    case .count, .other:
      let isOfCount = split.reason == .count
      if sizes.partsPassed(of: split.contents, sentAt: split.sentAt, isOfCount: isOfCount, at: now),
        failingSize == nil
      {
        failingSize = FailingSize(
          inputs: split.contents.inputs.count - split.harmless, passing: request.own.inputs.count)
      }
    }
  }

  /// How many proven failures condemn a lone input, so that chance alone condemns one input in a billion.
  ///
  /// Of a broken server among several nobody may have had an answer: without a failure of this kind from one that had
  /// answered, it is taken that a third of all is broken.
  private func provenNeeded(for failure: EmbeddingFailure, _ trial: Trial) -> Int {
    let share = Double(mishaps) / Double(mishaps + answers)
    guard trial.isFirm(failure) else { return Isolation.tries(atShare: max(share, 1 / 3)) }
    if failure.refusesInputs { return 1 }
    if failure.isOfOneVector, mishaps == 0 { return 2 }
    return Isolation.tries(atShare: share)
  }

  private static func tries(atShare share: Double) -> Int {
    guard share > 0 else { return 3 }
    // Before the first answer nothing is known but failures.
    return share < 1 ? min(max(3, Int((-9 / log10(share)).rounded(.up))), 40) : 40
  }
}
