// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

// Which commit `vecfill --version` tells; scripts/package sets it, so that a build needs no git.
let commit = (Context.environment["VECFILL_COMMIT"] ?? "").filter { $0.isHexDigit || "-dirty".contains($0) }

let package = Package(
  name: "vecfill",
  products: [.executable(name: "vecfill", targets: ["vecfill"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/swhitty/FlyingFox", exact: "0.27.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto"),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl"),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq"),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
    .target(name: "CRelease", cSettings: [.define("VECFILL_COMMIT", to: commit)]),
    // Optimised in a debug build too: it is twenty times as fast, and tests and CI push megabytes through it.
    .target(name: "Tokenizer", swiftSettings: settings + [.unsafeFlags(["-O"])]),
    // As Tokenizer: thousands of whole runs are simulated on it.
    .target(name: "Backfill", dependencies: ["CCrypto"], swiftSettings: settings + [.unsafeFlags(["-O"])]),
    .target(
      name: "Configuration", dependencies: ["Backfill", .product(name: "Yams", package: "Yams")],
      swiftSettings: settings),
    .target(
      name: "Ledger", dependencies: ["Backfill", "CLinux", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: settings),
    .target(name: "Postgres", dependencies: ["Backfill", "CPostgres"], swiftSettings: settings),
    .target(name: "PgVector", dependencies: ["Backfill", "Postgres"], swiftSettings: settings),
    .target(
      name: "MessageStores",
      dependencies: [
        "Backfill", "CLinux", "PgVector", "Postgres", .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ],
      swiftSettings: settings),
    .target(
      name: "Migrations",
      dependencies: [
        "Backfill", "MessageStores", "PgVector", "Postgres", .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: settings),
    .target(
      name: "EmbeddingAPIs", dependencies: ["Backfill", "CCurl", "CLinux", "CRelease", "CZlib"],
      swiftSettings: settings),
    .target(name: "Pipeline", dependencies: ["Backfill", "Ledger"], swiftSettings: settings),
    .target(
      name: "Monitoring",
      dependencies: [
        "Backfill", "Ledger", "Pipeline",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "FlyingFox", package: "FlyingFox"),
        .product(name: "FlyingSocks", package: "FlyingFox"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "vecfill",
      dependencies: [
        "Backfill", "CCrypto", "CCurl", "CLinux", "CPostgres", "CRelease", "Configuration", "EmbeddingAPIs", "Ledger",
        "MessageStores", "Migrations", "Monitoring", "PgVector", "Pipeline", "Postgres", "Tokenizer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "FlyingFox", package: "FlyingFox"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings),
    .target(
      name: "TestSupport",
      dependencies: [
        "Backfill", "CLinux", "CPostgres",
        .product(name: "FlyingSocks", package: "FlyingFox"),
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      path: "Tests/TestSupport", swiftSettings: settings),
    .executableTarget(
      name: "embeddings-server", dependencies: ["TestSupport", "Tokenizer"], path: "Tests/EmbeddingsServerCommand",
      swiftSettings: settings),
    // As Backfill.
    .testTarget(
      name: "BackfillTests", dependencies: ["Backfill", "TestSupport"], swiftSettings: settings + [.unsafeFlags(["-O"])]
    ),
    .testTarget(name: "TokenizerTests", dependencies: ["TestSupport", "Tokenizer"], swiftSettings: settings),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "LedgerTests",
      dependencies: ["Backfill", "Ledger", "TestSupport", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: settings),
    .testTarget(name: "PostgresTests", dependencies: ["Postgres", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "MessageStoresTests", dependencies: ["MessageStores", "PgVector", "Postgres", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "MigrationsTests",
      dependencies: [
        "Backfill", "Ledger", "Migrations", "PgVector", "Postgres", "TestSupport", "vecfill",
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "EmbeddingAPIsTests", dependencies: ["CRelease", "EmbeddingAPIs", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "PipelineTests", dependencies: ["Backfill", "Ledger", "Pipeline", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "MonitoringTests",
      dependencies: [
        "Backfill", "Ledger", "Monitoring", "Pipeline", "TestSupport",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "FlyingFox", package: "FlyingFox"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "Backfill", "Configuration", "EmbeddingAPIs", "Ledger", "Migrations", "Postgres", "TestSupport",
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      exclude: ["Corpus"], swiftSettings: settings),
    .testTarget(
      name: "VecfillTests",
      dependencies: [
        "TestSupport", "Backfill", "EmbeddingAPIs", "Ledger", "MessageStores", "PgVector", "Tokenizer", "vecfill",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
  ]
)
