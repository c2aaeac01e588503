#pragma once

#include <spawn.h>

// Calls that glibc's headers show only under _GNU_SOURCE or _DEFAULT_SOURCE, without which Swift's Glibc module is
// built.
int pipe2(int descriptors[2], int flags);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
