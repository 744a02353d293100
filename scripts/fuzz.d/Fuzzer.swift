import CFuzzer
import Foundation
import FuzzTargets

/// Feeds the target that VECFILL_FUZZ_TARGET names; the arguments are libFuzzer's.
@main enum Fuzzer {
  static let target = ProcessInfo.processInfo.environment["VECFILL_FUZZ_TARGET"].flatMap(FuzzTarget.init(rawValue:))

  static func main() {
    guard target != nil else {
      print(FuzzTarget.allCases.map(\.rawValue).joined(separator: "\n"))
      return
    }
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    exit(
      LLVMFuzzerRunDriver(&count, &arguments) { start, count in
        guard let broken = Fuzzer.target?.check(Array(UnsafeBufferPointer(start: start, count: count))) else {
          return 0
        }
        FileHandle.standardError.write(Data("broken: \(broken)\n".utf8))
        abort()
      })
  }
}
