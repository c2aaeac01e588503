// swift-tools-version:6.2
// What the simulator needs of the package, and no more, for builds of its own: optimised (Tests/simulate.sh), or with
// something broken on purpose (Tests/mutants.sh). They put it in the place of Package.swift.
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .define("KOKANEE_FAIL_POINTS"),
]

var targets: [Target] = [
    .systemLibrary(name: "CRdKafka", pkgConfig: "rdkafka"),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto"),
    .systemLibrary(name: "CLinux"),
    .target(name: "RdKafka", dependencies: ["CRdKafka"], swiftSettings: swiftSettings),
    .target(name: "Kokanee", dependencies: ["CCrypto", "CLinux", "RdKafka"], swiftSettings: swiftSettings),
    .target(
        name: "TestSupport",
        dependencies: ["CLinux", "RdKafka"],
        path: "Tests/TestSupport",
        swiftSettings: swiftSettings
    ),
    .testTarget(
        name: "KokaneeSimulationTests",
        dependencies: ["Kokanee", "RdKafka", "TestSupport"],
        swiftSettings: swiftSettings
    ),
]

// For mutants that only a worker on a broker can show.
if Context.environment["KOKANEE_MUTANT_TESTS"] != nil {
    targets += [
        .testTarget(name: "RdKafkaTests", dependencies: ["RdKafka", "TestSupport"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "kokanee-outputs-worker",
            dependencies: ["Kokanee", "RdKafka"],
            path: "Tests/OutputsWorker",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "KokaneeTests",
            dependencies: ["kokanee-outputs-worker", "Kokanee", "RdKafka", "TestSupport"],
            swiftSettings: swiftSettings
        ),
    ]
}

let package = Package(name: "kokanee-simulation", targets: targets)
