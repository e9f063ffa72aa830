/* engine/data_directory.h -- The directory that holds all logs: whose it is, who writes it, what is
 * in it.
 *
 *   .lock               held (open-file-description lock) by the one writing process; its text says
 *                       which, in which boot, and 16 random bytes that are drawn at each opening:
 *                       what was kept apart from the directory and names others is of a time that
 *                       the directory does not know.  Never unlinked, and not synced.
 *   strandline.clean    which logs were closed cleanly (recovery/clean_marker.h).
 *   strandline.format   whose the directory is, and in which version (engine/format_file.h).
 *   strandline.takeover .kafka_cleanshutdown, renamed, or an empty file: a broker was the last
 *                       writer; of the logs those without a frontier slot, which was emptied
 * before, are as it left them.  Removed when every log serves.
 *
 * Whose it is:  a valid strandline.format: ours.  Files or partitions of a Kafka broker: Kafka's,
 * opened in place.  Nothing, or nothing but .lock and strandline.*: empty, to be initialised.
 * Anything else: refused, STRAND_ERR_FOREIGN.
 *
 * Opening for writing: lock -> boot id of the last writer read, our name written ->
 * strandline.clean read -> it and .kafka_cleanshutdown removed, directory synced, always: from here
 * on a crash is one.
 *
 * Initialising: frontier -> parent directory synced -> strandline.format last, directory synced.
 * What ends before the format leaves a directory that counts as empty.
 *
 * Threading: one thread, at open and close.
 */
#ifndef STRAND_ENGINE_DATA_DIRECTORY_H
#define STRAND_ENGINE_DATA_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "engine/ballast.h"
#include "engine/format_file.h"
#include "recovery/clean_marker.h"
#include "strandline/status.h"

#define STRAND_LOCK_NAME        ".lock"
#define STRAND_KAFKA_CLEAN_NAME ".kafka_cleanshutdown"
#define STRAND_TAKEOVER_NAME    "strandline.takeover"

enum { STRAND_OPENING_SIZE = 16 };

struct strand_data_directory {
    const struct strand_fs *fs;                /* borrowed */
    char *path;                                /* owned; absolute */
    char *lock_path;                           /* owned */
    struct strand_file lock;                   /* not open when read-only */
    uint8_t last_opening[STRAND_OPENING_SIZE]; /* of the last writer; zeros: not known */
    uint8_t opening[STRAND_OPENING_SIZE];      /* of this one; zeros when read-only */
    bool was_kafkas;    /* a broker was the last writer: our slots mean nothing */
    bool is_taken_over; /* or was, and a log without a slot is as it left it */
    bool has_writer;    /* read-only: another process holds the lock */
    bool is_same_boot;  /* the last writer's kernel still runs, or nobody knows: its cache may hold
                           pages that a failed sync left unwritten */
    struct strand_clean_marker clean; /* empty: nothing is vouched for */
    struct strand_ballast ballast;
};

/* FLAGS: enum strand_engine_flag.  On success the directory exists, is ours (read-only: may also be
 * Kafka's), is locked (unless read-only), and .kafka_cleanshutdown is gone (unless read-only). */
STRAND_MUST_USE int strand_data_directory_open(const struct strand_fs *fs, const char *path,
                                               uint32_t flags,
                                               struct strand_data_directory *out_directory);

/* A reader's look at the lock: sets has_writer.  To be called when the frontier is loaded: what its
 * slots say is then finished, on disk, too, if nobody writes. */
STRAND_MUST_USE int strand_data_directory_look_for_writer(struct strand_data_directory *directory);

/* Take the lock of one that was opened read-only, for who needs it to stay as it is: nothing of it
 * changes but our name in the lock file.  STRAND_ERR_IN_USE. */
STRAND_MUST_USE int strand_data_directory_lock(struct strand_data_directory *directory);

/* A broker turns out to have written a log, and has left no marker: that is known, durably, until
 * every log is recovered. */
STRAND_MUST_USE int strand_data_directory_begin_takeover(struct strand_data_directory *directory);

/* Every log is recovered and has a slot.  It need not be durable. */
STRAND_MUST_USE int
strand_data_directory_end_takeover(const struct strand_data_directory *directory);

/* Gives the lock up.  Accepts all zeros. */
int strand_data_directory_close(struct strand_data_directory *directory);

#endif
