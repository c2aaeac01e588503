internal import RdKafka

extension NewJob {
    /// The header `traceparent`, which travels with the job through every hop and reaches its handler. It is carried as it
    /// is; nothing acts on a malformed one. Nil is none, or a ``TraceContext/current`` where that is set.
    public var traceparent: String? {
        get { text(TraceContext.parentHeader) }
        set { set(TraceContext.parentHeader, newValue) }
    }

    /// The trace that the job belongs to; nil where it has none, or it is malformed.
    public var traceContext: TraceContext? {
        get { traceparent.flatMap { TraceContext($0, state: text(TraceContext.stateHeader)) } }
        set {
            set(TraceContext.parentHeader, newValue?.traceparent)
            set(TraceContext.stateHeader, newValue?.state)
        }
    }

    private func text(_ name: String) -> String? {
        headers.last { $0.name == name }?.value?.text
    }

    private mutating func set(_ name: String, _ value: String?) {
        headers.removeAll { $0.name == name }
        if let value { headers.append(Header(name, Bytes(value))) }
    }
}
