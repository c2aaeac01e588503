/// Records that are produced together, and made only when librdkafka takes them.
///
/// A record is offered again where there was no room for it, and produced again after a fatal error: an index always
/// makes the very same record. Calls come from one thread at a time, though not always from the same.
package protocol RecordSource: AnyObject, Sendable {
    var count: Int { get }

    /// The topic of a record, for the words of an error.
    func topic(of index: Int) -> String

    /// Makes a record and gives it to the sink, by one call of ``RecordSink/send(partition:key:value:timestamp:)``.
    func offer(_ index: Int, to sink: inout RecordSink)
}
