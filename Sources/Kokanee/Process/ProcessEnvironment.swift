internal import Glibc

/// The variables that children get.
enum ProcessEnvironment {
    /// This program's own, as `NAME=VALUE`, but for those whose names begin with a prefix that is ours to set.
    static func inherited(without prefix: String? = nil) -> [[UInt8]] {
        var variables: [[UInt8]] = []
        var next = environ
        while let variable = next.pointee {
            let bytes = Array(UnsafeRawBufferPointer(start: variable, count: strlen(variable)))
            if prefix.map({ !bytes.starts(with: $0.utf8) }) ?? true { variables.append(bytes) }
            next += 1
        }
        return variables
    }
}
