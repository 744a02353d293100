import Backfill
import Foundation

extension JobConfiguration {
  /// Whether the job's processes share the limits and the budget with others.
  package var share: SharePlace { values.choice(.share) ?? .none }

  /// Whose limits are shared: the host that is called, and the model. It needs no key.
  package func pool() throws(Failure) -> String {
    let address = values.text(catalogueProvider.format == .azure ? .endpoint : .baseURL)
    let url = address.flatMap { URLComponents(string: $0) }
    let usual = ["https": 443, "http": 80][url?.scheme?.lowercased() ?? ""]
    let port = url?.port.flatMap { $0 == usual ? nil : String($0) }
    let host = [url?.host?.lowercased(), port].compactMap(\.self).joined(separator: ":")
    return "\(host.isEmpty ? catalogueProvider.name : host) \(try model().name)"
  }
}
