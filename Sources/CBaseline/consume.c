#include "client.h"

#include <string.h>

enum { BATCH = 1024 };

/* Where what was read goes, so that no compiler leaves the reading out. */
static volatile uint64_t sink;

int cbaseline_consume(const cbaseline_properties *properties, const char *topic, int32_t partitions,
                      uint64_t records, uint64_t warmup, cbaseline_result *result) {
    result->error[0] = 0;
    rd_kafka_t *client = cbaseline_assigned_consumer(properties, topic, partitions, result);
    if (!client) return -1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    rd_kafka_message_t *messages[BATCH];
    uint64_t count = 0, counted_from = 0, sum = 0;
    int64_t start = 0, moved = cbaseline_now_ns();
    int code = 0;
    while (count < records) {
        /* The call waits its whole timeout unless the array fills: a millisecond keeps that from counting. */
        ssize_t got = rd_kafka_consume_batch_queue(queue, 1, messages, BATCH);
        if (got <= 0) {
            if (cbaseline_now_ns() - moved > CBASELINE_PATIENCE_NS) {
                code = cbaseline_fail(result, "%llu of %llu records came, and no more for a minute",
                                      (unsigned long long)count, (unsigned long long)records);
                break;
            }
            continue;
        }
        for (ssize_t index = 0; index < got; index++) {
            rd_kafka_message_t *message = messages[index];
            if (!message->err) {
                count++;
                if (message->key_len) sum += *(const uint8_t *)message->key;
                if (message->len) sum += *(const uint8_t *)message->payload;
            }
            rd_kafka_message_destroy(message);
        }
        moved = cbaseline_now_ns();
        if (!start && count >= warmup) start = moved, counted_from = count;
    }
    result->seconds = (double)(cbaseline_now_ns() - start) / 1e9;
    result->records = count - counted_from;
    sink = sum;
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return code;
}

int cbaseline_join(const cbaseline_properties *properties, const char *topic, cbaseline_result *result) {
    result->error[0] = 0;
    int64_t start = cbaseline_now_ns();
    rd_kafka_t *client = cbaseline_client(RD_KAFKA_CONSUMER, properties, 0, result);
    if (!client) return -1;
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    int code = error ? cbaseline_fail(result, "can't subscribe to %s: %s", topic, rd_kafka_err2str(error)) : 0;
    int isThere = 0;
    while (!code && !isThere) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 1000);
        if (message) {
            isThere = !message->err;
            rd_kafka_message_destroy(message);
        }
        if (cbaseline_now_ns() - start > CBASELINE_PATIENCE_NS)
            code = cbaseline_fail(result, "no record of %s came within a minute", topic);
    }
    result->seconds = (double)(cbaseline_now_ns() - start) / 1e9;
    result->records = 1;
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return code;
}

int cbaseline_timestamps(const cbaseline_properties *properties, const char *topic, int32_t partitions,
                         uint64_t records, int64_t *table, size_t per_partition, cbaseline_result *result) {
    result->error[0] = 0;
    rd_kafka_t *client = cbaseline_assigned_consumer(properties, topic, partitions, result);
    if (!client) return -1;
    uint64_t count = 0;
    int64_t moved = cbaseline_now_ns();
    int code = 0;
    while (count < records && !code) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);
        if (message && !message->err) {
            count++;
            moved = cbaseline_now_ns();
            if (message->offset < (int64_t)per_partition)
                table[(size_t)message->partition * per_partition + (size_t)message->offset] =
                    rd_kafka_message_timestamp(message, NULL);
        } else if (cbaseline_now_ns() - moved > CBASELINE_PATIENCE_NS) {
            code = cbaseline_fail(result, "%s has %llu records of %llu", topic, (unsigned long long)count,
                                  (unsigned long long)records);
        }
        if (message) rd_kafka_message_destroy(message);
    }
    result->records = count;
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return code;
}
