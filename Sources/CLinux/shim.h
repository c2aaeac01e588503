#pragma once

// Calls that glibc's headers show only under _GNU_SOURCE or _DEFAULT_SOURCE, without which Swift's Glibc module is
// built. No header is included: its types would belong to this module in some builds, and to Glibc in others.
int pipe2(int descriptors[2], int flags);
// Of sys/random.h, which is in no module of Swift's.
long getrandom(void *buffer, unsigned long length, unsigned int flags);
// `actions` is a posix_spawn_file_actions_t *.
int posix_spawn_file_actions_addclosefrom_np(void *actions, int from);
// glibc 2.36 and later; `poll` says that such a descriptor is readable once the process has ended.
int pidfd_open(int pid, unsigned int flags);
// No call of a library's: tells the processor that what stands there is about to be changed. Nothing is read, so that any
// address will do.
static inline void clinux_will_change(const void *_Nullable address) { __builtin_prefetch(address, 1); }
