import Foundation
import Testing

/// The `kokanee` that was built beside the tests.
enum BuiltTool {
    /// The path of its directory.
    static func folder() throws -> String {
        let binaries = Bundle.allBundles.map(\.bundleURL) + [URL(filePath: CommandLine.arguments[0])]
        let folders = binaries.map { $0.deletingLastPathComponent().path }
        return try #require(folders.first { FileManager.default.isExecutableFile(atPath: "\($0)/kokanee") })
    }
}
