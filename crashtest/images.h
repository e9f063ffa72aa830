/* crashtest/images.h -- What LMDB's file held after each commit of a run, put back for each check.
 *
 * LMDB needs real files: the simulated disk knows nothing of them.  A commit is durable when it
 * returns, so what a crash leaves of the index is the file as of some commit before it; and since
 * the index is a cache, any other state of it has to be as good.
 *
 * Checks that run at the same time have a directory each, of a pool below one that should be in
 * memory.
 *
 * Threading: any thread.
 */
#ifndef STRAND_CRASHTEST_IMAGES_H
#define STRAND_CRASHTEST_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "crashtest/program.h"

struct crashtest_images;

/* Directories are made in RAM_DIRECTORY, which is there.  STRAND_ERR_NO_MEMORY, _INVALID. */
STRAND_MUST_USE int crashtest_images_create(const char *ram_directory,
                                            struct crashtest_images **out_images);

/* Accepts NULL.  Removes the directories; all of them were released. */
void crashtest_images_destroy(struct crashtest_images *images);

/* ---- Directories ---- */

/* A directory that nobody else has; its content is of no interest.  *OUT_DIRECTORY is borrowed, and
 * valid until the end. */
STRAND_MUST_USE int crashtest_images_acquire(struct crashtest_images *images,
                                             const char **out_directory);
void crashtest_images_release(struct crashtest_images *images, const char *directory);

/* ---- Images ---- */

/* A run begins: there is none, and DIRECTORY holds no index. */
STRAND_MUST_USE int crashtest_images_begin(struct crashtest_images *images, const char *directory);

/* The index in DIRECTORY is as it was left when NOTE_COUNT notes had been made, which never falls.
 * One that is equal to the last is not kept. */
STRAND_MUST_USE int crashtest_images_take(struct crashtest_images *images, const char *directory,
                                          size_t note_count);

/* Make the index in DIRECTORY as KIND says, of a crash behind NOTE_COUNT notes: an old one is half
 * as many commits old as there were.  Damage is the same for the same SEED. */
STRAND_MUST_USE int crashtest_images_put(struct crashtest_images *images, enum crashtest_index kind,
                                         size_t note_count, uint64_t seed, const char *directory);

#endif
