extension Envelope.Failure {
    func redacted(by redaction: Redaction) -> Envelope.Failure {
        Envelope.Failure(text: redaction.text(text), at: at)
    }
}

extension Disposition {
    /// As it is, without the fields' values in what is said of it.
    func redacted(by redaction: Redaction) -> Disposition {
        guard !redaction.isEmpty else { return self }
        switch self {
        case .complete, .skip, .finishedBefore, .postpone: return self
        case .discard(let reason): return .discard(redaction.text(reason))
        case .retry(let attempt, let wait, let failure):
            return .retry(attempt: attempt, after: wait, failure.redacted(by: redaction))
        case .bury(let reason, let failure): return .bury(reason, failure?.redacted(by: redaction))
        }
    }
}

extension Redaction {
    /// An error as it is, without what a decoder says of a value that is not to be seen. Its text is to be redacted still.
    func shown(_ error: any Error) -> any Error {
        (error as? PayloadError)?.redacted(by: self) ?? error
    }
}

extension AttemptEnd {
    /// As it is, without what a decoder says of a value that is not to be seen.
    func redacted(by redaction: Redaction) -> AttemptEnd {
        guard !redaction.isEmpty, case .failed(let error) = self else { return self }
        return .failed(redaction.shown(error))
    }
}

extension RehearsalReport {
    /// The report without the fields' values in errors and effects.
    package func redacted(by redaction: Redaction) -> RehearsalReport {
        guard !redaction.isEmpty else { return self }
        func redacted(_ examples: [Example]) -> [Example] {
            examples.map { example in
                var example = example
                example.message = redaction.text(example.message)
                return example
            }
        }
        var report = self
        report.errors = errors.map { group in
            var group = group
            group.pattern = redaction.text(group.pattern)
            group.examples = redacted(group.examples)
            return group
        }
        report.effects = effects.map { group in
            var group = group
            group.examples = redacted(group.examples)
            return group
        }
        return report
    }
}
