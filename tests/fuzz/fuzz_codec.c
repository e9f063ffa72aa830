/* tests/fuzz/fuzz_codec.c -- Any bytes as compressed ones: codec 1 | bytes.
 *
 * Output stays within the limit, and what was decompressed comes back when it is compressed and
 * decompressed again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "storage/compression.h"

enum { LIMIT = 1 << 20, CAPACITY_MAX = 2 * LIMIT };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strand_buffer plain = {0};
    struct strand_buffer packed = {0};
    struct strand_buffer again = {0};

    if (size == 0)
        return 0;
    int codec = data[0] % 8;
    int status = strand_decompress(fuzz_codecs(), codec, data + 1, size - 1, LIMIT, &plain);
    FUZZ_MUST(plain.capacity <= CAPACITY_MAX);
    FUZZ_MUST(status == STRAND_OK || status == STRAND_ERR_BATCH ||
              (status == STRAND_ERR_CODEC && strand_codec_is_available(codec) == 0));
    if (status == STRAND_OK) {
        FUZZ_MUST(plain.size <= LIMIT);
        FUZZ_MUST(strand_compress(fuzz_codecs(), codec, 0, plain.data, plain.size, &packed) ==
                  STRAND_OK);
        FUZZ_MUST(strand_decompress(fuzz_codecs(), codec, packed.data, packed.size, LIMIT,
                                    &again) == STRAND_OK);
        FUZZ_MUST(again.size == plain.size &&
                  (plain.size == 0 || memcmp(again.data, plain.data, plain.size) == 0));
    }
    free(plain.data);
    free(packed.data);
    free(again.data);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    static const char *const texts[] = {"", "a", "value of a record, value of a record, value"};
    struct strand_buffer packed = {0};
    uint8_t codec = (uint8_t)(STRAND_CODEC_GZIP + number / 3);

    if (number >= 3 * STRAND_CODEC_ZSTD)
        return false;
    fuzz_put(out, &codec, 1);
    if (strand_codec_is_available(codec) != 0)
        FUZZ_MUST(strand_compress(fuzz_codecs(), codec, 0, texts[number % 3],
                                  strlen(texts[number % 3]), &packed) == STRAND_OK);
    fuzz_put(out, packed.data, packed.size);
    free(packed.data);
    return true;
}
