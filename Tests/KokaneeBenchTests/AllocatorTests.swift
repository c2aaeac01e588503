import KokaneeAllocator
import TestSupport
import Testing

@Suite("Allocator")
struct AllocatorTests {
    @Test("a program that is linked with the module allocates by jemalloc", .enabled(if: !Sanitizer.isOn))
    func isInUse() throws {
        #expect(Allocator.isInUse)
        let version = try #require(Allocator.version)
        #expect(version.split(separator: ".").allSatisfy { Int($0) != nil })
    }
}
