#if KOKANEE_JEMALLOC
    internal import CJemalloc
    internal import Glibc
#endif

/// jemalloc, in the place of the C library's `malloc`: for the whole process, librdkafka's memory and Swift's.
///
/// A program gets it by depending on this module's product; nothing has to be called. A record's memory is made by
/// librdkafka's threads and freed by those that ran the job, which the C library's allocator takes locks for: with
/// jemalloc a worker gets through about a quarter more small jobs on the same processors (docs/performance.md). `Kokanee`
/// itself doesn't bring it, because a program's allocator is the program's choice.
///
/// A sanitizer brings an allocator too, and the two don't go together: a package that is built with `KOKANEE_SANITIZER=1` in
/// the environment leaves jemalloc out.
public enum Allocator {
    /// Whether jemalloc is what allocates.
    public static var isInUse: Bool {
        #if KOKANEE_JEMALLOC
            let before = allocated
            guard let memory = malloc(1 << 20) else { return false }
            defer { free(memory) }
            // Asked about, or a compiler may leave it out.
            return malloc_usable_size(memory) >= 1 << 20 && allocated - before >= 1 << 20
        #else
            return false
        #endif
    }

    /// jemalloc's version, such as `5.3.0`; nil where it is not in use.
    public static var version: String? {
        #if KOKANEE_JEMALLOC
            guard isInUse else { return nil }
            var text: UnsafePointer<CChar>?
            var size = MemoryLayout.size(ofValue: text)
            guard mallctl("version", &text, &size, nil, 0) == 0, let text else { return nil }
            // Its build follows: 5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c.
            return String(cString: text).split(separator: "-").first.map(String.init)
        #else
            return nil
        #endif
    }

    #if KOKANEE_JEMALLOC
        /// By this thread, so far, in bytes.
        private static var allocated: UInt64 {
            var bytes: UInt64 = 0
            var size = MemoryLayout.size(ofValue: bytes)
            return mallctl("thread.allocated", &bytes, &size, nil, 0) == 0 ? bytes : 0
        }
    #endif
}
