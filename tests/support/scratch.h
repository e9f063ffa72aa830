/* tests/support/scratch.h -- A directory of the test's own, and files in it. */
#ifndef STRAND_TESTS_SCRATCH_H
#define STRAND_TESTS_SCRATCH_H

#include <stddef.h>

enum { SCRATCH_PATH_SIZE = 256 };

/* Make a directory below TMPDIR, or /tmp; its path is static. */
const char *scratch_create(void);

/* Remove it, and the files and the empty directories in it. */
void scratch_remove(void);

/* Write OUT_PATH: NAME in the directory. */
void scratch_path(char out_path[SCRATCH_PATH_SIZE], const char *name);

/* Make PATH a file of SIZE bytes of CONTENT. */
void scratch_store(const char *path, const void *content, size_t size);

/* The content of PATH with a zero byte behind it, NULL when it is not there; valid until the next
 * call. */
const char *scratch_content(const char *path, size_t *out_size);

#endif
