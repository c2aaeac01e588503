extension JobRegistry {
    /// Runs a type's attempts inside these, the first outermost. Calling it again puts more inside.
    ///
    /// - Throws: ``InputError`` where the type is not registered yet.
    public mutating func use(_ middleware: any JobMiddleware..., for type: String) throws {
        try use(middleware, for: type)
    }

    /// As ``use(_:for:)-(_,String)``.
    public mutating func use<J: Job>(_ middleware: any JobMiddleware..., for _: J.Type) throws {
        try use(middleware, for: J.type)
    }

    /// All middleware of single types.
    var middleware: [any JobMiddleware] {
        (Array(entries.values) + (catchAll.map { [$0] } ?? [])).flatMap(\.middleware)
    }
}
