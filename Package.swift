// swift-tools-version:6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Places where tests kill the process or fail a step: Sources/Kokanee/FailPoints.
    .define("KOKANEE_FAIL_POINTS", .when(configuration: .debug)),
]

// `make fuzz` builds the fuzz targets into a program of libFuzzer's, which has a main of its own: the tool is a
// library to it. Everywhere else the same targets are a test that replays their corpus.
let isFuzzing = Context.environment["KOKANEE_FUZZ"] != nil
// A sanitizer and jemalloc would each free what the other has allocated: Tests/Sanitizers/run.sh sets this.
let hasJemalloc = !isFuzzing && Context.environment["KOKANEE_SANITIZER"] == nil
let fuzzTargets: Target =
    isFuzzing
    ? .executableTarget(
        name: "kokanee-fuzz",
        dependencies: ["kokanee", "Kokanee", "RdKafka", "CRdKafka"],
        path: "Tests/Fuzz",
        exclude: ["Corpus", "Dictionaries", "fuzz.sh", "Replay"],
        swiftSettings: swiftSettings
    )
    : .testTarget(
        name: "FuzzTests",
        dependencies: ["kokanee", "Kokanee", "RdKafka", "CRdKafka", "TestSupport"],
        path: "Tests/Fuzz",
        exclude: ["Corpus", "Dictionaries", "fuzz.sh", "Fuzzer"],
        swiftSettings: swiftSettings
    )
let tool: Target =
    isFuzzing
    ? .target(
        name: "kokanee",
        dependencies: ["CGetopt", "Kokanee", "KokaneeBench", "RdKafka"],
        exclude: ["Main.swift"],
        swiftSettings: swiftSettings
    )
    : .executableTarget(
        name: "kokanee",
        dependencies: ["CGetopt", "Kokanee", "KokaneeBench", "RdKafka"],
        swiftSettings: swiftSettings
    )
let executables: [Product] =
    isFuzzing
    ? []
    : [
        .executable(name: "kokanee", targets: ["kokanee"]),
        .executable(name: "kokanee-demo", targets: ["KokaneeDemo"]),
    ]

let package = Package(
    name: "kokanee",
    products: [
        .library(name: "RdKafka", targets: ["RdKafka"]),
        .library(name: "Kokanee", targets: ["Kokanee"]),
        .library(name: "KokaneeAllocator", targets: ["KokaneeAllocator"]),
    ] + executables,
    targets: [
        fuzzTargets,
        tool,
        .systemLibrary(name: "CRdKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .target(
            name: "KokaneeAllocator",
            dependencies: hasJemalloc ? ["CJemalloc"] : [],
            swiftSettings: swiftSettings + (hasJemalloc ? [.define("KOKANEE_JEMALLOC")] : [])
        ),
        .systemLibrary(name: "CGetopt"),
        .systemLibrary(name: "CLinux"),
        .target(name: "RdKafka", dependencies: ["CRdKafka"], swiftSettings: swiftSettings),
        .target(name: "Kokanee", dependencies: ["CCrypto", "CLinux", "RdKafka"], swiftSettings: swiftSettings),
        // The C loops that `kokanee bench` measures beside; -O2 in a release build, as all C targets.
        .target(name: "CBaseline", dependencies: ["CRdKafka"]),
        .target(
            name: "KokaneeBench",
            dependencies: ["CBaseline", "CLinux", "Kokanee", "KokaneeAllocator", "RdKafka"],
            swiftSettings: swiftSettings
        ),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .executableTarget(
            name: "KokaneeDemo",
            dependencies: ["CCrypto", "Kokanee", "RdKafka"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "TestSupport",
            dependencies: ["CLinux", "RdKafka"],
            path: "Tests/TestSupport",
            swiftSettings: swiftSettings
        ),
        // Tests kill it.
        .executableTarget(
            name: "kokanee-outputs-worker",
            dependencies: ["Kokanee", "RdKafka"],
            path: "Tests/OutputsWorker",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "kokanee-noop-worker",
            dependencies: ["Kokanee", "KokaneeAllocator", "RdKafka"],
            path: "Tests/Benchmarks/NoopWorker",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "kokanee-json-bench",
            dependencies: ["Kokanee", "RdKafka"],
            path: "Tests/Benchmarks/JSON",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "kokanee-instructions",
            dependencies: ["Kokanee", "KokaneeAllocator", "RdKafka"],
            path: "Tests/Benchmarks/Instructions",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "kokanee-peer",
            dependencies: ["Kokanee", "KokaneeAllocator", "RdKafka"],
            path: "Tests/Benchmarks/Peers/Kokanee",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "RdKafkaTests",
            dependencies: ["CRdKafka", "RdKafka", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KokaneeTests",
            // The tests run the worker as a process: it is a dependency so that it is built before them.
            dependencies: ["kokanee-outputs-worker", "Kokanee", "RdKafka", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KokaneeBenchTests",
            dependencies: ["kokanee", "Kokanee", "KokaneeAllocator", "KokaneeBench", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KokaneeSimulationTests",
            dependencies: ["Kokanee", "RdKafka", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KokaneeIntegrationTests",
            // The tests run the tool as a process: it is a dependency so that it is built before them.
            dependencies: ["kokanee", "Kokanee", "RdKafka", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KokaneeCLITests",
            dependencies: ["kokanee", "Kokanee", "RdKafka", "TestSupport"],
            swiftSettings: swiftSettings
        ),
    ]
)
