#ifndef KOKANEE_CBASELINE_CLIENT_H
#define KOKANEE_CBASELINE_CLIENT_H

#include "CBaseline.h"

#include <librdkafka/rdkafka.h>

/* How long nothing may move. */
#define CBASELINE_PATIENCE_NS (60 * 1000000000LL)

rd_kafka_t *cbaseline_client(rd_kafka_type_t type, const cbaseline_properties *properties, int events,
                             cbaseline_result *result);
rd_kafka_t *cbaseline_assigned_consumer(const cbaseline_properties *properties, const char *topic,
                                        int32_t partitions, cbaseline_result *result);
int cbaseline_fail(cbaseline_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The headers of a record, kept as text of which only what differs is written anew. */
typedef struct {
    char id[37];
    char time[25];
    uint64_t next;
} cbaseline_words;

void cbaseline_words_init(cbaseline_words *words);
/* To be called now and then: the time of day as RFC 3339 with milliseconds. */
void cbaseline_words_tick(cbaseline_words *words);

rd_kafka_resp_err_t cbaseline_send(rd_kafka_t *client, rd_kafka_topic_t *topic, int32_t partition,
                                   cbaseline_words *words, const char *type, uint32_t key, const void *payload,
                                   size_t length);
/* Takes the delivery reports that are there, after waiting for the first one; adds up the failed. */
uint64_t cbaseline_reports(rd_kafka_queue_t *queue, int timeout_ms, uint64_t *failed);

#endif
