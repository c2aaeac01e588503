/// The state of a consumer group, as the broker names it.
public struct GroupState: Hashable, Sendable, CustomStringConvertible {
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    public static let unknown = Self("Unknown")
    public static let preparingRebalance = Self("PreparingRebalance")
    public static let completingRebalance = Self("CompletingRebalance")
    public static let stable = Self("Stable")
    /// There is no such group.
    public static let dead = Self("Dead")
    /// The group has offsets, and no members.
    public static let empty = Self("Empty")

    public var description: String { name }
}

/// A group in the list of all groups.
public struct GroupListing: Sendable, Hashable {
    public let id: String
    /// `unknown` where the broker is older than 2.6.
    public let state: GroupState

    public init(id: String, state: GroupState) {
        self.id = id
        self.state = state
    }
}

/// A consumer group with its members.
public struct GroupDescription: Sendable, Hashable {
    public struct Member: Sendable, Hashable {
        public let memberID: String
        public let clientID: String
        /// `group.instance.id`, where the member has one.
        public let instanceID: String?
        public let host: String
        public let assignment: [TopicPartition]

        public init(
            memberID: String,
            clientID: String,
            instanceID: String?,
            host: String,
            assignment: [TopicPartition]
        ) {
            self.memberID = memberID
            self.clientID = clientID
            self.instanceID = instanceID
            self.host = host
            self.assignment = assignment
        }
    }

    public let id: String
    public let state: GroupState
    /// The assignor that the members agreed on; empty without members.
    public let assignor: String
    public let members: [Member]

    public init(id: String, state: GroupState, assignor: String, members: [Member]) {
        self.id = id
        self.state = state
        self.assignor = assignor
        self.members = members
    }
}
