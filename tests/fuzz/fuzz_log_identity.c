/* tests/fuzz/fuzz_log_identity.c -- Any bytes as strandline.id, as they are and with a right CRC:
 * what is read is written the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "recovery/log_identity.h"

enum { CRC = 28, SIZE = 32 };

static void
try_file(const uint8_t *data, size_t size)
{
    struct strand_log_identity identity;
    size_t stored_size;

    fuzz_store(STRAND_LOG_IDENTITY_NAME, data, size);
    int status = strand_log_identity_read(fuzz_fs(), "/data", &identity);
    FUZZ_MUST(status == STRAND_OK || status == STRAND_ERR_CORRUPT);
    if (status != STRAND_OK)
        return;
    FUZZ_MUST(strand_log_identity_write(fuzz_fs(), "/data", &identity) == STRAND_OK);
    const uint8_t *stored = fuzz_content(STRAND_LOG_IDENTITY_NAME, &stored_size);
    FUZZ_MUST(stored_size == size && memcmp(stored, data, size) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t fixed[SIZE];

    try_file(data, size);
    if (size != SIZE)
        return 0;
    memcpy(fixed, data, SIZE);
    fuzz_fix_crc(fixed, 0, CRC, CRC);
    try_file(fixed, SIZE);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    struct strand_log_identity identity = {.id = "an id of a log.", .flags = number};
    size_t size;

    if (number >= 4)
        return false;
    FUZZ_MUST(strand_log_identity_write(fuzz_fs(), "/data", &identity) == STRAND_OK);
    const uint8_t *stored = fuzz_content(STRAND_LOG_IDENTITY_NAME, &size);
    fuzz_put(out, stored, size);
    return true;
}
