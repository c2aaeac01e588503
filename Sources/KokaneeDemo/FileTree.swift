internal import Foundation
internal import Glibc

/// The files below a directory that the demo makes jobs of.
struct FileTree: Sendable {
    /// Paths of regular files, of links to them, and of links that lead nowhere, sorted.
    private(set) var paths: [String] = []
    /// Files left out, because there are too many of them or their names are not UTF-8.
    private(set) var skipped = 0

    /// - Parameters:
    ///   - limit: files at most.
    ///   - byteLimit: bytes of their paths at most: the embedded broker keeps 5 MiB a partition.
    /// - Throws: ``Demo/Failed`` where there is no such directory.
    init(below directory: String, limit: Int, byteLimit: Int) throws {
        var isDirectory: ObjCBool = false
        let root = URL(filePath: directory).standardizedFileURL.path
        guard FileManager.default.fileExists(atPath: root, isDirectory: &isDirectory), isDirectory.boolValue,
            let entries = FileManager.default.enumerator(atPath: root)
        else {
            throw Demo.Failed("there is no directory \(directory); make demo DIR=… names another")
        }
        var bytes = 0
        // The enumerator hands out names as it finds them; the first of them in their order would need all.
        while let entry = entries.nextObject() as? String {
            let path = "\(root)/\(entry)"
            guard Self.isFile(path) else { continue }
            guard paths.count < limit, bytes + path.utf8.count <= byteLimit, !entry.contains("\u{FFFD}") else {
                skipped += 1
                continue
            }
            bytes += path.utf8.count
            paths.append(path)
        }
        paths.sort()
    }

    /// Whether the path leads to a regular file, or nowhere: opening a FIFO or a device could wait for ever.
    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return true }
        return status.st_mode & S_IFMT == S_IFREG
    }
}
