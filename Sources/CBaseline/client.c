#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int64_t cbaseline_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void cbaseline_sleep_until(int64_t when_ns) {
    struct timespec when = {.tv_sec = when_ns / 1000000000LL, .tv_nsec = when_ns % 1000000000LL};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0) {
    }
}

void cbaseline_sharpen_sleep(void) {
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
}

const char *cbaseline_librdkafka_version(void) {
    return rd_kafka_version_str();
}

int cbaseline_fail(cbaseline_result *result, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->error, sizeof(result->error), format, arguments);
    va_end(arguments);
    return -1;
}

static void log_nothing(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client, (void)level, (void)facility, (void)text;
}

rd_kafka_t *cbaseline_client(rd_kafka_type_t type, const cbaseline_properties *properties, int events,
                             cbaseline_result *result) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t index = 0; index < properties->count; index++) {
        if (rd_kafka_conf_set(conf, properties->names[index], properties->values[index], result->error,
                              sizeof(result->error)) != RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    if (events) rd_kafka_conf_set_events(conf, events);
    rd_kafka_t *client = rd_kafka_new(type, conf, result->error, sizeof(result->error));
    if (!client) rd_kafka_conf_destroy(conf);
    return client;
}

rd_kafka_t *cbaseline_assigned_consumer(const cbaseline_properties *properties, const char *topic,
                                        int32_t partitions, cbaseline_result *result) {
    rd_kafka_t *client = cbaseline_client(RD_KAFKA_CONSUMER, properties, 0, result);
    if (!client) return NULL;
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t partition = 0; partition < partitions; partition++)
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return client;
    cbaseline_fail(result, "can't take over %s: %s", topic, rd_kafka_err2str(code));
    rd_kafka_destroy(client);
    return NULL;
}

void cbaseline_words_init(cbaseline_words *words) {
    uint64_t seed = (uint64_t)cbaseline_now_ns() ^ (uint64_t)getpid() << 40;
    /* A UUID of version 7 in form: its last twelve digits count. */
    snprintf(words->id, sizeof(words->id), "%08x-%04x-7%03x-8%03x-000000000000", (uint32_t)(seed >> 24),
             (uint32_t)(seed >> 8 & 0xFFFF), (uint32_t)(seed & 0xFFF), (uint32_t)(seed >> 12 & 0xFFF));
    words->next = 0;
    cbaseline_words_tick(words);
}

void cbaseline_words_tick(cbaseline_words *words) {
    struct timespec now;
    struct tm date;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &date);
    char text[64];
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", date.tm_year + 1900, date.tm_mon + 1,
             date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec, (int)(now.tv_nsec / 1000000));
    memcpy(words->time, text, 24);
    words->time[24] = 0;
}

static const char digits[] = "0123456789abcdef";

rd_kafka_resp_err_t cbaseline_send(rd_kafka_t *client, rd_kafka_topic_t *topic, int32_t partition,
                                   cbaseline_words *words, const char *type, uint32_t key, const void *payload,
                                   size_t length) {
    char key_text[9] = {'k'};
    for (int place = 8; place > 0; place--, key >>= 4) key_text[place] = digits[key & 0xF];
    uint64_t number = words->next++;
    for (int place = 35; place > 23; place--, number >>= 4) words->id[place] = digits[number & 0xF];
    return rd_kafka_producev(
        client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key_text, sizeof(key_text)), RD_KAFKA_V_VALUE((void *)payload, length),
        RD_KAFKA_V_HEADER("ce_specversion", "1.0", 3), RD_KAFKA_V_HEADER("ce_id", words->id, 36),
        RD_KAFKA_V_HEADER("ce_type", type, -1), RD_KAFKA_V_HEADER("ce_source", "kokanee", 7),
        RD_KAFKA_V_HEADER("ce_time", words->time, 24), RD_KAFKA_V_HEADER("content-type", "application/json", 16),
        RD_KAFKA_V_END);
}

uint64_t cbaseline_reports(rd_kafka_queue_t *queue, int timeout_ms, uint64_t *failed) {
    uint64_t count = 0;
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(queue, timeout_ms))) {
        timeout_ms = 0;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
            const rd_kafka_message_t *message;
            while ((message = rd_kafka_event_message_next(event))) {
                count++;
                if (message->err) (*failed)++;
            }
        }
        rd_kafka_event_destroy(event);
    }
    return count;
}
