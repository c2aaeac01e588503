internal import Foundation
internal import Glibc
internal import RdKafka

/// Files, beside those of the tree, with which a job's life gets interesting; in a directory of their own that is gone
/// in the end, so that nothing is ever written into the tree.
struct Hazards: Sendable {
    /// Empty files, which release 1 fails on.
    let empty: [String]
    /// Files larger than one buffer, of which release 1 hashes the beginning.
    let large: [String]
    /// What nobody can read: links that lead nowhere or in a circle, a directory, files that were deleted after their
    /// jobs were enqueued, and, unless the demo runs as root, a file without read permission.
    let broken: [String]
    /// Files that are written only after their jobs' first attempts, and those whose second attempts fail as well.
    let late: [(path: String, failures: Int)]

    private let directory: URL
    private let deletedLater: [String]

    var paths: [String] { empty + large + broken + late.map(\.path) }

    init() throws {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "kokanee-demo-\(getpid())")
        func path(_ name: String) -> String { directory.appending(path: name).path }
        func write(_ name: String, _ size: Int) throws -> String {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            try Data(bytes).write(to: URL(filePath: path(name)))
            return path(name)
        }
        self.directory = directory
        try files.createDirectory(at: directory, withIntermediateDirectories: false)
        do {
            empty = try (1...8).map { try write("empty-\($0).txt", 0) }
            large = try (1...4).map { try write("large \($0) é.bin", ($0 << 16) + 1) }
            deletedLater = try (1...3).map { try write("deleted-\($0).txt", $0) }
            late = (1...6).map { (path("late-\($0).txt"), $0 <= 3 ? 1 : 2) }
            var broken = deletedLater
            for number in 1...3 {
                try files.createSymbolicLink(atPath: path("dangling-\(number)"), withDestinationPath: path("nowhere"))
                broken.append(path("dangling-\(number)"))
            }
            try files.createSymbolicLink(atPath: path("circle"), withDestinationPath: path("circle"))
            try files.createDirectory(atPath: path("directory"), withIntermediateDirectories: false)
            broken += [path("circle"), path("directory")]
            if geteuid() != 0 {
                let secret = try write("secret.txt", 1)
                try files.setAttributes([.posixPermissions: 0], ofItemAtPath: secret)
                broken.append(secret)
            }
            self.broken = broken
        } catch {
            try? files.removeItem(at: directory)
            throw error
        }
    }

    /// To be called once the jobs are enqueued.
    func deleteFiles() throws {
        for path in deletedLater { try FileManager.default.removeItem(atPath: path) }
    }

    /// Writes the late files whose jobs have failed often enough.
    ///
    /// - Parameter failures: failed attempts by path.
    func writeLateFiles(after failures: [String: Int]) throws {
        for (path, enough) in late where failures[path, default: 0] >= enough {
            guard !FileManager.default.fileExists(atPath: path) else { continue }
            try Data("better late than never\n".utf8).write(to: URL(filePath: path), options: .atomic)
        }
    }

    /// Writes a client's properties for the command line's `-F`.
    ///
    /// - Returns: the file's path.
    func write(_ client: ClientConfiguration) throws -> String {
        let lines = client.properties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
        let file = directory.appending(path: "client.properties")
        try Data(lines.joined().utf8).write(to: file)
        return file.path
    }

    func remove() {
        try? FileManager.default.removeItem(at: directory)
    }
}
