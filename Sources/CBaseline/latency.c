#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { PAYLOAD = 200 };

/* What a record says of itself; the rest of its payload is blanks. */
typedef struct {
    uint64_t number;
    int64_t intended;
} stamp;

#define PROBE UINT64_MAX

typedef struct {
    rd_kafka_t *client;
    int64_t *latencies;
    uint64_t records;
    atomic_ullong received;
    atomic_int isReady;
    atomic_int isEnding;
} reader;

/* One record at a time: rd_kafka_consumer_poll returns as soon as there is one, where a batch would wait to fill. */
static void *read_records(void *argument) {
    reader *self = argument;
    cbaseline_sharpen_sleep();
    while (!atomic_load_explicit(&self->isEnding, memory_order_relaxed)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(self->client, 100);
        if (!message) continue;
        int64_t now = cbaseline_now_ns();
        if (!message->err && message->len >= sizeof(stamp)) {
            stamp it;
            memcpy(&it, message->payload, sizeof(it));
            if (it.number == PROBE) {
                atomic_store(&self->isReady, 1);
            } else if (it.number < self->records) {
                self->latencies[it.number] = now - it.intended;
                atomic_fetch_add_explicit(&self->received, 1, memory_order_release);
            }
        }
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

static int send_on_schedule(rd_kafka_t *client, rd_kafka_topic_t *topic, rd_kafka_queue_t *queue, reader *reading,
                            uint64_t period_ns, cbaseline_result *result) {
    char payload[PAYLOAD];
    memset(payload, ' ', sizeof(payload));
    cbaseline_words words;
    cbaseline_words_init(&words);
    uint64_t failed = 0;

    stamp probe = {PROBE, 0};
    memcpy(payload, &probe, sizeof(probe));
    int64_t limit = cbaseline_now_ns() + CBASELINE_PATIENCE_NS;
    while (!atomic_load(&reading->isReady)) {
        rd_kafka_resp_err_t code = cbaseline_send(client, topic, RD_KAFKA_PARTITION_UA, &words, "bench", 0, payload,
                                                  sizeof(payload));
        if (code) return cbaseline_fail(result, "can't produce: %s", rd_kafka_err2str(code));
        cbaseline_reports(queue, 50, &failed);
        if (cbaseline_now_ns() > limit) return cbaseline_fail(result, "no record arrived within a minute");
    }

    int64_t start = cbaseline_now_ns() + 100000000LL;
    for (uint64_t number = 0; number < reading->records; number++) {
        /* When the record is meant to be sent, not when it is: a pause here must not hide the waiting behind it. */
        stamp it = {number, start + (int64_t)(number * period_ns)};
        if (cbaseline_now_ns() < it.intended) cbaseline_sleep_until(it.intended);
        memcpy(payload, &it, sizeof(it));
        if (number % 64 == 0) cbaseline_words_tick(&words);
        rd_kafka_resp_err_t code;
        while ((code = cbaseline_send(client, topic, RD_KAFKA_PARTITION_UA, &words, "bench", (uint32_t)number,
                                      payload, sizeof(payload))) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            cbaseline_reports(queue, 10, &failed);
        if (code) return cbaseline_fail(result, "can't produce: %s", rd_kafka_err2str(code));
        cbaseline_reports(queue, 0, &failed);
    }
    limit = cbaseline_now_ns() + CBASELINE_PATIENCE_NS;
    while (atomic_load_explicit(&reading->received, memory_order_acquire) < reading->records) {
        cbaseline_reports(queue, 10, &failed);
        if (failed) return cbaseline_fail(result, "%llu records were not acknowledged", (unsigned long long)failed);
        if (cbaseline_now_ns() > limit) return cbaseline_fail(result, "records are missing after a minute");
    }
    return 0;
}

int cbaseline_latency(const cbaseline_properties *producer, const cbaseline_properties *consumer, const char *topic,
                      int32_t partitions, uint64_t records, uint64_t period_ns, int64_t *latencies,
                      cbaseline_result *result) {
    result->error[0] = 0;
    result->records = records;
    result->seconds = (double)records * (double)period_ns / 1e9;
    reader reading = {.latencies = latencies, .records = records};
    reading.client = cbaseline_assigned_consumer(consumer, topic, partitions, result);
    if (!reading.client) return -1;
    rd_kafka_t *client =
        cbaseline_client(RD_KAFKA_PRODUCER, producer, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR, result);
    if (!client) {
        rd_kafka_destroy(reading.client);
        return -1;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(client);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    pthread_t thread;
    int code;
    if (!handle) {
        code = cbaseline_fail(result, "%s is no topic", topic);
    } else if (pthread_create(&thread, NULL, read_records, &reading)) {
        code = cbaseline_fail(result, "no thread to be had");
    } else {
        cbaseline_sharpen_sleep();
        code = send_on_schedule(client, handle, queue, &reading, period_ns, result);
        atomic_store(&reading.isEnding, 1);
        pthread_join(thread, NULL);
    }
    if (handle) rd_kafka_topic_destroy(handle);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    rd_kafka_consumer_close(reading.client);
    rd_kafka_destroy(reading.client);
    return code;
}
