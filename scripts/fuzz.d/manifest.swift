// What scripts/fuzz adds to the package: its own targets instrumented, without tests, and the fuzzer.
package.targets.removeAll { $0.type == .test || $0.type == .executable || $0.name == "TestSupport" }
package.products = []
for target in package.targets where target.type == .regular && target.name != "CRelease" {
  target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=fuzzer,address"])]
}
package.targets += [
  .systemLibrary(name: "CFuzzer", path: "fuzz.d/CFuzzer"),
  .target(
    name: "FuzzTargets",
    dependencies: [
      "Backfill", "Configuration", "EmbeddingAPIs", "Ledger", "Migrations", "Postgres",
      .product(name: "GRDB", package: "GRDB.swift"),
    ],
    path: "Tests/FuzzTests/Targets", swiftSettings: settings),
  .executableTarget(
    name: "fuzz", dependencies: ["CFuzzer", "FuzzTargets"], path: "fuzz.d", exclude: ["CFuzzer", "manifest.swift"],
    swiftSettings: settings,
    linkerSettings: [
      .unsafeFlags(["-sanitize=address", Context.environment["VECFILL_FUZZER_LIBRARY"] ?? "", "-lstdc++"])
    ]),
]
