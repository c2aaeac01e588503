internal import RdKafka

extension JobContext {
    public func checkpoint(_ value: some Encodable) async throws {}
    public func lastCheckpoint<Value: Decodable>(as type: Value.Type) throws -> Value? { nil }
    func leaveCheckpoint(_ json: [UInt8]?) {}
    func checkpointsStored() async throws {}
    var checkpointBytes: Bytes? { nil }
}

extension JobContent {
    func writeProgress(_ report: ReportedProgress.Report) {}
}
