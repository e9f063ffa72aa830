/* tests/fuzz/fuzz.h -- What a fuzz target is made of.
 *
 * Each fuzz_<target>.c defines both functions.  Clang's fuzzer calls the first; mutate.c makes a
 * plain program of it, which also writes the files to begin a corpus with.
 */
#ifndef STRAND_TESTS_FUZZ_FUZZ_H
#define STRAND_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer_pool.h"
#include "strandline/fs.h"

struct strand_codec_pool;
struct strand_sim_disk;

/* Any bytes at all: it returns 0, or the program ends with what is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input number NUMBER, from 0, into OUT, which is empty.  false: there are no more. */
bool fuzz_make_seed(unsigned number, struct strand_buffer *out);

/* CONDITION holds, or the program ends. */
#define FUZZ_MUST(condition) fuzz_must((condition), #condition, __FILE__, __LINE__)
void fuzz_must(bool condition, const char *text, const char *file, int line);

/* Put SIZE bytes behind what BUFFER holds. */
void fuzz_put(struct strand_buffer *buffer, const void *data, size_t size);

/* A disk with the directory /data, always the same one. */
struct strand_sim_disk *fuzz_disk(void);
const struct strand_fs *fuzz_fs(void);

/* Store /data/NAME on it; what an operation made of it. */
void fuzz_store(const char *name, const uint8_t *data, size_t size);
const uint8_t *fuzz_content(const char *name, size_t *out_size);

/* Whatever the process needs but once. */
struct strand_codec_pool *fuzz_codecs(void);

/* Put a batch of COUNT records compressed with CODEC behind what OUT holds; its first offset. */
void fuzz_put_batch(struct strand_buffer *out, int codec, int64_t base_offset, size_t count);

/* The CRC-32C of DATA[FROM..TO), little-endian at AT, is right after this. */
void fuzz_fix_crc(uint8_t *data, size_t from, size_t to, size_t at);

#endif
