import Foundation

/// A lookup of "localhost" that blocks for ever, in a process that is started with `environment`: a library that takes
/// getaddrinfo's place there, made by the system's C compiler.
package final class BlockedResolver: Sendable {
  private let folder: TemporaryFolder
  private let library: PreloadedLibrary

  package init() throws {
    folder = try TemporaryFolder()
    try Data(Self.source.utf8).write(to: URL(fileURLWithPath: folder.file("resolver.c")))
    library = try PreloadedLibrary(of: folder.file("resolver.c"))
  }

  package var environment: [String: String] {
    library.environment.merging(["VECFILL_TEST_BLOCKED_RESOLVER": folder.path]) { own, _ in own }
  }

  /// From now on a lookup blocks.
  package func block() throws { try Data().write(to: URL(fileURLWithPath: folder.file("block"))) }

  /// Whether a lookup has blocked.
  package var hasBlocked: Bool { FileManager.default.fileExists(atPath: folder.file("blocked")) }

  private static let source = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <fcntl.h>
    #include <netdb.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>

    typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
      const char *folder = getenv("VECFILL_TEST_BLOCKED_RESOLVER");
      char path[4096];
      if (folder && name && strcmp(name, "localhost") == 0) {
        snprintf(path, sizeof path, "%s/block", folder);
        if (access(path, F_OK) == 0) {
          snprintf(path, sizeof path, "%s/blocked", folder);
          close(open(path, O_CREAT | O_WRONLY, 0600));
          for (;;) pause();
        }
      }
      return ((lookup *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
    }
    """
}
