import Glibc
import RdKafka
import Testing

@testable import Kokanee

/// What jobs in flight take is paid for each of them: in memory, of which `kokanee bench --rows rss-in-flight` tells, and in
/// what finds no room in the processors' caches.
@Suite("What a job in flight takes")
struct JobSizeTests {
    @Test("the scheduler's part")
    func scheduler() {
        #expect(MemoryLayout<Scheduler<JobContent>.Job>.stride == 48)
    }

    @Test("its content")
    func content() async throws {
        let fixture = try WorkerFixture()
        try await fixture.enqueue(1)
        let record = try #require(try await fixture.records(of: "q").first)
        let content = JobContent(record, runtime: try fixture.runtime())
        // In none of Swift's modules.
        typealias UsableSize = @convention(c) (UnsafeMutableRawPointer) -> Int
        let usableSize = unsafeBitCast(try #require(dlsym(nil, "malloc_usable_size")), to: UsableSize.self)
        let size = withExtendedLifetime(content) { usableSize(Unmanaged.passUnretained(content).toOpaque()) }
        // 160 bytes, as the C library has them.
        #expect(size <= 168)
    }
}
