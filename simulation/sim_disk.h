/* simulation/sim_disk.h -- A disk in memory that forgets what was not synced.
 *
 * It stands behind the seam (struct strand_fs).  Each file has two contents: what the page cache
 * shows to every reader now, and what the disk holds.  Each directory likewise has its names now
 * and its names on disk.  Syncs copy from the first to the second; a power cut throws the first
 * away, in one of the ways that a real disk may.
 *
 * Rules it follows
 *   - A write dirties whole 512-byte sectors; sync_data() and sync_all() make content and size of
 *     one file durable; sync_directory() the names of one directory.  A file whose name was never
 *     synced is gone after a cut, whatever was synced in it.
 *   - A failed sync leaves the dirty sectors clean, and the size: the cache keeps showing the new
 *     ones, the disk keeps the old ones, and the next sync writes neither (as Linux does).  The
 *     error that a planned fault gives does exactly this.  A lost size is due again with the next
 *     change of the size, or write beyond the size on disk.  Each other open file of the inode
 *     gives the error, too, at its next sync, once (as Linux does since 4.13).  A failed
 *     sync_directory() loses nothing: journals do not forget, so the next one that succeeds covers
 *     those names.
 *   - Renaming, unlinking and creating are remembered in order, per directory, until it is synced.
 *     Each is atomic, a rename within one directory too.  A rename across directories is two
 *     operations, a new name in one and a name less in the other: both need a sync, and until
 *     then a cut may leave both names, or neither.  A directory cannot move to another (-EXDEV).
 *   - A full disk (CAPACITY) gives -ENOSPC from writes and creations, after a short write of what
 *     fits.  Overwriting what is allocated always fits.  Growing by set_size() allocates nothing,
 *     reserve() that fails keeps the blocks it got.
 *   - Blocks that are given up are free when that is durable: those of a file that was removed or
 *     replaced when its directories are synced, and nobody has it open any more; those that a file
 *     was cut by, and has on disk, when it is synced.  What was never on disk of a file that is cut
 *     is free at once.  No other sync brings that forward, nor does a full disk.
 *   - What a cut leaves behind the end of a file is zeros; the search (crash_contents.h) keeps what
 *     the disk has there.
 *   - A map is a copy that each later change of the cache is repeated in.  It stays readable, as it
 *     is then, after a cut or a kill, until unmap() or destroy; never beyond the size asked for.
 *   - lock() needs a file open for writing and holds until close(), against every other open file.
 *   - close() closes even when it fails, as Linux does.  Each open file is closed once, also after
 *     a cut or a kill: then close() gives -EBADF, as all that such a file is still used for.
 *   - Everything is deterministic: same calls, same seed, same result.  Each look at a clock moves
 *     both on by 1 us; strand_sim_disk_set_clock() sets one; random() comes from the seed.
 *
 * Every operation on storage counts as one call: not kind, list, size, links, is_named, descriptor,
 * volume, unmap, nor the surroundings (clocks, random, ids).  Plans name calls by that number, so
 * that a test can do "the Nth call fails" and "the power goes at the Nth call" for N = 1, 2, ...
 * until a run is clean.
 *
 * Errors are those of Linux; paths know no "." and "..".  Out of memory in the middle of an
 * operation is a strand_assert: a test could judge nothing after it.
 *
 * Threading: one lock inside; any thread may call.
 */
#ifndef STRAND_SIMULATION_SIM_DISK_H
#define STRAND_SIMULATION_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/fs.h"
#include "strandline/status.h"

struct strand_sim_disk;

struct strand_sim_disk_options {
    uint64_t seed;
    int64_t file_size_max; /* 0: 4 MiB; -EFBIG beyond it; memory is used for what is written */
    int64_t capacity;      /* bytes of content, in blocks of 4 KiB; 0: unlimited */
    bool no_maps;          /* map() gives -ENOTSUP */
    bool short_writes;     /* every write and read is cut to at most 7 bytes: callers must loop */
    bool no_trace;         /* strand_sim_disk_trace() gives NULL; calls are faster */
};

/* A new disk holding the empty directory "/" alone.  STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_sim_disk_create(const struct strand_sim_disk_options *options,
                                           struct strand_sim_disk **out_disk);

/* Accepts NULL.  Open files and maps are gone with it: close before. */
void strand_sim_disk_destroy(struct strand_sim_disk *disk);

/* The seam; valid as long as the disk. */
const struct strand_fs *strand_sim_disk_fs(struct strand_sim_disk *disk);

/* ---- Plans ---- */

/* Calls so far, since creation or the last strand_sim_disk_plan_clear(). */
uint64_t strand_sim_disk_calls(const struct strand_sim_disk *disk);

/* Fail call number NTH (1 = the next one counted from the last clear) with -CODE; every call from
 * there on if STICKY.  Reads, writes, syncs, names: whatever that call is, it has no other effect
 * (a failed sync and a failed close: see above).  Several plans may wait at once; of two that
 * strike the same call the older counts. */
void strand_sim_disk_plan_fault(struct strand_sim_disk *disk, uint64_t nth, int code, bool sticky);

/* As above, but count only operations of the kinds named in KINDS, since the last clear as well. */
enum strand_sim_kind {
    STRAND_SIM_OPEN = 1,
    STRAND_SIM_READ = 2,
    STRAND_SIM_WRITE = 4, /* also set_size, zero_range, copy_range, reserve */
    STRAND_SIM_SYNC = 8,
    STRAND_SIM_SYNC_DIRECTORY = 16,
    STRAND_SIM_NAME = 32, /* rename, link, remove, make and remove directory */
    STRAND_SIM_CLOSE = 64,
    STRAND_SIM_MAP = 128,
    STRAND_SIM_LOCK = 256,
};
void strand_sim_disk_plan_fault_of(struct strand_sim_disk *disk, uint32_t kinds, uint64_t nth,
                                   int code, bool sticky);

/* The power goes at call NTH: it and every later call fails with -EIO and changes nothing (but
 * closes files), until strand_sim_disk_cut() or strand_sim_disk_plan_clear(). */
void strand_sim_disk_plan_cut(struct strand_sim_disk *disk, uint64_t nth);

/* Forget all plans, the power is back; count calls and bytes read from 0 again. */
void strand_sim_disk_plan_clear(struct strand_sim_disk *disk);

/* One line for each call since the last clear, in a ring of the last 4,096: for messages of tests
 * ("17 sync_data /data/orders-0/...log").  NULL when call NTH is not remembered.  Valid until the
 * next call. */
const char *strand_sim_disk_trace(const struct strand_sim_disk *disk, uint64_t nth);

/* Tell RECORD, borrowed until it is replaced by another or by NULL, all that changes: see
 * sim_record.h.  Neither cut nor store may be used meanwhile. */
struct strand_sim_record;
void strand_sim_disk_record(struct strand_sim_disk *disk, struct strand_sim_record *record);

/* ---- What happens to the machine ---- */

enum strand_sim_loss {
    STRAND_SIM_LOSE_ALL,     /* nothing unsynced survives: neither content nor names */
    STRAND_SIM_KEEP_NAMES,   /* names survive, unsynced content does not (files empty or old) */
    STRAND_SIM_KEEP_CONTENT, /* content survives, unsynced names do not */
    STRAND_SIM_KEEP_ALL,     /* all of it happened to be written back */
    STRAND_SIM_RANDOM,    /* per sector old or new; per file the old size, the new size or between;
                             per directory an ordered prefix of the unsynced operations */
    STRAND_SIM_UNORDERED, /* likewise, but of the unsynced operations any: no journal keeps order */
    STRAND_SIM_LOSS_COUNT
};

/* The power was cut: lose what LOSS says (SEED decides what is random), drop locks, invalidate
 * open files, forget plans (the count of calls goes on), change the boot id.  What is left is
 * durable. */
void strand_sim_disk_cut(struct strand_sim_disk *disk, enum strand_sim_loss loss, uint64_t seed);

/* The process died: locks and open files are gone, the cache stays, the boot id and plans too. */
void strand_sim_disk_kill(struct strand_sim_disk *disk);

/* A copy of everything, cache and disk alike, without open files or plans. */
STRAND_MUST_USE int strand_sim_disk_clone(const struct strand_sim_disk *disk,
                                          struct strand_sim_disk **out_disk);

/* ---- Looking, and meddling ---- */

/* The cache's content of PATH, a zero byte behind it that is not counted: NULL when there is no
 * such file.  OUT_SIZE may be NULL.  Valid until the next change. */
const uint8_t *strand_sim_disk_content(const struct strand_sim_disk *disk, const char *path,
                                       int64_t *out_size);

/* Replace (in the same file) or create PATH, durably, behind everybody's back: full disk and plans
 * do not matter, and all names in the directories on the way become durable.  DATA NULL removes it;
 * not there is STRAND_OK.  STRAND_ERR_NOT_FOUND without its directory; STRAND_ERR_INVALID for a bad
 * SIZE. */
STRAND_MUST_USE int strand_sim_disk_store(struct strand_sim_disk *disk, const char *path,
                                          const void *data, int64_t size);

/* Whether anything is not durable (content or names) anywhere below PATH, itself included. */
bool strand_sim_disk_is_dirty(const struct strand_sim_disk *disk, const char *path);

/* Free space changes, as when somebody else fills or clears the disk.  0: unlimited; 1: full. */
void strand_sim_disk_set_capacity(struct strand_sim_disk *disk, int64_t capacity);

void strand_sim_disk_set_clock(struct strand_sim_disk *disk, int64_t wall_ns);
void strand_sim_disk_advance(struct strand_sim_disk *disk, int64_t ns); /* both clocks */

/* Bytes that read_at() gave since the last clear, from paths (as opened) that end in SUFFIX ("" for
 * all). */
int64_t strand_sim_disk_bytes_read(const struct strand_sim_disk *disk, const char *suffix);

/* Files open now and valid. */
int strand_sim_disk_open_files(const struct strand_sim_disk *disk);

#endif
