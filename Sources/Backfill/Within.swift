/// What `body` returns, if it ends within `time`; nil otherwise, and `body` is cancelled then.
///
/// It is waited for after it was cancelled: `body` has to end soon after that.
package func within<Value: Sendable>(
  _ time: Duration, _ body: @escaping @Sendable () async -> Value
) async -> Value? {
  await withTaskGroup(of: Value?.self) { group in
    group.addTask { await body() }
    group.addTask {
      try? await Task.sleep(for: time)
      return nil
    }
    let first = await group.next() ?? nil
    group.cancelAll()
    return first
  }
}
