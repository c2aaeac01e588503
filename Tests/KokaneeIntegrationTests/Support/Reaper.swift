import Foundation
import Synchronization
import TestSupport

/// Kills what tests started and did not end, once the test process is gone, however it went.
///
/// A shell keeps the list of process ids; it reads them from a pipe whose end is the end of this process. With each it
/// keeps when the process started: the id of one that ended may long be another's.
final class Reaper: Sendable {
    static let shared = Reaper()

    // FileHandle is not Sendable; it is used under this lock only.
    private struct State: @unchecked Sendable {
        let list: FileHandle?
    }

    private let state: Mutex<State>

    private init() {
        let pipe = Pipe()
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", Self.script]
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let isRunning = (try? process.runUnblocked()) != nil
        state = Mutex(State(list: isRunning ? pipe.fileHandleForWriting : nil))
    }

    func add(_ pid: pid_t) { write("+ \(pid)\n") }
    func remove(_ pid: pid_t) { write("- \(pid)\n") }

    private func write(_ line: String) {
        state.withLock { try? $0.list?.write(contentsOf: Data(line.utf8)) }
    }

    private static let script = """
        trap '' INT TERM
        started() { # PID: in clock ticks since the machine started; the 22nd word, of which the 2nd may hold spaces
            read -r stat <"/proc/$1/stat" || return
            set -- ${stat##*) }
            echo "${20}"
        }
        live=
        while read -r sign pid; do
            if [ "$sign" = + ]; then
                live="$live $pid:$(started "$pid")"
            else
                rest=
                for each in $live; do [ "${each%:*}" = "$pid" ] || rest="$rest $each"; done
                live=$rest
            fi
        done
        for each in $live; do
            [ "$(started "${each%:*}")" != "${each#*:}" ] || [ -z "${each#*:}" ] || kill -KILL "${each%:*}"
        done
        """
}
