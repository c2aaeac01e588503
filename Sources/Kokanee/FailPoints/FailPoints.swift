#if KOKANEE_FAIL_POINTS

    internal import Glibc
    internal import Synchronization

    /// The process's fail points. They exist in debug builds only, and do nothing until a plan is armed.
    package enum FailPoints {
        /// Where the command line takes its plan from.
        package static let environmentVariable = "KOKANEE_FAIL_POINTS"

        private static let isArmed = Atomic(false)
        private static let plan = Mutex<FailPlan?>(nil)
        private static let skew = Atomic<Int64>(0)

        /// By how many milliseconds ``Timestamp/now`` is wrong.
        static var clockSkew: Int64 { skew.load(ordering: .relaxed) }

        /// Arms a plan such as `hop.acknowledged=kill@3; commit.sending=fail@1-4`; passages count from here on.
        ///
        /// It holds for all workers of the process: tests that arm one in their own process run one at a time.
        ///
        /// - Throws: ``InputError`` where the text is no plan; what was armed before stays.
        package static func arm(_ text: String) throws(InputError) {
            let new = try FailPlan(text: text)
            plan.withLock { $0 = new }
            skew.store(new.clockSkew, ordering: .relaxed)
            isArmed.store(true, ordering: .releasing)
        }

        /// Lets everything pass again.
        package static func disarm() {
            isArmed.store(false, ordering: .relaxed)
            skew.store(0, ordering: .relaxed)
            plan.withLock { $0 = nil }
        }

        /// Passes a point; true if its step has to fail.
        static func reach(_ point: FailPoint) -> Bool {
            guard isArmed.load(ordering: .acquiring) else { return false }
            switch plan.withLock({ $0?.pass(point) }) {
            case nil: return false
            case .fail: return true
            case .stop:
                raise(SIGSTOP)
                return false
            case .kill:
                kill(getpid(), SIGKILL)
                wedge()
            case .wedge: wedge()
            }
        }

        private static func wedge() -> Never {
            while true { pause() }
        }
    }

#endif
