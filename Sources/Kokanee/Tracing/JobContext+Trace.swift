internal import RdKafka

extension JobContext {
    /// The trace that the job belongs to, of the span that enqueued it; nil where it has none, or it is malformed. Each
    /// attempt of a job has the same.
    public var traceContext: TraceContext? {
        guard mayHaveTrace, let parent = attribute(TraceContext.parentHeader) else { return nil }
        return TraceContext(parent, state: attribute(TraceContext.stateHeader))
    }
}

extension JobContent {
    /// A CloudEvents attribute that the record has as a header, by its name or, as the Kafka protocol binding has it, with `ce_`
    /// in front, or, in structured mode, inside its value.
    func attribute(_ name: String) -> String? {
        if let header = header(name) ?? header("ce_" + name) { return header.text }
        guard isStructured, let bytes = value?.array,
            let member = try? JSONText.members(of: bytes).last(where: { $0.name == name })
        else { return nil }
        return JSONText.string(bytes[member.value])
    }
}
