/* tests/fuzz/fuzz_lmdb_check.h -- What the fuzzer calls. */
#ifndef STRAND_TESTS_FUZZ_LMDB_CHECK_H
#define STRAND_TESTS_FUZZ_LMDB_CHECK_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
