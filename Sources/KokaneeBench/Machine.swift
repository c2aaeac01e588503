internal import CBaseline
internal import Glibc
internal import KokaneeAllocator

/// Where the numbers come from: without it they say nothing.
package struct Machine: Sendable {
    package let processor: String
    package let cores: Int
    package let kernel: String
    package let librdkafka: String
    package let allocator: String
    package let swift: String
    /// Runnable threads over the last minute, before anything was measured.
    package let load: Double

    package init() {
        let lines = Self.text("/proc/cpuinfo").split(separator: "\n")
        let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").dropFirst().first
        processor = model.map { String($0.drop { $0 == " " }) } ?? "unknown processor"
        cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        kernel = Self.text("/proc/sys/kernel/osrelease").split(separator: "\n").first.map(String.init) ?? "unknown"
        librdkafka = String(cString: cbaseline_librdkafka_version())
        allocator = Allocator.version.map { "jemalloc \($0)" } ?? "the C library's allocator"
        swift = Self.compiler
        load = Self.text("/proc/loadavg").split(separator: " ").first.flatMap { Double($0) } ?? 0
    }

    /// Others at work take from what is measured.
    package var isBusy: Bool { load > 0.25 * Double(cores) }

    package var description: String {
        "\(processor), \(cores) cores, Linux \(kernel), librdkafka \(librdkafka), \(allocator), Swift \(swift), load \(load)"
    }

    private static var compiler: String {
        #if swift(>=6.4)
            "6.4 or later"
        #elseif swift(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    /// A file of /proc; empty where it can't be read.
    private static func text(_ path: String) -> String {
        ProcFile.text(path)
    }
}

/// Reads files of /proc, which have no size.
enum ProcFile {
    static func text(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A line of /proc/self/status such as `VmHWM:  1234 kB`, in bytes.
    static func memory(_ name: String) -> Double {
        let line = text("/proc/self/status").split(separator: "\n").first { $0.hasPrefix("\(name):") }
        let kibibytes = line?.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Double($0) }
        return (kibibytes ?? 0) * 1024
    }
}
