import Backfill
import Foundation

extension EmbeddingsServer.BatchDesk.File {
  var json: JSONValue {
    .object([
      "id": .string(id), "object": .string("file"), "bytes": .integer(content?.count ?? 0),
      "created_at": .integer(createdAt), "filename": .string(name), "purpose": .string("batch"),
    ])
  }
}

extension EmbeddingsServer.BatchDesk.Batch {
  var json: JSONValue {
    switch dialect {
    case .openAI: openAI
    case .mistral: mistral
    case .gemini: gemini
    }
  }

  private var openAI: JSONValue {
    let (done, failed) = counts
    return .object([
      "id": .string(id), "object": .string("batch"), "endpoint": .string("/v1/embeddings"), "errors": errors,
      "input_file_id": .string(inputFile), "completion_window": .string("24h"), "status": .string(status),
      // Some have an empty text for none.
      "output_file_id": outputFile.map(JSONValue.string) ?? .string(""),
      "error_file_id": errorFile.map(JSONValue.string) ?? .null, "created_at": .integer(createdAt),
      "request_counts": .object([
        "total": .integer(lines.count), "completed": .integer(done), "failed": .integer(failed),
      ]), "metadata": metadata,
    ])
  }

  private var mistral: JSONValue {
    let names = [
      "validating": "QUEUED", "completed": "SUCCESS", "failed": "FAILED", "expired": "TIMEOUT_EXCEEDED",
      "cancelling": "CANCELLATION_REQUESTED", "cancelled": "CANCELLED",
    ]
    let (done, failed) = counts
    let errors: [JSONValue] =
      if case .object(let faults) = errors, case .array(let list) = faults["data"] {
        list.map { .object(["message": $0.member("message"), "count": .integer(1)]) }
      } else { [] }
    return .object([
      "id": .string(id), "object": .string("batch"), "endpoint": .string("/v1/embeddings"),
      "input_files": .array([.string(inputFile)]), "status": .string(names[status] ?? "RUNNING"),
      "output_file": outputFile.map(JSONValue.string) ?? .null, "error_file": errorFile.map(JSONValue.string) ?? .null,
      "created_at": .integer(createdAt), "total_requests": .integer(lines.count),
      "completed_requests": .integer(done + failed), "succeeded_requests": .integer(done),
      "failed_requests": .integer(failed), "metadata": metadata, "errors": .array(errors),
    ])
  }

  private var gemini: JSONValue {
    let names = [
      "validating": "PENDING", "completed": "SUCCEEDED", "failed": "FAILED", "expired": "EXPIRED",
      "cancelled": "CANCELLED",
    ]
    let (done, failed) = counts
    // Numbers of 64 bits are texts, and zeros are left out.
    let stats = [("requestCount", lines.count), ("successfulRequestCount", done), ("failedRequestCount", failed)]
    let created = Date(timeIntervalSince1970: TimeInterval(createdAt)).formatted(.iso8601)
    let output = outputFile.map { JSONValue.object(["responsesFile": .string("files/\($0)")]) }
    var metadata: [String: JSONValue] = [
      "@type": .string("type.googleapis.com/google.ai.generativelanguage.v1main.EmbedContentBatch"),
      "name": .string("batches/\(id)"), "displayName": self.metadata,
      "inputConfig": .object(["fileName": .string("files/\(inputFile)")]),
      "createTime": .string(created.replacing("Z", with: ".123456789Z")),
      "batchStats": .object(
        Dictionary(stats.filter { $0.1 > 0 }.map { ($0.0, .string("\($0.1)")) }) { first, _ in first }),
      "state": .string("BATCH_STATE_\(names[status] ?? "RUNNING")"),
    ]
    metadata["output"] = output
    var operation: [String: JSONValue] = ["name": .string("batches/\(id)"), "metadata": .object(metadata)]
    if hasEnded { operation["done"] = .boolean(true) }
    switch status {
    case "completed": operation["response"] = output
    case "failed": operation["error"] = geminiError
    case "cancelled": operation["error"] = .object(["code": .integer(1), "message": .string("It was cancelled.")])
    default: break
    }
    return .object(operation)
  }

  private var geminiError: JSONValue {
    guard case .failed(let code) = ending else { return .null }
    let isOver = code == "token_limit_exceeded"
    let message = isOver ? "Quota exceeded." : "\(code): line 1 can't be processed: \(lines.first?.texts.first ?? "")"
    return .object(["code": .integer(isOver ? 8 : 3), "message": .string(message)])
  }

  private var counts: (done: Int, failed: Int) {
    guard hasEnded, status != "failed" else { return (0, 0) }
    let done = lines.count { !$0.texts.isEmpty }
    return (done, lines.count - done)
  }

  private var errors: JSONValue {
    guard status == "failed", case .failed(let code) = ending else { return .null }
    let message =
      code == "token_limit_exceeded"
      ? "Enqueued token limit reached for text-embedding-3-small in organization org-1. Limit: 3,000,000 enqueued tokens."
      : "This line can't be processed: \(lines.first?.texts.first ?? "")"
    let fault: JSONValue = .object([
      "code": .string(code), "message": .string(message), "param": .null, "line": .integer(1),
    ])
    return .object(["object": .string("list"), "data": .array([fault])])
  }
}

extension JSONValue {
  func member(_ name: String) -> JSONValue {
    if case .object(let members) = self { members[name] ?? .null } else { .null }
  }

  var asText: String? { if case .string(let text) = self { text } else { nil } }
}
