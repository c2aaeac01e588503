#ifndef KOKANEE_CBASELINE_H
#define KOKANEE_CBASELINE_H

/* Bare loops over librdkafka, as somebody writes them who wants nothing but speed: what `kokanee bench` measures
 * Kokanee against. They give no guarantee beyond librdkafka's own. Every function returns 0, or -1 with `error` set,
 * and ends by itself where nothing moves for a minute. */

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *const *names;
    const char *const *values;
    size_t count;
} cbaseline_properties;

/* What is to be produced: CloudEvents with six headers, ids of 36 bytes that differ, and keys of 9 bytes. */
typedef struct {
    const char *topic;
    /* Round robin over so many partitions; 0 leaves the choice to the partitioner. */
    int32_t partitions;
    uint64_t records;
    /* Not measured: produced, and acknowledged, before the clock starts. */
    uint64_t warmup;
    /* The number that a record's key is made of, one a record, for warm-up and measured records alike. */
    const uint32_t *keys;
    /* Taken in turn. */
    const void *const *payloads;
    const size_t *lengths;
    size_t payload_count;
    const char *type;
} cbaseline_load;

typedef struct {
    /* From the first record after the warm-up to the last. */
    double seconds;
    uint64_t records;
    char error[256];
} cbaseline_result;

/* Produces a load. From the first call after the warm-up until the last record is acknowledged. */
int cbaseline_produce(const cbaseline_properties *properties, const cbaseline_load *load, cbaseline_result *result);

/* Reads `records` of a topic from its beginning by rd_kafka_consume_batch_queue, and touches keys and payloads. */
int cbaseline_consume(const cbaseline_properties *properties, const char *topic, int32_t partitions,
                      uint64_t records, uint64_t warmup, cbaseline_result *result);

/* From before the client is made, through joining its group, until the first record is there. */
int cbaseline_join(const cbaseline_properties *properties, const char *topic, cbaseline_result *result);

/* The timestamps of `records` records by place: `table[partition * per_partition + offset]`. */
int cbaseline_timestamps(const cbaseline_properties *properties, const char *topic, int32_t partitions,
                         uint64_t records, int64_t *table, size_t per_partition, cbaseline_result *result);

/* Produces `records` at times that are fixed beforehand, one each `period_ns`, and consumes them on another thread.
 * Each record's latency, from the time at which it was meant to be sent, goes into `latencies`, in nanoseconds. */
int cbaseline_latency(const cbaseline_properties *producer, const cbaseline_properties *consumer, const char *topic,
                      int32_t partitions, uint64_t records, uint64_t period_ns, int64_t *latencies,
                      cbaseline_result *result);

/* Work for a processor that no compiler takes away: so many steps that depend on each other. */
uint64_t cbaseline_spin(uint64_t iterations);

/* `calls` spins, shared out among bare threads, which take the next one when they are through. */
int cbaseline_spin_threads(uint32_t threads, uint64_t calls, uint64_t iterations, cbaseline_result *result);

/* Of the library that runs. */
const char *cbaseline_librdkafka_version(void);

/* CLOCK_MONOTONIC. */
int64_t cbaseline_now_ns(void);
void cbaseline_sleep_until(int64_t when_ns);
/* Sleeps of the calling thread end within a microsecond, not within Linux's usual 50. */
void cbaseline_sharpen_sleep(void);

#endif
