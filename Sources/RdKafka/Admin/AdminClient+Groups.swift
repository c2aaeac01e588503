internal import CRdKafka

extension AdminClient {
    /// Lists the consumer groups of all brokers.
    ///
    /// - Throws: ``KafkaError`` also where only some brokers failed, because their groups would be missing.
    public func listGroups(timeout: Duration = .seconds(10)) async throws(KafkaError) -> [GroupListing] {
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = "listing groups"
            return try session.retrying(until: deadline) { session throws(KafkaError) in
                try session.request(
                    RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
                    operation,
                    deadline,
                    send: { rd_kafka_ListConsumerGroups($0, $1, $2) },
                    read: { event throws(KafkaError) in
                        var count = 0
                        let errors = rd_kafka_ListConsumerGroups_result_errors(event, &count)
                        if count > 0 { try Self.check(errors?.pointee, operation) }
                        let groups = rd_kafka_ListConsumerGroups_result_valid(event, &count)
                        return UnsafeBufferPointer(start: groups, count: count).map { group in
                            GroupListing(
                                id: String(cString: rd_kafka_ConsumerGroupListing_group_id(group)),
                                state: GroupState(rd_kafka_ConsumerGroupListing_state(group))
                            )
                        }
                    }
                )
            }
        }
    }

    /// Describes a group and its members. One that does not exist is `dead`, and has none.
    public func describeGroup(
        _ id: String,
        timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> GroupDescription {
        let deadline = Deadline(after: timeout)
        return try await session.run { session throws(KafkaError) in
            let operation = "describing group \(id)"
            return try session.retrying(until: deadline) { session throws(KafkaError) in
                try session.request(
                    RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
                    operation,
                    deadline,
                    send: { client, options, queue in
                        id.withCString { name in
                            var names: [UnsafePointer<CChar>?] = [name]
                            rd_kafka_DescribeConsumerGroups(client, &names, 1, options, queue)
                        }
                    },
                    read: { event throws(KafkaError) in
                        var count = 0
                        let groups = rd_kafka_DescribeConsumerGroups_result_groups(event, &count)
                        guard let group = groups?.pointee else {
                            throw KafkaError(code: .groupIDNotFound, operation: operation)
                        }
                        try Self.check(rd_kafka_ConsumerGroupDescription_error(group), operation)
                        return GroupDescription(group)
                    }
                )
            }
        }
    }

    /// Deletes a group with its offsets.
    ///
    /// - Throws: ``KafkaError`` with `nonEmptyGroup` while it has members, `groupIDNotFound` where there is none.
    public func deleteGroup(_ id: String, timeout: Duration = .seconds(10)) async throws(KafkaError) {
        let deadline = Deadline(after: timeout)
        _ = try await session.run { session throws(KafkaError) in
            let operation = "deleting group \(id)"
            try session.retrying(until: deadline) { session throws(KafkaError) in
                var deletion = rd_kafka_DeleteGroup_new(id)
                defer { rd_kafka_DeleteGroup_destroy(deletion) }
                try session.request(
                    RD_KAFKA_ADMIN_OP_DELETEGROUPS,
                    operation,
                    deadline,
                    send: { rd_kafka_DeleteGroups($0, &deletion, 1, $1, $2) },
                    read: { event throws(KafkaError) in
                        var count = 0
                        let groups = rd_kafka_DeleteGroups_result_groups(event, &count)
                        if let group = groups?.pointee { try Self.check(rd_kafka_group_result_error(group), operation) }
                    }
                )
            }
        }
    }

    /// Throws an error that librdkafka lends; nil is none.
    static func check(_ error: OpaquePointer?, _ operation: String) throws(KafkaError) {
        guard let error else { return }
        let code = rd_kafka_error_code(error)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw KafkaError(code, operation: operation, message: String(cString: rd_kafka_error_string(error)))
    }
}

extension GroupState {
    fileprivate init(_ state: rd_kafka_consumer_group_state_t) {
        self.init(String(cString: rd_kafka_consumer_group_state_name(state)))
    }
}

extension GroupDescription {
    fileprivate init(_ group: OpaquePointer) {
        self.init(
            id: String(cString: rd_kafka_ConsumerGroupDescription_group_id(group)),
            state: GroupState(rd_kafka_ConsumerGroupDescription_state(group)),
            assignor: rd_kafka_ConsumerGroupDescription_partition_assignor(group).map { String(cString: $0) } ?? "",
            members: (0..<rd_kafka_ConsumerGroupDescription_member_count(group)).compactMap { index in
                rd_kafka_ConsumerGroupDescription_member(group, index).map(Member.init)
            }
        )
    }
}

extension GroupDescription.Member {
    fileprivate init(_ member: OpaquePointer) {
        var assignment: [TopicPartition] = []
        if let assigned = rd_kafka_MemberDescription_assignment(member) {
            let list = rd_kafka_MemberAssignment_partitions(assigned)
            assignment = TopicPartitionList.elements(of: list).map(\.partition)
        }
        self.init(
            memberID: String(cString: rd_kafka_MemberDescription_consumer_id(member)),
            clientID: String(cString: rd_kafka_MemberDescription_client_id(member)),
            instanceID: rd_kafka_MemberDescription_group_instance_id(member).map { String(cString: $0) },
            host: String(cString: rd_kafka_MemberDescription_host(member)),
            assignment: assignment.sorted()
        )
    }
}
