/* tests/fuzz/fuzz_clean_marker.c -- Any bytes as strandline.clean, as they are and with a right
 * CRC: what is believed has entries that are found, and is written and read the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "recovery/clean_marker.h"

static void
try_file(const uint8_t *data, size_t size)
{
    struct strand_clean_marker marker;

    strand_clean_marker_init(&marker);
    fuzz_store(STRAND_CLEAN_NAME, data, size);
    int status = strand_clean_marker_load(fuzz_fs(), "/data", &marker);
    FUZZ_MUST(status == STRAND_OK || status == STRAND_ERR_CORRUPT);
    FUZZ_MUST(status == STRAND_OK || marker.count == 0);
    for (size_t i = 0; i < marker.count; i++)
        FUZZ_MUST(strand_clean_marker_find(&marker, marker.entries[i].id) == &marker.entries[i]);
    if (status == STRAND_OK) {
        size_t stored_size;

        FUZZ_MUST(strand_clean_marker_store(fuzz_fs(), "/data", &marker) == STRAND_OK);
        const uint8_t *stored = fuzz_content(STRAND_CLEAN_NAME, &stored_size);
        FUZZ_MUST(stored_size == size && memcmp(stored, data, size) == 0);
    }
    strand_clean_marker_deinit(&marker);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *fixed = malloc(size + 1);

    FUZZ_MUST(fixed != NULL);
    memcpy(fixed, data, size);
    try_file(fixed, size);
    if (size >= 4) {
        fuzz_fix_crc(fixed, 0, size - 4, size - 4);
        try_file(fixed, size);
    }
    free(fixed);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    struct strand_clean_marker marker;
    size_t size;

    if (number >= 3)
        return false;
    strand_clean_marker_init(&marker);
    for (unsigned i = 0; i < 2 * number; i++) {
        struct strand_clean_entry entry = {.id = {(uint8_t)(i + 1)},
                                           .generation = 4,
                                           .log_start = 2,
                                           .log_end = 20 + i,
                                           .active_base_offset = 10,
                                           .active_size = 700,
                                           .segment_count = 2,
                                           .newest_epoch = (int32_t)i - 1};

        FUZZ_MUST(strand_clean_marker_add(&marker, &entry) == STRAND_OK);
    }
    if (number == 2) {
        marker.index_commit = 17;
        marker.index_size = 8192;
    }
    FUZZ_MUST(strand_clean_marker_store(fuzz_fs(), "/data", &marker) == STRAND_OK);
    const uint8_t *stored = fuzz_content(STRAND_CLEAN_NAME, &size);
    fuzz_put(out, stored, size);
    strand_clean_marker_deinit(&marker);
    return true;
}
