internal import CLinux
internal import Foundation
internal import Glibc
internal import RdKafka

/// A child process that gets nothing of this process but the three streams it is given: no other descriptor, among
/// which are those of the embedded brokers, whose connections it would keep open, and no blocked signals, as which it
/// would inherit nearly all from a thread of Swift's pool.
struct Subprocess: Sendable {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    enum Input {
        case file(URL)
        case descriptor(Int32)
    }

    /// Where the three streams are.
    private enum Streams {
        case apart(input: Input, output: URL, errors: URL)
        /// All are the terminal at that path, of a session of its own.
        case terminal(path: String)
    }

    let pid: pid_t

    /// - Parameter program: a path, or a name that is looked up on the PATH.
    init(_ program: String, _ arguments: [String], input: Input, output: URL, errors: URL) throws {
        try self.init(program, arguments, .apart(input: input, output: output, errors: errors))
    }

    /// On a terminal as people have it: its Ctrl-C is for this process, and its end is this process's.
    ///
    /// - Parameter terminal: the path.
    init(_ program: String, _ arguments: [String], terminal: String) throws {
        try self.init(program, arguments, .terminal(path: terminal))
    }

    private init(_ program: String, _ arguments: [String], _ streams: Streams) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        switch streams {
        case .apart(let input, let output, let errors):
            switch input {
            case .file(let url): posix_spawn_file_actions_addopen(&actions, 0, url.path, O_RDONLY, 0)
            case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
            }
            let writing = O_WRONLY | O_CREAT | O_APPEND
            posix_spawn_file_actions_addopen(&actions, 1, output.path, writing, 0o600)
            posix_spawn_file_actions_addopen(&actions, 2, errors.path, writing, 0o600)
        case .terminal(let path):
            // POSIX_SPAWN_SETSID, which glibc shows under _GNU_SOURCE only. The first terminal that a session's leader
            // opens is the session's.
            flags |= 0x80
            posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)

        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let code = DescriptorInheritance.withoutChildren {
            posix_spawnp(&pid, program, &actions, &attributes, &words, environ)
        }
        guard code == 0 else {
            throw Failed(description: "can't start \(program): \(String(cString: strerror(code)))")
        }
        self.pid = pid
    }

    /// Whether it has not ended; once it has, that stays to be asked until ``wait()``.
    var isRunning: Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == 0
    }

    /// Blocks until it ends. To be called once.
    ///
    /// - Returns: its exit status, or 128 and the signal that ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}
