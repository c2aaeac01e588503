internal import Kokanee
internal import RdKafka

/// The tool's exit codes, which scripts rely on; those above 1 but for the last are sysexits.h's.
enum ExitCode: Int32 {
    case success = 0
    case failure = 1
    /// The command line is wrong (EX_USAGE).
    case usage = 64
    /// The input is wrong (EX_DATAERR).
    case input = 65
    /// No broker answers (EX_UNAVAILABLE).
    case unavailable = 69
    /// Interrupted by SIGINT or SIGTERM.
    case interrupted = 130
}

/// A command that failed with a message of its own.
struct Failure: Error, CustomStringConvertible {
    let message: String
    let code: ExitCode

    init(_ message: String, code: ExitCode = .failure) {
        self.message = message
        self.code = code
    }

    var description: String { message }
}

extension ExitCode {
    /// What `error` makes of the whole run: the code, and the line for stderr, if there is something to say.
    static func outcome(of error: any Error, bootstrapServers: String) -> (code: ExitCode, message: String?) {
        switch error {
        case let error as UsageError:
            (.usage, "\(error.message)\nSee `\(error.command) --help`.")
        case let error as Failure:
            (error.code, error.message)
        case let error as InputError:
            (.input, error.message)
        case is TextSink.ReaderGone:
            (.success, nil)
        case is CancellationError:
            (.interrupted, nil)
        case let error as KafkaError where error.meansNoBroker:
            (.unavailable, noBroker(bootstrapServers, error))
        default:
            (.failure, "\(error)")
        }
    }

    static func noBroker(_ bootstrapServers: String, _ error: KafkaError) -> String {
        let trouble =
            switch error.code {
            case .localAuthentication:
                "no broker at \(bootstrapServers) authenticates this client; check security.protocol and the sasl.* "
                    + "properties (-F, -X)"
            case .localSSL:
                "no TLS connection to \(bootstrapServers); check security.protocol and the ssl.* properties (-F, -X)"
            default:
                "no broker answers at \(bootstrapServers); is it running? -b sets the address"
            }
        return "\(trouble)\n\(error.description.onOneLine)"
    }
}

extension KafkaError {
    /// Nobody at the address spoke Kafka, or not with this client.
    var meansNoBroker: Bool {
        switch code {
        case .localTransport, .localAllBrokersDown, .localResolve, .localAuthentication, .localSSL: true
        default: false
        }
    }
}
