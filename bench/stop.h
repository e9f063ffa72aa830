/* bench/stop.h -- Whether to go on: there was no interrupt, and there is time left.
 *
 * Everything that may take long asks: filling files, making logs, waiting.  What was measured until
 * then is printed.
 */
#ifndef STRAND_BENCH_STOP_H
#define STRAND_BENCH_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* From now on there are SECONDS left; 0: as many as it takes. */
void bench_stop_after(int64_t seconds);

/* Did a signal come, or is the time over? */
bool bench_stop_is_wanted(void);

/* How much time is left: at least 1; 0 where there is no limit. */
int64_t bench_stop_left_ns(void);

#endif
