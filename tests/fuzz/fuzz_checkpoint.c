/* tests/fuzz/fuzz_checkpoint.c -- Any bytes as one of Kafka's text files of offsets: what is read
 * is written and read the same. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "recovery/checkpoint.h"

static void
expect_same(const struct strand_checkpoint *a, const struct strand_checkpoint *b)
{
    FUZZ_MUST(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct strand_checkpoint_entry *entry = &a->entries[i];
        int64_t offset = -1;

        FUZZ_MUST(entry->offset >= 0 && entry->partition >= 0);
        FUZZ_MUST(strand_checkpoint_get(b, entry->topic, entry->partition, &offset));
        FUZZ_MUST(offset == entry->offset);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strand_checkpoint checkpoint, again;

    strand_checkpoint_init(&checkpoint);
    strand_checkpoint_init(&again);
    fuzz_store("in", data, size);
    int status = strand_checkpoint_load(fuzz_fs(), "/data", "in", &checkpoint);
    FUZZ_MUST(status == STRAND_OK || status == STRAND_ERR_CORRUPT);
    if (status == STRAND_OK) {
        FUZZ_MUST(strand_checkpoint_store(fuzz_fs(), "/data", "out", &checkpoint) == STRAND_OK);
        FUZZ_MUST(strand_checkpoint_load(fuzz_fs(), "/data", "out", &again) == STRAND_OK);
        expect_same(&checkpoint, &again);
    } else {
        FUZZ_MUST(checkpoint.count == 0);
    }
    strand_checkpoint_deinit(&checkpoint);
    strand_checkpoint_deinit(&again);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    static const char *const texts[] = {
        "",
        "0\n",
        "0\n0\n",
        "0\n2\norders 0 1842\norders 1 977\n",
        "0\n1\na.b_c-d 2147483647 9223372036854775807\n",
        "0\n3\nb 1 2\na 10 3\n a  2\t4\n",
    };

    if (number >= sizeof texts / sizeof *texts)
        return false;
    fuzz_put(out, texts[number], strlen(texts[number]));
    return true;
}
