#ifndef KOKANEE_CRDKAFKA_SHIM_H
#define KOKANEE_CRDKAFKA_SHIM_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>

/* Swift can't call variadic C. On success librdkafka owns `headers`; on failure the caller still does. */
static inline rd_kafka_resp_err_t crdkafka_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t partition,
                                                   const void *key, size_t key_length, const void *value,
                                                   size_t value_length, rd_kafka_headers_t *headers,
                                                   int64_t timestamp_ms, void *opaque) {
    if (headers)
        return rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_length),
                                 RD_KAFKA_V_VALUE((void *)value, value_length), RD_KAFKA_V_HEADERS(headers),
                                 RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    return rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_length),
                             RD_KAFKA_V_VALUE((void *)value, value_length), RD_KAFKA_V_TIMESTAMP(timestamp_ms),
                             RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

/* What librdkafka 2.0.0 to 2.15.0 keep of a fetched message, where pointers have 64 bits: its public part, and behind it,
 * among other things, where the record's headers stand in the fetched bytes, for the list that `rd_kafka_message_headers`
 * makes of them when it is asked. That is no part of the API: see WireHeaders.swift for what makes it safe to look at. */
typedef struct {
    rd_kafka_message_t message;
    void *links[2];
    int flags;
    rd_kafka_timestamp_type_t timestamp_type;
    int64_t timestamp_ms;
    rd_kafka_headers_t *headers;
    rd_kafka_msg_status_t status;
    int32_t broker;
    int32_t header_length;
    const uint8_t *header_bytes;
} crdkafka_fetched_message_t;
#if __SIZEOF_POINTER__ == 8
_Static_assert(offsetof(crdkafka_fetched_message_t, header_length) == 120 &&
                   offsetof(crdkafka_fetched_message_t, header_bytes) == 128,
               "librdkafka's places in a rd_kafka_msg_t");
#endif

/* sys/eventfd.h is in no module of Swift's. */
static inline int crdkafka_eventfd(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

/* Swift's own clocks say the same, in 128 bits and with several calls. */
static inline int64_t crdkafka_boot_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Tells the processor that what stands there is about to be read. Nothing is read, so that any address will do. */
static inline void crdkafka_will_read(const void *_Nullable address) { __builtin_prefetch(address, 0); }

/* prctl is variadic too. Linux keeps the first 15 bytes. */
static inline void crdkafka_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* One error and delay of the embedded broker: the original takes any number of them. */
static inline rd_kafka_resp_err_t crdkafka_mock_push_broker_error(rd_kafka_mock_cluster_t *cluster, int32_t broker,
                                                                  int16_t api_key, rd_kafka_resp_err_t error,
                                                                  int delay_ms) {
    return rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, api_key, 1, error, delay_ms);
}

#endif
