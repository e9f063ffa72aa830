/* engine/ballast.h -- strandline.ballast: room set aside for the moment when the disk is full.
 *
 * Blocks are allocated for it, nothing is in it.  Opening, cutting and checkpoints need a little
 * room even where everything they do is to free some: when they find none the ballast goes and they
 * try once more.  It comes back when there is room again.
 *
 * Not there is no failure: a directory without one works, until its disk is full.
 *
 * Threading: any thread.
 */
#ifndef STRAND_ENGINE_BALLAST_H
#define STRAND_ENGINE_BALLAST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "strandline/status.h"

#define STRAND_BALLAST_NAME "strandline.ballast"

enum {
    STRAND_BALLAST_SIZE = 1 << 20,
};

struct strand_ballast {
    const struct strand_fs *fs; /* borrowed */
    const char *directory;      /* borrowed */
    atomic_bool is_there;
};

void strand_ballast_init(struct strand_ballast *ballast, const struct strand_fs *fs,
                         const char *directory);

/* Give it back to the disk if STATUS is STRAND_ERR_NO_SPACE and it is there: then true, and what
 * failed may be tried once more.  The sentence of the failure stays. */
bool strand_ballast_release(struct strand_ballast *ballast, int status);

/* Take it if it is not there and the disk has room for it. */
void strand_ballast_take(struct strand_ballast *ballast);

#endif
