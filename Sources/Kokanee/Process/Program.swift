internal import CLinux
internal import Glibc
internal import RdKafka

/// What the children of one table are: a command, and the environment that they share, as `posix_spawn` wants them.
///
/// A command that is a path and words in which a shell finds nothing to do is run without one: at a process a job the
/// shell is a third of the price, or more.
///
/// It belongs to one thread.
final class Program {
    private let shell: CStrings
    /// The command's words, where it needs no shell.
    private var direct: CStrings?
    private let environment: CStrings

    /// - Parameter environment: `NAME=VALUE` strings without their NUL.
    init(command: String, environment: [[UInt8]]) {
        shell = CStrings(["/bin/sh", "-c", command].map { Array($0.utf8) })
        direct = Self.words(of: command).map { words in CStrings(words.map { Array($0.utf8) }) }
        self.environment = CStrings(environment)
    }

    /// The command's words, if a shell would do nothing but run them: a path, then words without a character that means
    /// something to it. A name without a slash might be one of the shell's own commands.
    static func words(of command: String) -> [String]? {
        let isPlain = command.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: " -_./,:+@%".utf8.contains(byte)
            }
        }
        let words = command.split(separator: " ").map(String.init)
        guard isPlain, let program = words.first, program.utf8.contains(UInt8(ascii: "/")) else { return nil }
        return words
    }

    /// Starts the command in a process group of its own, with no open file but `streams`, and its signals as at login.
    ///
    /// - Parameters:
    ///   - streams: its standard input, output and error.
    ///   - variables: `NAME=VALUE` strings beside the shared ones.
    func start(streams: [Int32], adding variables: [[UInt8]]) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, descriptor) in streams.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(target))
        }
        // Ours are closed on exec anyway; those of the host's other libraries need not be. One call, close_range(2).
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, 0)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        let added = CStrings(variables)
        var environment = environment.pointers + added.pointers + [nil]
        var pid = pid_t()
        func spawn(_ words: CStrings) -> Int32 {
            var arguments = words.pointers + [nil]
            return DescriptorInheritance.withoutChildren {
                posix_spawn(&pid, words[0], &actions, &attributes, &arguments, &environment)
            }
        }
        if let words = direct {
            let code = spawn(words)
            switch code {
            case 0: return pid
            case E2BIG, EAGAIN, EMFILE, ENFILE, ENOMEM:
                throw SystemError("starting \(String(cString: words[0]))", code: code)
            // Not there, or a script without its #! line. What is to be said or done about it a shell knows best.
            default: direct = nil
            }
        }
        let code = spawn(shell)
        withExtendedLifetime(added) {}
        guard code == 0 else { throw SystemError("starting /bin/sh", code: code) }
        return pid
    }
}

/// Strings as C wants them, for as long as this lives.
private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [[UInt8]]) {
        pointers = strings.map { bytes in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
            for (index, byte) in bytes.enumerated() { copy[index] = CChar(bitPattern: byte) }
            copy[bytes.count] = 0
            return copy
        }
    }

    deinit {
        for pointer in pointers { pointer?.deallocate() }
    }

    subscript(index: Int) -> UnsafePointer<CChar> {
        // None of them is nil: each was allocated above.
        pointers[index].map { UnsafePointer($0) }!
    }
}
