/* bench/doomed.h -- Processes that write and die without closing anything: what they wrote is in
 * the kernel's hands, as after a crash of a program.
 *
 * They are forked by a process that is forked itself before a library has started threads, which a
 * child would not have.
 */
#ifndef STRAND_BENCH_DOOMED_H
#define STRAND_BENCH_DOOMED_H

#include <stdint.h>
#include <sys/types.h>

#include "strandline/status.h"

/* Write to DIRECTORY; a failure has its sentence.  The process ends when it returns. */
typedef int bench_doomed_fn(void *context, uint32_t number, const char *directory);

struct bench_doomed {
    pid_t server; /* 0: none */
    int requests; /* a pipe's end */
    int answers;  /* another's */
};

/* WRITE and CONTEXT as they are now are what each process gets. */
STRAND_MUST_USE int bench_doomed_start(bench_doomed_fn *write, void *context,
                                       struct bench_doomed *out_doomed);

/* Return when a process has called WRITE with NUMBER and DIRECTORY and is dead.  STRAND_END after
 * an interrupt. */
STRAND_MUST_USE int bench_doomed_run(struct bench_doomed *doomed, uint32_t number,
                                     const char *directory);

/* Accepts one that is all zeros. */
void bench_doomed_stop(struct bench_doomed *doomed);

#endif
