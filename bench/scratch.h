/* bench/scratch.h -- A directory for the files of measurements, removed with everything in it.
 *
 * Also after a failure and after the first SIGINT or SIGTERM; only a second signal, or SIGKILL,
 * leaves it behind: it is called strandline-bench.XXXXXX.
 */
#ifndef STRAND_BENCH_SCRATCH_H
#define STRAND_BENCH_SCRATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "strandline/status.h"

enum { BENCH_PATH_SIZE = 4096 };

struct bench_scratch {
    char path[BENCH_PATH_SIZE];
    unsigned name_count;
};

/* Make it in PARENT. */
STRAND_MUST_USE int bench_scratch_create(const char *parent, struct bench_scratch *out_scratch);

/* STRAND_ERR_IO when something could not be removed. */
int bench_scratch_remove(struct bench_scratch *scratch);

/* STRAND_ERR_NO_SPACE, with what to do about it, when fewer than BYTES are free. */
STRAND_MUST_USE int bench_scratch_require(const struct bench_scratch *scratch, int64_t bytes);

/* Make an empty directory in it, of a name that was not there before. */
STRAND_MUST_USE int bench_scratch_make(struct bench_scratch *scratch,
                                       char out_path[BENCH_PATH_SIZE]);

/* Remove the directory PATH and everything in it. */
STRAND_MUST_USE int bench_tree_remove(const char *path);

/* Call VISIT for each regular file below PATH; what it returns, if not 0, ends the walk. */
typedef int bench_file_fn(void *context, const char *path);
STRAND_MUST_USE int bench_tree_visit(const char *path, bench_file_fn *visit, void *context);

/* Write BYTES to a file and remove it, so that the kernel has as much memory at hand: pages that a
 * virtual machine has not touched for a while cost as much as ten times more. */
STRAND_MUST_USE int bench_scratch_warm(struct bench_scratch *scratch, int64_t bytes);

/* What the device below has been made to write since it was started, by everybody; -1: unknown. */
int64_t bench_scratch_device_bytes(const struct bench_scratch *scratch);

#endif
