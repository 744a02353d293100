import Foundation

/// What `vecfill config` prints: every setting's value and where it comes from.
package struct SettingsReport {
  private let settings: [Setting]

  package init(_ settings: [Setting]) {
    self.settings = settings
  }

  /// A table of three columns; a value that is very long pushes its origin aside and is never cut.
  package var table: String {
    let rows = settings.map { setting in
      [setting.key, setting.value.map { "\($0)" } ?? "-", setting.value == nil ? "not set" : "\(setting.origin)"]
    }
    return TextTable(
      header: ["SETTING", "VALUE", "FROM"], rows: rows, alignments: [.left, .left, .left], cellWidth: 56
    ).description
  }

  /// One object, `{"settings": [{"key", "value", "layer", "origin"}]}`, with typed values.
  package func json() throws -> String {
    try JSONReport.text(["settings": settings])
  }
}
