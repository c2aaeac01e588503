internal import RdKafka

/// Who is in a queue's consumer group, as far as the broker tells.
enum GroupMembership: Sendable, Hashable {
    /// - Parameter isRebalancing: the group is between two assignments: nobody is known to have a partition.
    case members([GroupDescription.Member], isRebalancing: Bool = false)
    /// The broker can't describe groups, as the embedded one can't.
    case unknown

    /// - Throws: ``KafkaError`` where the broker does not answer, or does not let us.
    static func read(_ group: String, _ admin: AdminClient) async throws(KafkaError) -> Self {
        do throws(KafkaError) {
            return Self(try await admin.describeGroup(group))
        } catch {
            if error.isUnsupported { return .unknown }
            // Brokers from 4.0 on say so of a group that does not exist; older ones describe it as dead.
            if error.code == .groupIDNotFound { return .members([]) }
            throw error
        }
    }

    init(_ description: GroupDescription) {
        let isRebalancing = [.preparingRebalance, .completingRebalance].contains(description.state)
        self = .members(description.members, isRebalancing: isRebalancing)
    }

    /// Whether the group is known to be between two assignments.
    var isRebalancing: Bool {
        if case .members(_, let isRebalancing) = self { isRebalancing } else { false }
    }

    /// The owner of each partition, named for people.
    var owners: [TopicPartition: String] {
        guard case .members(let members, _) = self else { return [:] }
        var owners: [TopicPartition: String] = [:]
        for (member, name) in zip(members, Self.names(of: members)) {
            for partition in member.assignment { owners[partition] = name }
        }
        return owners
    }

    /// The client id, which of Kokanee's workers is `host:pid`, where no other member has it; else the member's id.
    static func names(of members: [GroupDescription.Member]) -> [String] {
        let uses = Dictionary(members.map { ($0.clientID, 1) }, uniquingKeysWith: +)
        return members.map { member in
            let name = member.instanceID ?? (uses[member.clientID] == 1 ? member.clientID : member.memberID)
            return SafeText.line(name, limit: 128)
        }
    }
}
