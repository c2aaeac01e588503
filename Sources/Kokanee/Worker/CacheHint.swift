internal import CLinux

// The engine's tables are written by the thread that reads records and by those that run jobs in turn, so that nearly each
// job's places in them stand in another core's cache. Waiting for one after the other is what a small job costs most. Whoever
// is about to look at many tells the processor of them some jobs ahead, which fetches them meanwhile.

enum CacheHint {
    /// So many jobs ahead: a hint takes about as long to come true as so many small jobs do to be looked at.
    static let distance = 8
}

extension Array {
    /// An element is about to be changed, by somebody who waits for it then if it is not near.
    ///
    /// Unsafe is sound: the address is never read through, and a hint changes nothing that a program could see.
    @inline(__always)
    func willChange(_ index: Int) {
        withUnsafeBufferPointer { elements in
            guard let start = elements.baseAddress else { return }
            clinux_will_change(start + index)
        }
    }
}
