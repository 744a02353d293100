import Backfill

/// What libpq, which has no SQLSTATE, or a pooler says before there is a session: a retry will not help.
enum RefusalAtTheDoor: CaseIterable {
  case password
  case service
  case tls
  case channelBinding
  case unknownCertificate
  case otherHost
  case rootCertificate
  case parameter

  /// nil where `message` is none of them.
  init?(in message: String) {
    guard let found = Self.allCases.first(where: { $0.words.contains(where: message.contains) }) else { return nil }
    self = found
  }

  private var words: [String] {
    switch self {
    case .password: ["no password supplied"]
    case .service: ["definition of service", "service file"]
    case .tls: ["does not support SSL", "SSL was required"]
    case .channelBinding: ["channel binding required"]
    case .unknownCertificate: ["certificate verify failed"]
    case .otherHost: ["does not match host name"]
    case .rootCertificate: ["root certificate file"]
    case .parameter: ["unsupported startup parameter"]
    }
  }

  var exitCode: ExitCode { self == .password ? .denied : .configuration }

  /// What to do about it, where `setting` has the address.
  func remedy(_ setting: String) -> String {
    switch self {
    case .password: "give the password in \(setting), PGPASSWORD or .pgpass"
    case .service: "correct the service in \(setting), or the file that PGSERVICEFILE names"
    case .tls: "switch TLS on at the server, or take sslmode out of \(setting)"
    case .channelBinding: "take channel_binding out of \(setting), or give the role a SCRAM password"
    case .unknownCertificate: "name the file of the CA that signed it with sslrootcert=FILE in \(setting)"
    case .otherHost: "use the host that the certificate names in \(setting), or sslmode=verify-ca"
    case .rootCertificate: "name the CA's file with sslrootcert=FILE in \(setting)"
    case .parameter: "take it out of \(setting), or let the pooler ignore it (ignore_startup_parameters)"
    }
  }
}
