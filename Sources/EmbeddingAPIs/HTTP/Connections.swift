import CCurl

/// Which of a loop's connections have brought a reply that could be used.
///
/// Behind a balancer each connection may lead to another server. What fails on one that has answered before fails because
/// of the request, or by chance; what fails on any other may fail because its server is broken.
struct Connections: Sendable {
  /// A connection's number, which no later one has, by its local port.
  private var numbers: [Int: Int] = [:]
  private var count = 0
  private var proven: Set<Int> = []

  /// The number of the connection that a transfer has used, and whether an earlier reply over it could be used.
  mutating func use(_ used: (port: Int, isNew: Bool)?, endedWith code: CURLcode) -> (number: Int?, isProven: Bool) {
    guard let used else { return (nil, false) }
    // A connection that was kept was lost, and libcurl has made another before it gave up.
    let wasKept = code == CURLE_SEND_FAIL_REWIND
    if !used.isNew, let number = numbers[used.port] { return (number, wasKept || proven.contains(number)) }
    if let former = numbers[used.port] { proven.remove(former) }
    count += 1
    numbers[used.port] = count
    return (count, wasKept)
  }

  /// A reply that came over the connection of this number could be used.
  mutating func prove(_ number: Int) { if numbers.values.contains(number) { proven.insert(number) } }
}
