/// Where a job belongs in a distributed trace, after W3C Trace Context: what `traceparent` and `tracestate` say.
///
/// A job's record carries it unchanged through every hop, so that all attempts have the same parent. Kokanee records no
/// spans and decides nothing about sampling: it hands the context on, for whatever does.
public struct TraceContext: Sendable, Hashable {
    /// That of the work that runs now: jobs that a ``JobClient`` enqueues inside it belong to the trace. Around handlers
    /// ``TracingMiddleware`` sets it.
    @TaskLocal public static var current: TraceContext?

    private let traceHigh: UInt64
    private let traceLow: UInt64
    private let span: UInt64
    private let flags: UInt8
    /// What tracing systems add for themselves, as they spelt it; nil where there is none, or it is malformed.
    public private(set) var state: String?

    /// 32 hexadecimal digits.
    public var traceID: String { Self.hex(traceHigh, 16) + Self.hex(traceLow, 16) }
    /// Of the span that enqueued the job, or that runs: 16 hexadecimal digits.
    public var spanID: String { Self.hex(span, 16) }
    public var isSampled: Bool { flags & 1 != 0 }
    /// The value of `traceparent`, in the version 00.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(Self.hex(UInt64(flags), 2))" }

    /// Reads what stands in `traceparent` and `tracestate`; nil where the first is not valid, as the specification
    /// demands. A version above 00 is read as far as 00 goes.
    public init?(_ traceparent: String, state: String? = nil) {
        let text = Array(traceparent.utf8)
        guard text.count >= 55, text[2] == Self.dash, text[35] == Self.dash, text[52] == Self.dash,
            let version = Self.number(text[0..<2]), version != 0xFF,
            text.count == 55 || version > 0 && text[55] == Self.dash,
            let high = Self.number(text[3..<19]), let low = Self.number(text[19..<35]), high | low != 0,
            let span = Self.number(text[36..<52]), span != 0,
            let flags = Self.number(text[53..<55])
        else { return nil }
        traceHigh = high
        traceLow = low
        self.span = span
        self.flags = UInt8(flags)
        self.state = state.flatMap { Self.isState($0) ? $0 : nil }
    }

    private init(_ high: UInt64, _ low: UInt64, _ span: UInt64, _ flags: UInt8, _ state: String?) {
        (traceHigh, traceLow, self.span, self.flags, self.state) = (high, low, span, flags, state)
    }

    /// A new trace, which is not sampled: nobody has decided that it is.
    public static func root() -> TraceContext {
        TraceContext(.random(in: 1...UInt64.max), .random(in: 0...UInt64.max), .random(in: 1...UInt64.max), 0, nil)
    }

    /// A new span of the same trace. Of the flags it keeps those that have a meaning: sampled, and a random trace id.
    public func child() -> TraceContext {
        TraceContext(traceHigh, traceLow, .random(in: 1...UInt64.max), flags & 0b11, state)
    }

    static let parentHeader = "traceparent"
    static let stateHeader = "tracestate"

    private static let dash = UInt8(ascii: "-")

    /// Lower case only, as the specification has it.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    private static func hex(_ number: UInt64, _ count: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: count - digits.count) + digits
    }

    /// A list of at most 32 `key=value`, of printable ASCII; of no more than a record's header keeps.
    private static func isState(_ text: String) -> Bool {
        let members = text.utf8.split(separator: UInt8(ascii: ","))
        return text.utf8.count <= Envelope.longestName && (1...32).contains(members.count)
            && members.allSatisfy { $0.contains(UInt8(ascii: "=")) } && text.utf8.allSatisfy { 0x20...0x7E ~= $0 }
    }
}
