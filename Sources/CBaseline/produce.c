#include "client.h"

/* Produces load->records from number `from` to `to`, and waits for all of them: no record is in flight after it. */
static int produce(rd_kafka_t *client, rd_kafka_topic_t *topic, rd_kafka_queue_t *queue, cbaseline_words *words,
                   const cbaseline_load *load, uint64_t from, uint64_t to, cbaseline_result *result) {
    uint64_t reported = from, failed = 0;
    int64_t moved = cbaseline_now_ns();
    size_t payload = from % load->payload_count;
    int32_t partition = load->partitions ? (int32_t)(from % (uint64_t)load->partitions) : RD_KAFKA_PARTITION_UA;
    for (uint64_t number = from; number < to;) {
        rd_kafka_resp_err_t code = cbaseline_send(client, topic, partition, words, load->type, load->keys[number],
                                                  load->payloads[payload], load->lengths[payload]);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            uint64_t count = cbaseline_reports(queue, 100, &failed);
            reported += count;
            if (count) moved = cbaseline_now_ns();
            if (cbaseline_now_ns() - moved > CBASELINE_PATIENCE_NS)
                return cbaseline_fail(result, "no record was acknowledged for a minute");
            continue;
        }
        if (code) return cbaseline_fail(result, "can't produce: %s", rd_kafka_err2str(code));
        number++;
        if (++payload == load->payload_count) payload = 0;
        if (load->partitions && ++partition == load->partitions) partition = 0;
        if (number % 1024 == 0) {
            cbaseline_words_tick(words);
            reported += cbaseline_reports(queue, 0, &failed);
        }
    }
    while (reported < to) {
        uint64_t count = cbaseline_reports(queue, 100, &failed);
        reported += count;
        if (count) moved = cbaseline_now_ns();
        if (cbaseline_now_ns() - moved > CBASELINE_PATIENCE_NS)
            return cbaseline_fail(result, "no record was acknowledged for a minute");
    }
    if (failed) return cbaseline_fail(result, "%llu records were not acknowledged", (unsigned long long)failed);
    return 0;
}

int cbaseline_produce(const cbaseline_properties *properties, const cbaseline_load *load, cbaseline_result *result) {
    result->error[0] = 0;
    rd_kafka_t *client =
        cbaseline_client(RD_KAFKA_PRODUCER, properties, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR, result);
    if (!client) return -1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(client);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, load->topic, NULL);
    cbaseline_words words;
    cbaseline_words_init(&words);

    int code = topic ? 0 : cbaseline_fail(result, "%s is no topic", load->topic);
    if (!code && load->warmup) code = produce(client, topic, queue, &words, load, 0, load->warmup, result);
    int64_t start = cbaseline_now_ns();
    if (!code) code = produce(client, topic, queue, &words, load, load->warmup, load->records, result);
    result->seconds = (double)(cbaseline_now_ns() - start) / 1e9;
    result->records = load->records - load->warmup;

    if (topic) rd_kafka_topic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return code;
}
