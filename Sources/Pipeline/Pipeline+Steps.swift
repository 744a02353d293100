import Backfill
import Foundation
import Ledger

extension Pipeline {
  /// Sends the requests that are ordered, side by side, until the orders end.
  func carryOut(_ orders: AsyncStream<RequestOrder>, _ inbox: AsyncStream<Signal>.Continuation) async {
    await withDiscardingTaskGroup { requests in
      for await order in orders {
        switch order {
        case .send(let batch, let reservation):
          requests.addTask { inbox.yield(await request(batch, reservation: reservation)) }
        case .cancelAll:
          requests.cancelAll()
        }
      }
    }
  }

  /// One request, from its entry in the ledger to its reply's.
  private func request(_ batch: Batch, reservation: Double?) async -> Signal {
    do {
      try await ledger.requested(batch, target: begun.targets[batch.source], reservation: reservation)
      do {
        let sent = clock.now
        var reply = try await embedder.embed(batch.contents.texts)
        let latency = clock.now - sent
        reply.billedTokens = batch.contents.trusted(reply.billedTokens)
        reply.vectors = batch.contents.joined(reply.vectors)
        let billed = reply.billedTokens ?? batch.contents.tokenCount
        try await ledger.received(reply, to: batch, cost: job.model.cost(ofTokens: billed), at: Date())
        let rows = batch.contents.rows.embedded(by: reply.vectors)
        let receipt = Conductor.Receipt(billedTokens: billed, rateLimits: reply.rateLimits, latency: latency)
        return .reply(batch, rows, receipt)
      } catch let failure as EmbeddingFailure {
        onFailure(failure)
        try await ledger.failed(batch, failure)
        return .event(.requestFailed(batch.id, failure))
      }
    } catch {
      return .event(.broken(failure(error, ledger.path)))
    }
  }

  func page(of source: Int, after key: RowKey?) async -> Conductor.Event {
    let table = job.sources[source]
    do {
      var request = PageRequest(after: key, limit: job.pageLimit)
      var page = try await store.page(of: table, request)
      while page.messages.isEmpty, let next = page.continuesAfter {
        request.after = next
        page = try await store.page(of: table, request)
      }
      let messages = page.messages
      let condemned = try await ledger.condemned(messages.map(\.key), target: begun.targets[source])
      return .pageRead(packer.pack(messages, condemned: condemned))
    } catch {
      return .pageFailed(failure(error, table.name))
    }
  }

  /// Writes what was just received, and what only the spool holds.
  func write(_ received: [(BatchID, [EmbeddedRow]?)], to source: Int) async -> Conductor.Event {
    let table = job.sources[source]
    do {
      var rows: [EmbeddedRow] = []
      for (id, kept) in received {
        if let kept { rows += kept } else { rows += try await ledger.spooled(id) }
      }
      let matched = try await store.write(rows, to: table).written
      return .written(received.map(\.0), rows: rows.count, matched: matched.count)
    } catch {
      return .writeFailed(failure(error, table.name))
    }
  }

  func record(_ entry: () async throws -> Void) async -> Conductor.Event {
    do {
      try await entry()
      return .settled
    } catch {
      return .broken(failure(error, ledger.path))
    }
  }

  func failure(_ error: any Error, _ subject: String) -> Failure {
    error as? Failure
      ?? Failure(
        .unavailable, subject, "it failed with \(type(of: error))", remedy: "run the same command again to go on")
  }
}
