/* crashtest/formats.h -- The small files of a data directory, read as docs/FORMAT.md has them.
 *
 * Written once more, and stricter than the engine's own readers, which forgive what a broker writes
 * and what no longer matters: a mistake that reader and writer share would show nowhere else.
 *
 * Each returns what is wrong with the SIZE bytes of DATA, NULL: nothing; only then its results are
 * set.
 */
#ifndef STRAND_CRASHTEST_FORMATS_H
#define STRAND_CRASHTEST_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashtest/step.h"
#include "recovery/clean_marker.h"
#include "recovery/frontier.h"
#include "recovery/log_identity.h"
#include "strandline/log.h"

enum { CRASHTEST_EPOCHS_MAX = 2 * CRASHTEST_STEPS_MAX };

/* One of Kafka's three files of offsets. */
const char *crashtest_read_offsets(const uint8_t *data, int64_t size);

/* leader-epoch-checkpoint */
const char *crashtest_read_epochs(const uint8_t *data, int64_t size,
                                  struct strand_leader_epoch out_epochs[CRASHTEST_EPOCHS_MAX],
                                  size_t *out_count);

/* strandline.id */
const char *crashtest_read_identity(const uint8_t *data, int64_t size,
                                    struct strand_log_identity *out_identity);

/* strandline.format */
const char *crashtest_read_format(const uint8_t *data, int64_t size);

/* strandline.clean, which names the logs of a workload at the most. */
struct crashtest_marker {
    struct strand_clean_entry entries[CRASHTEST_LOGS];
    size_t count;
};
const char *crashtest_read_marker(const uint8_t *data, int64_t size,
                                  struct crashtest_marker *out_marker);

/* strandline.frontier: header and slots.  A slot is written with one call and lies in one sector:
 * on the simulated disk none is ever torn. */
const char *crashtest_read_frontier(const uint8_t *data, int64_t size);

/* The slot of ID, of two the newer one, in a file that is as it should be.  false: there is none.
 */
bool crashtest_find_slot(const uint8_t *data, int64_t size, const uint8_t id[STRAND_LOG_ID_SIZE],
                         struct strand_frontier_slot *out_slot);

#endif
