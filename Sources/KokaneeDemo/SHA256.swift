internal import CCrypto

/// A SHA-256 in the making, by OpenSSL.
struct SHA256: ~Copyable {
    struct Failed: Error {}

    private let context: OpaquePointer

    /// - Throws: ``Failed`` where OpenSSL has no memory for it, or is built without it.
    init() throws(Failed) {
        guard let context = EVP_MD_CTX_new() else { throw Failed() }
        guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            EVP_MD_CTX_free(context)
            throw Failed()
        }
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) throws(Failed) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else { throw Failed() }
    }

    /// The digest, in lower-case hexadecimal.
    consuming func finish() throws(Failed) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { throw Failed() }
        let digits = Array("0123456789abcdef".utf8)
        let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}

/// The SHA-256 of whole files.
enum FileDigest {
    private static let bufferSize = 64 << 10

    /// - Throws: ``InputFile/Failed`` where the file can't be read.
    static func sha256(of path: String) throws -> String {
        var file = try InputFile(path)
        var hash = try SHA256()
        while try file.read(atMost: bufferSize, { try hash.update($0) }) > 0 {}
        return try hash.finish()
    }
}
