extension Duration {
  /// As a person says it: "1 s", "97 s", "16 min", "3.5 h".
  var rough: String {
    let seconds = max(1, Int((self / .seconds(1)).rounded(.up)))
    switch seconds {
    case ..<120: return "\(seconds) s"
    case ..<7200: return "\((seconds + 59) / 60) min"
    default:
      let tenths = (seconds + 359) / 360
      return "\(tenths / 10).\(tenths % 10) h"
    }
  }
}
