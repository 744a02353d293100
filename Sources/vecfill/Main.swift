import ArgumentParser
import Backfill
import Foundation

@main
enum Main {
  static func main() async {
    // A reader that goes away, as in `vecfill status | head`, is an error of that write and not of the run.
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try Vecfill.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      Console.standard.log("vecfill: \(failure)")
      exit(failure.exitCode.rawValue)
    } catch {
      Vecfill.exit(withError: error)
    }
  }
}
