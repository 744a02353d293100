import Foundation
import TestSupport
import Testing

@testable import Monitoring

/// The metrics' names in all that names them.
struct DocumentedMetricsTests {
  @Test func `docs/monitoring.md has exactly the metrics of the code`() throws {
    let rows = try RepositoryFiles.text("docs/monitoring.md").split(separator: "\n")
      .filter { $0.hasPrefix("| `vecfill_") }.map(String.init)
    let expected = Metric.allCases.map { metric in
      let unit = metric.unit.trimmingCharacters(in: ["{", "}"])
      let labels = metric.labels.map { " `\($0)`" }.joined()
      return "| `\(metric.rawValue)` | \(metric.kind.rawValue) | \(unit) |\(labels) | \(metric.meaning) |"
    }
    #expect(rows == expected)
  }

  @Test(arguments: [
    "jobs/monitoring/alerts.yaml", "jobs/monitoring/alerts_test.yaml", "jobs/monitoring/grafana-dashboard.json",
  ])
  func `rules and dashboard name metrics that exist, by labels that they have`(_ file: String) throws {
    let text = try RepositoryFiles.text(file)
    let named = text.matches(of: /vecfill_[a-z_]+/).map { String($0.output) }
    #expect(named.count > 5)
    for name in Set(named) {
      let plain = name.hasSuffix("_bucket") ? String(name.dropLast("_bucket".count)) : name
      #expect(Metric(rawValue: plain) != nil, "\(name)")
    }
    for match in text.matches(of: /(vecfill_[a-z_]+)\{([^}]*)\}/) {
      let metric = Metric(rawValue: String(match.1).replacing(/_bucket$/, with: ""))
      let known = ["job", "model"] + (metric?.labels ?? [])
      for label in match.2.matches(of: /([a-z_]+)=/) {
        #expect(known.contains(String(label.1)), "\(match.0)")
      }
    }
  }

  @Test func `the dashboard is JSON with a query in each panel`() throws {
    let json = try JSONSerialization.jsonObject(
      with: Data(RepositoryFiles.text("jobs/monitoring/grafana-dashboard.json").utf8))
    let panels = try #require((json as? [String: Any])?["panels"] as? [[String: Any]])
    #expect(panels.count > 10)
    for panel in panels {
      let targets = try #require(panel["targets"] as? [[String: Any]])
      #expect(targets.allSatisfy { ($0["expr"] as? String)?.contains("vecfill_") == true })
    }
    #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
  }

  @Test(.enabled(if: Helper.prometheus.isUsable, "\(Helper.prometheus.missing)"))
  func `promtool finds the rules right, and each alert comes when it should`() async throws {
    for command in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]] {
      let run = try await Command.run(
        ["promtool"] + command.dropLast() + [RepositoryFiles.path("jobs/monitoring/\(command[2])")])
      #expect(run.code == 0, "\(run)")
    }
  }

  @Test func `each alert of the rules is tried`() throws {
    let tried = try RepositoryFiles.text("jobs/monitoring/alerts_test.yaml")
    for alert in try RepositoryFiles.text("jobs/monitoring/alerts.yaml").matches(of: /alert: (\w+)/) {
      #expect(tried.contains("alertname: \(alert.1)\n"), "\(alert.1)")
    }
  }
}
