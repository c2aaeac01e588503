import Foundation

/// The target that `KOKANEE_FUZZ_TARGET` names; an argument would not reach the processes that libFuzzer starts.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["KOKANEE_FUZZ_TARGET"]
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        let names = FuzzTarget.all.map(\.name).joined(separator: " ")
        fatalError("KOKANEE_FUZZ_TARGET is one of: \(names)")
    }
    return target
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    do {
        try target.run(Array(UnsafeBufferPointer(start: data, count: size)))
    } catch {
        fatalError("\(target.name): \(error)")
    }
    return 0
}
