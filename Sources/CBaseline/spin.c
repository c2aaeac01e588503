#include "CBaseline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

uint64_t cbaseline_spin(uint64_t iterations) {
    uint64_t value = iterations | 1;
    for (uint64_t step = 0; step < iterations; step++) {
        value = value * 6364136223846793005ULL + 1442695040888963407ULL;
        /* Knows nothing of the value from here on: the loop can't be shortened. */
        __asm__ volatile("" : "+r"(value));
    }
    return value;
}

typedef struct {
    atomic_ullong next;
    uint64_t calls;
    uint64_t iterations;
} work;

static void *spin(void *argument) {
    work *shared = argument;
    while (atomic_fetch_add_explicit(&shared->next, 1, memory_order_relaxed) < shared->calls)
        cbaseline_spin(shared->iterations);
    return NULL;
}

int cbaseline_spin_threads(uint32_t threads, uint64_t calls, uint64_t iterations, cbaseline_result *result) {
    enum { MOST = 256 };
    pthread_t started[MOST];
    work shared = {.calls = calls, .iterations = iterations};
    result->error[0] = 0;
    if (threads > MOST) threads = MOST;
    int64_t start = cbaseline_now_ns();
    uint32_t count = 0;
    while (count < threads && pthread_create(&started[count], NULL, spin, &shared) == 0) count++;
    for (uint32_t index = 0; index < count; index++) pthread_join(started[index], NULL);
    result->seconds = (double)(cbaseline_now_ns() - start) / 1e9;
    result->records = calls;
    if (count == threads) return 0;
    snprintf(result->error, sizeof(result->error), "no thread to be had");
    return -1;
}
