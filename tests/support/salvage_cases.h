/* tests/support/salvage_cases.h -- Logs that recovery quarantines, and what salvage makes of them.
 */
#ifndef STRAND_TESTS_SALVAGE_CASES_H
#define STRAND_TESTS_SALVAGE_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct salvage_case {
    const char *name;
    const char *segments; /* support/log_image.h */
    const char *epochs;   /* NULL: "0\n1\n0 0\n" */
    int64_t durable_end;  /* of the slot, or Kafka's recovery point */
    int64_t log_start;
    uint32_t flags;
    bool has_no_slot;
    bool has_tail;        /* something stands above the durable end, which any recovery cuts */
    bool is_cut_each_way; /* power cuts lose what they may in every way, not in one */

    const char *kept; /* as log_image_read() shows it */
    const char *saved;
    int64_t log_end;
    int64_t cut_first_offset;
    int64_t cut_bytes;
    const char *epochs_after; /* NULL: as before */
};

extern const struct salvage_case salvage_cases[];
extern const size_t salvage_case_count;

#endif
