/// Google's codes of what went wrong, as `google.rpc.Status` has them, where a reply gives the number alone.
enum RPCStatus: Int {
  case cancelled = 1
  case unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied, resourceExhausted
  case failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable, dataLoss, unauthenticated

  /// As Google spells it, in lower case, e.g. "resource_exhausted".
  var name: String {
    "\(self)".reduce(into: "") { name, character in
      name += character.isUppercase ? "_\(character.lowercased())" : "\(character)"
    }
  }

  /// The HTTP status that the synchronous API answers with.
  var httpStatus: Int {
    switch self {
    case .cancelled: 499
    case .invalidArgument, .failedPrecondition, .outOfRange: 400
    case .unauthenticated: 401
    case .permissionDenied: 403
    case .notFound: 404
    case .alreadyExists, .aborted: 409
    case .resourceExhausted: 429
    case .unimplemented: 501
    case .unavailable: 503
    case .deadlineExceeded: 504
    case .unknown, .internal, .dataLoss: 500
    }
  }
}
