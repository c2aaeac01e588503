#ifndef KOKANEE_CGETOPT_SHIM_H
#define KOKANEE_CGETOPT_SHIM_H

/* Swift's Glibc module leaves getopt_long out, and its mutable globals are not for Swift 6 to touch. */
#include <getopt.h>

typedef struct {
    int code;
    const char *value;
    /* The short flag that is unknown or lacks its value. */
    int offender;
} cgetopt_result;

/* Starts over. 0, not 1: GNU getopt then also forgets the cluster of short flags that an earlier run stopped in. */
static inline void cgetopt_reset(void) {
    optind = 0;
    opterr = 0;
}

/* The index in argv of the word that comes next. */
static inline int cgetopt_index(void) {
    return optind < 1 ? 1 : optind;
}

static inline cgetopt_result cgetopt_next(int argc, char *const *argv, const char *shorts,
                                          const struct option *longs) {
    optarg = 0;
    int code = getopt_long(argc, argv, shorts, longs, 0);
    return (cgetopt_result){code, optarg, optopt};
}

#endif
