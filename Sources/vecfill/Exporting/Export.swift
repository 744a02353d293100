import Backfill
import EmbeddingAPIs
import Ledger
import Pipeline

/// Writes the rows that a run would send to files, and nothing to the database.
struct Export: Sendable {
  let job: Job
  let store: any MessageStore
  /// An existing one, opened for reading: what it holds is left out.
  let ledger: Ledger?
  let packer: Packer
  let line: RequestLine
  let folder: ExportFolder

  /// - Parameter progress: gets the number of rows of each page that was read.
  func run(_ progress: @Sendable (Int, _ source: String) -> Void) async throws -> ExportManifest {
    var place = await folder.manifest.next
    while let now = place {
      let source = job.sources[now.source]
      let held = try await ledger?.contents(of: source, in: store, job)
      let tag = try job.fingerprint(of: source).tag()
      var request = PageRequest(after: now.after, limit: job.pageLimit)
      request.rows = now.isOfEdited ? .edited : .missing
      repeat {
        let page = try await store.page(of: source, request)
        request.after = page.continuesAfter
        var next: ExportManifest.Place? = now
        next?.after = page.continuesAfter
        if page.continuesAfter == nil { next = behind(now) }
        let (lines, counts) = try await written(page, held, source: now.source, tag)
        try await folder.add(lines, counts, next: next)
        progress(page.messages.count, source.name)
        place = next
      } while request.after != nil
    }
    return await folder.manifest
  }

  /// What is read once the rows of a kind are at their end; nil where that is all.
  private func behind(_ place: ExportManifest.Place) -> ExportManifest.Place? {
    var next = place
    next.after = nil
    if !place.isOfEdited, job.sources[place.source].edits == .digest {
      next.isOfEdited = true
      return next
    }
    next.isOfEdited = false
    next.source += 1
    return next.source < job.sources.count ? next : nil
  }

  private func written(
    _ page: MessagePage, _ held: Ledger.ColumnContents?, source: Int, _ tag: String
  ) async throws -> (lines: [[UInt8]], counts: ExportManifest.Rows) {
    var rows = page.messages
    var condemned: [RowKey: TextDigest] = [:]
    if let held, let ledger {
      rows = try await ledger.unpaid(rows, of: held)
      condemned = try await ledger.condemned(rows.map(\.key), target: held.target)
    }
    let packed = packer.pack(MessagePage(rows, continuesAfter: nil), condemned: condemned)
    var lines: [[UInt8]] = []
    for contents in packed.contents {
      for row in contents.rows {
        let input = contents.inputs[row.input]
        let ticket = RowTicket(
          source: source, tag: tag, key: row.key, digest: row.digest,
          weights: input.texts.count > 1 ? input.weights : [])
        lines.append(line.bytes(ticket, input.texts))
      }
    }
    var counts = ExportManifest.Rows()
    counts.exported = lines.count
    counts.blank = packed.excluded
    counts.quarantined = packed.condemned
    counts.tooLong = packed.overlong.count
    counts.unreadable = packed.garbled.count
    counts.paid = page.messages.count - rows.count
    return (lines, counts)
  }
}
