import ArgumentParser
import Backfill
import CCrypto
import Configuration
import Foundation

@main
enum Main {
  static func main() async {
    // A reader that goes away, as in `vecfill status | head`, is an error of that write and not of the run.
    signal(SIGPIPE, SIG_IGN)
    keepLibcrypto()
    openStandardStreams()
    do {
      var command = try parsed()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      try StandardOutput.check()
    } catch  where error is ArgumentParser.ExitCode || Vecfill.exitCode(for: error) != .failure {
      // What the parser itself throws, a request for help among it.
      do { try end(withUsage: error) } catch { end(with: error) }
    } catch {
      if let failure = Failure.of(error) { end(with: failure) }
      // What another error says of itself may hold anything (P10).
      end(
        with: Failure(
          .unavailable, "vecfill", "it failed with \(type(of: error))", remedy: "run the same command again to go on"))
    }
  }

  /// Keeps libcrypto from freeing its tables while the process ends: a thread that still uses them would crash.
  private static func keepLibcrypto() {
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
  }

  /// Opens those of the standard streams that are closed, so that no file and no connection gets their number: messages
  /// would be written into it.
  private static func openStandardStreams() {
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) == -1 { _ = open("/dev/null", O_RDWR) }
  }

  /// The command that the arguments are; ends the process where they are none, or ask for help.
  ///
  /// The parser quotes what it doesn't understand, which may be an address with its password.
  private static func parsed() throws -> any ParsableCommand {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let mayHoldSecret = arguments.contains(where: SecretKeys.looksSecret)
    // Asked for the help of what is no command, the parser gives that of all.
    if arguments.first == "help", !mayHoldSecret,
      let failure = UnknownCommand.failure(in: Array(arguments.dropFirst()))
    {
      throw failure
    }
    do {
      return try Vecfill.parseAsRoot()
    } catch {
      guard mayHoldSecret, !Vecfill.exitCode(for: error).isSuccess else {
        if let failure = UnknownCommand.failure(in: arguments) { throw failure }
        try end(withUsage: error)
      }
      throw Failure(
        .usage, "command line", "it could not be understood, and holds what looks like a password or a key",
        remedy: "other users can see a command line: set it in the environment or in .env, and see `vecfill help`")
    }
  }

  /// Ends the process with the help that was asked for; throws a `Failure` where the arguments are wrong.
  private static func end(withUsage error: any Error) throws(Failure) -> Never {
    let isHelp = Vecfill.exitCode(for: error).isSuccess || error is ArgumentParser.ExitCode
    guard !isHelp else { Vecfill.exit(withError: error) }
    throw UsageFailure.failure(of: error, in: Array(CommandLine.arguments.dropFirst()))
  }

  private static func end(with failure: Failure) -> Never {
    Console.standard.tell(failure)
    exit(failure.exitCode.rawValue)
  }
}
