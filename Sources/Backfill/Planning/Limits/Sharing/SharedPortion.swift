/// What one claim gets of one rate.
struct SharedPortion {
  /// What one slice has: all processes' together are what the pool may have given out at a time.
  let slice: Double
  /// How much is given besides what is left of the last slice.
  var given: Double
  /// What is taken for it from what lies ready.
  let charge: Double
  /// How many seconds are missing to the next request; zero where it can be sent.
  let wait: Double
  /// How many seconds pass before it is worth to ask again.
  let pause: Double

  /// - Parameters:
  ///   - left: what is left of the last slice.
  ///   - next: what the next request takes.
  ///   - sharers: how many processes send.
  ///   - awaited: what those get first who have waited for longer.
  init(_ rate: SharedRate?, level: Double, left: Double, next: Double, sharers: Double, awaited: [Double]) {
    guard let rate else {
      (slice, given, charge, wait, pause) = (0, 0, 0, 0, 0)
      return
    }
    slice = rate.most / max(sharers, 1)
    let ready = level - awaited.reduce(0) { $0 + rate.needed(for: $1) }
    let missing = max(0, next - left)
    let needed = rate.needed(for: missing)
    wait = missing > 0 ? max(0, needed - ready) / rate.perSecond : 0
    let isOverdrawn = missing > rate.most
    given = isOverdrawn ? missing : max(missing, min(max(0, slice - left), max(0, ready)))
    charge = isOverdrawn ? rate.charge(for: missing) : given
    pause = max(0, slice / 2 - left - given) / rate.perSecond
  }
}
