internal import Glibc

/// The variables that children get.
enum ProcessEnvironment {
    /// This program's own, as `NAME=VALUE`, but for those that begin with one of some prefixes that are ours to set.
    static func inherited(without prefixes: [String] = []) -> [[UInt8]] {
        var variables: [[UInt8]] = []
        var next = environ
        while let variable = next.pointee {
            let bytes = Array(UnsafeRawBufferPointer(start: variable, count: strlen(variable)))
            if !prefixes.contains(where: { bytes.starts(with: $0.utf8) }) { variables.append(bytes) }
            next += 1
        }
        return variables
    }
}
