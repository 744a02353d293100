import FlyingFox
import Foundation

/// What is answered to whom: a decision of the request alone.
struct Answers: Sendable {
  let monitor: RunMonitor

  func answer(_ request: HTTPRequest, at address: ListenAddress) -> HTTPResponse {
    guard address.accepts(hostHeader: request.headers[.host]) else {
      return Answers.plain(.misdirectedRequest, "this name is not served here: use the address\n")
    }
    guard request.method == .GET else {
      return Answers.plain(.methodNotAllowed, "only GET is answered here\n", [HTTPHeader("Allow"): "GET"])
    }
    var response = found(request.path)
    for (name, value) in Answers.always { response.headers[name] = value }
    return response
  }

  private func found(_ path: String) -> HTTPResponse {
    switch path {
    case "/":
      Answers.body(RunPage(picture: monitor.picture).document, "text/html; charset=utf-8")
    case "/now":
      Answers.body(RunPage(picture: monitor.picture).current.text, "text/html; charset=utf-8")
    case "/page.css":
      Answers.body(PageStyle.css, "text/css; charset=utf-8")
    case "/page.js":
      Answers.body(PageScript.js, "text/javascript; charset=utf-8")
    case "/metrics":
      Answers.body(PrometheusText.write(monitor.families()), PrometheusText.contentType)
    case "/healthz":
      Answers.plain(.ok, "ok\n")
    case "/readyz":
      monitor.isReady ? Answers.plain(.ok, "ready\n") : Answers.plain(.serviceUnavailable, "not ready\n")
    default:
      Answers.plain(.notFound, "not found; there are /, /metrics, /healthz and /readyz\n")
    }
  }

  /// What every answer says: nothing is kept, framed, or taken for something else.
  private static let always: [HTTPHeader: String] = [
    .cacheControl: "no-store",
    HTTPHeader("X-Content-Type-Options"): "nosniff",
    HTTPHeader("Referrer-Policy"): "no-referrer",
    HTTPHeader("Content-Security-Policy"):
      "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ]

  private static func plain(
    _ status: HTTPStatusCode, _ text: String, _ headers: [HTTPHeader: String] = [:]
  ) -> HTTPResponse {
    var all = HTTPHeaders(headers)
    all[.contentType] = "text/plain; charset=utf-8"
    return HTTPResponse(statusCode: status, headers: all, body: Data(text.utf8))
  }

  private static func body(_ text: String, _ type: String) -> HTTPResponse {
    HTTPResponse(statusCode: .ok, headers: [.contentType: type], body: Data(text.utf8))
  }
}
