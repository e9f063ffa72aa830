/* recovery/log_identity.h -- strandline.id: which log a partition directory is.
 *
 * A log that was deleted and created again under the same name is another log: its frontier slot,
 * index entries and checkpoints are not the old one's.  The id tells them apart.
 *
 *   byte  0        4         8            24      28    32
 *         +--------+---------+------------+-------+-----+
 *         | "STID" | version | id, random | flags | crc |   little-endian; CRC-32C of [0, 28)
 *         +--------+---------+------------+-------+-----+
 *
 * Written once, with the directory; replaced whole when a flag changes.  A missing or bad file is
 * replaced by a new id (nothing that was kept for the old one applies any more).
 *
 * Threading: no state.
 */
#ifndef STRAND_RECOVERY_LOG_IDENTITY_H
#define STRAND_RECOVERY_LOG_IDENTITY_H

#include <stdint.h>

#include "strandline/status.h"

struct strand_fs;

#define STRAND_LOG_IDENTITY_NAME "strandline.id"

enum { STRAND_LOG_ID_SIZE = 16 };

enum strand_log_identity_flag {
    STRAND_LOG_IS_REPLICATED = 1,
    STRAND_LOG_HAS_GAPS = 2, /* a batch may start above the end of the one it adjoins */
};

struct strand_log_identity {
    uint8_t id[STRAND_LOG_ID_SIZE];
    uint32_t flags;
};

/* A new random id.  STRAND_ERR_IO when there is no randomness. */
STRAND_MUST_USE int strand_log_identity_create(const struct strand_fs *fs, uint32_t flags,
                                               struct strand_log_identity *out_identity);

/* STRAND_ERR_NOT_FOUND: no file.  STRAND_ERR_CORRUPT: size, magic, version or CRC (which, in the
 * message).  STRAND_ERR_IO. */
STRAND_MUST_USE int strand_log_identity_read(const struct strand_fs *fs, const char *directory,
                                             struct strand_log_identity *out_identity);

/* Replace the file durably. */
STRAND_MUST_USE int strand_log_identity_write(const struct strand_fs *fs, const char *directory,
                                              const struct strand_log_identity *identity);

#endif
