internal import CCrypto
internal import RdKafka

/// Names a payload by its SHA-256, which any program can make that enqueues the same job.
enum PayloadDigest {
    /// `TYPE:` and the payload's SHA-256 in lower-case hexadecimal; the type cut to 900 bytes.
    static func name(type: String, _ payload: Bytes?) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        let isMade = (payload ?? Bytes([])).withUnsafeBytes { bytes in
            EVP_Digest(bytes.baseAddress, bytes.count, &digest, nil, EVP_sha256(), nil) == 1
        }
        // OpenSSL has no other reason to fail at this than a want of memory.
        precondition(isMade, "OpenSSL makes no SHA-256")
        let digits = Array("0123456789abcdef".utf8)
        let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        let type = String(decoding: type.utf8.prefix(900), as: UTF8.self)
        return "\(type):\(String(decoding: text, as: UTF8.self))"
    }
}
