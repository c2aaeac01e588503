/// The gateway through which a handler does what can't be taken back: mails, payments, calls of other services.
///
///     try await context.effects.perform("email.send", detail: "to \(address)") {
///         try await mailer.send(invoice, to: address)
///     }
///
/// In live work and in replays it does just that. In a ``Rehearsal`` the closure is not run: the effect is noted for the
/// report. Where the rest of the handler needs what the effect gives, say what stands for it:
///
///     let payment = try await context.effects.perform("payment.charge", rehearsed: Payment.none) {
///         try await bank.charge(order)
///     }
///
/// A handler that does nothing of the kind need not know of it. What it does past the gateway happens in a rehearsal, too.
public struct Effects: Sendable {
    /// Nil where effects are performed.
    let log: EffectLog?

    /// Effects happen.
    public static let performed = Effects(log: nil)

    /// No effect happens; all are noted in `log`. A handler's own tests may use it.
    public static func noted(in log: EffectLog) -> Effects { Effects(log: log) }

    /// False in a rehearsal.
    public var arePerformed: Bool { log == nil }

    /// Performs an effect, or in a rehearsal notes that it would have been.
    ///
    /// - Parameters:
    ///   - name: its kind, the same for all jobs, such as `email.send`: the report counts by it.
    ///   - detail: what tells it from others of its kind, for people. It is asked for in rehearsals only.
    public nonisolated(nonsending) func perform(
        _ name: String,
        detail: @autoclosure () -> String = "",
        _ body: nonisolated(nonsending) () async throws -> Void
    ) async rethrows {
        guard let log else { return try await body() }
        log.note(Effect(name, detail()))
    }

    /// As ``perform(_:detail:_:)``, of an effect that gives something.
    ///
    /// - Parameter rehearsed: stands for it in a rehearsal.
    public nonisolated(nonsending) func perform<Value>(
        _ name: String,
        detail: @autoclosure () -> String = "",
        rehearsed: @autoclosure () throws -> Value,
        _ body: nonisolated(nonsending) () async throws -> Value
    ) async rethrows -> Value {
        guard let log else { return try await body() }
        log.note(Effect(name, detail()))
        return try rehearsed()
    }
}
