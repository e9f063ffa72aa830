/* strandline/crash.h -- Prove that a program keeps its promises through a power cut.
 *
 * For any program that does its I/O through struct strand_fs (strandline/fs.h).  It gives two
 * functions: RUN does some work on an empty disk and notes what it promises on the way; CHECK opens
 * what a crash has left and says whether the promises were kept.  The kit calls RUN once on a
 * simulated disk and records every operation.  Then, for each boundary between two operations, it
 * works out every content that a disk may legally have if the power goes there, and calls CHECK on
 * each of them.
 *
 *     static int
 *     run(const struct strand_fs *fs, void *context)
 *     {
 *         int status = counter_set(fs, "/counter", 1);
 *
 *         if (status == 0)
 *             strand_crash_note(fs, 1);
 *         return status;
 *     }
 *
 *     static int
 *     check(const struct strand_fs *fs, void *context, const struct strand_crash_state *state)
 *     {
 *         uint64_t promised = state->note_count > 0 ? state->notes[state->note_count - 1] : 0;
 *         uint64_t found = counter_get(fs, "/counter");
 *
 *         return found >= promised ? 0 : strand_crash_fail(fs, "counter is %d, not %d", ...);
 *     }
 *
 * The kit is a library of its own, strandline-crash: programs link it for their tests.  It knows
 * nothing of logs and does not need libstrandline; a program on top of an engine gives FS to
 * strand_engine_open().  docs/CRASH_TESTING.md teaches its use.
 *
 * What may survive
 *   - A file is made of pages of 4 KiB.  Each change of a page makes a version of it.  What the
 *     disk holds of a page is what it held at the file's last sync, or any version since then; of
 *     the newest one possibly a torn part: its first 1 to 7 sectors of 512 bytes with the rest of
 *     an older version, or its last 1 to 7.  Pages are independent of each other.
 *   - The size of a file is what it was at its last sync, or any that it had since, independent of
 *     its pages; of one that grew in a write also the end of each page between.  What no page
 *     has written reads as zeros.  What set_size() cuts off becomes zeros on disk when the file has
 *     grown again over it.
 *   - Bytes of the last page that lie behind the size cannot be read, but stay on the disk until
 *     that page is written again.  A second crash may show them: if the file has grown over them,
 *     and its new size is on the disk and the page is not (as ext4 does).
 *   - A sync of a file makes its content and size durable, not its name.  sync_directory() makes
 * the names in one directory durable.  A boundary lies before and behind a sync: a sync that is
 *     under way has done any part of its work.
 *   - Creating, renaming, linking and removing change names, each atomically.  Of those in one
 *     directory since its last sync the first few survive, from none to all
 *     (STRAND_CRASH_ORDERED, as ext4 and xfs do), or any of them (STRAND_CRASH_ANY, all that POSIX
 *     promises).  Directories are independent of each other, and so are the two halves of a rename
 *     from one to another.  A file without a surviving name is gone, whatever was synced in it.
 *   - A sync that fails leaves the pages clean: readers see the new bytes, the disk keeps the old
 *     ones, the next sync does not write them.  A size likewise.  Each other open file of the inode
 *     gives the error, too, at its next sync, once.  Names that a failed sync_directory() did not
 *     write are written by the next.
 *   - When only the process dies (STRAND_CRASH_KILL) everything survives, and what was not synced
 *     may still be lost in a later power cut.  Locks are gone.
 * Not modelled: disks that lie about a successful sync, bits that change by themselves, sectors
 * that are neither old nor new, an order between pages or files that journals might keep.
 *
 * Result: the same program, options and seed give the same result, whatever JOBS says.  States are
 * told apart by what is on the disk and what had been noted, with a hash of 64 bits: of ten million
 * states one is overlooked with a chance of three in a million.
 *
 * Threads: each call of strand_crash_explore() stands alone; several threads may make one each.
 * RUN, and with JOBS above 1 CHECK and GO_ON on several threads at once, are called on threads of
 * the call.  They must do the same calls to FS each time: not depend on clocks, addresses or the
 * order of threads (clocks and random numbers of FS repeat).
 *
 * Out of memory ends the process: a test could judge nothing after it.
 */
#ifndef STRANDLINE_CRASH_H
#define STRANDLINE_CRASH_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/fs.h"
#include "strandline/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What the program is told, and tells ---- */

enum strand_crash_kind {
    STRAND_CRASH_POWER = 1, /* what was not synced may be lost */
    STRAND_CRASH_KILL = 2,  /* the process died, the machine did not */
};

/* What came before a check.  Valid during the call. */
struct strand_crash_state {
    size_t struct_size;
    const uint64_t *notes; /* all that had been noted before the crash, oldest first */
    size_t note_count;
    size_t run_note_count; /* so many of them by RUN; the others by CHECK and GO_ON, between two
                              crashes */
    uint32_t kind;         /* enum strand_crash_kind: of the last crash */
    size_t cut_note_count; /* so many came before the last power cut; what was written since has
                              survived.  All of them behind a power cut, 0 if there was none */
};

/* Work on an empty disk.  Returns 0; anything else only when a fault was planned (see below).
 * Everything that is still open is closed by the kit. */
typedef int strand_crash_run_fn(const struct strand_fs *fs, void *context);

/* Open what is left, repair it, compare it with the notes, close it.  Returns 0 when all is well.
 */
typedef int strand_crash_check_fn(const struct strand_fs *fs, void *context,
                                  const struct strand_crash_state *state);

struct strand_crash_program {
    size_t struct_size; /* sizeof(struct strand_crash_program) */
    void *context;      /* borrowed; handed to the functions */
    strand_crash_run_fn *run;
    strand_crash_check_fn *check;
    /* With a depth of 2: go on working after a check, and note what is promised; as CHECK
     * otherwise.  NULL: the second crash falls into checks alone. */
    strand_crash_check_fn *go_on;
};

/* Remember NUMBER: from here on each check is told.  What it means is the program's business:
 * "records up to here are durable".  FS is the very table that RUN, CHECK or GO_ON was given. */
STRAND_API void strand_crash_note(const struct strand_fs *fs, uint64_t number);

/* Say what is wrong, in a sentence ("record 7 is gone"), and return STRAND_ERR_CORRUPT, for the
 * caller to return.  The first sentence on a disk counts; FS as above. */
STRAND_API int strand_crash_fail(const struct strand_fs *fs, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- Exploring ---- */

enum strand_crash_directories {
    STRAND_CRASH_ORDERED = 0, /* the first few operations on names survive */
    STRAND_CRASH_ANY = 1,     /* any of them */
};

/* Besides the run without faults, one for each call N = 1, 2, ... of RUN and each bit that is set:
 * call N fails, and the crash comes at any boundary from there on.  RUN may then fail or go on. */
enum strand_crash_fault {
    STRAND_CRASH_FAULT_IO = 1,              /* call N gives -EIO */
    STRAND_CRASH_FAULT_IO_STICKY = 2,       /* call N and all later ones */
    STRAND_CRASH_FAULT_NO_SPACE = 4,        /* call N gives -ENOSPC */
    STRAND_CRASH_FAULT_NO_SPACE_STICKY = 8, /* call N and all later ones */
};

enum {
    STRAND_CRASH_SENTENCE_SIZE = 512,
    STRAND_CRASH_LINE_SIZE = 256,
    STRAND_CRASH_TRACE_SIZE = 8192,
};

/* What was found, so far or in the end. */
struct strand_crash_result {
    uint64_t unique_states;  /* checked, each once */
    uint64_t generated;      /* states put together, before duplicates were dropped */
    uint64_t recoveries;     /* calls of CHECK */
    uint64_t crash_points;   /* boundaries looked at, those behind a first crash included */
    uint64_t sampled_points; /* of them those with more states than STATES_MAX: not exhaustive */
    uint64_t runs;           /* calls of RUN: 1, and the faulted ones */
    uint64_t violations;     /* states whose check failed */
    double seconds;
    int32_t is_complete; /* 0: stopped by a violation, the time limit, or PROGRESS */

    /* About the first violation in the order of points and states; "" without one. */
    char sentence[STRAND_CRASH_SENTENCE_SIZE];
    char replay[STRAND_CRASH_LINE_SIZE]; /* for strand_crash_replay() */
    char
        trace[STRAND_CRASH_TRACE_SIZE]; /* lines: the operations around it, what survived of them */
};

/* How far it has come; called now and then by the thread that explores.  0 to go on. */
typedef int strand_crash_progress_fn(void *context, const struct strand_crash_result *so_far);

/* All zeros (but struct_size) is the default. */
struct strand_crash_options {
    size_t struct_size;      /* sizeof(struct strand_crash_options) */
    uint64_t seed;           /* of random(), and of the sample where not all is looked at */
    int32_t depth;           /* 1 or 2 crashes, 0: 1; the second falls into CHECK and GO_ON */
    uint32_t crashes;        /* enum strand_crash_kind; 0: power cuts */
    uint32_t faults;         /* enum strand_crash_fault; 0: none */
    int32_t directories;     /* enum strand_crash_directories */
    int32_t whole_pages;     /* not 0: no page is torn */
    uint32_t jobs;           /* threads that check; 0: 1 */
    uint64_t states_max;     /* per point; 0: 20,000.  Above it the point is sampled: nothing, all,
                                all but each one, each one alone, all up to each operation, ... */
    uint64_t samples;        /* ... and so many random states; 0: 64 */
    uint64_t violations_max; /* stop soon after so many; 0: 1 */
    int64_t time_limit_ms;   /* 0: none */

    /* The disk. */
    int64_t file_size_max; /* 0: 4 MiB */
    int64_t capacity;      /* 0: unlimited */
    int32_t no_maps;       /* not 0: map() gives -ENOTSUP */
    int32_t short_writes;  /* not 0: each read and write is cut to 7 bytes */

    strand_crash_progress_fn *progress; /* NULL: none */
    void *progress_context;
};

/* Run PROGRAM and check all that a crash may leave.  OPTIONS may be NULL.  *OUT_RESULT is written
 * whatever happens.
 *
 * STRAND_OK; STRAND_ERR_CORRUPT when a check failed; STRAND_ERR_FAILED when RUN failed though
 * nothing was in its way; STRAND_ERR_INVALID for wrong arguments.  The sentence of each is in the
 * result (and not in strand_error_message(): this is another library). */
STRAND_API STRAND_MUST_USE int strand_crash_explore(const struct strand_crash_program *program,
                                                    const struct strand_crash_options *options,
                                                    struct strand_crash_result *out_result);

/* Check the one state that LINE, the REPLAY of a result, names.  OPTIONS tell about the disk alone;
 * all else is in the line.  STRAND_OK when the check passes now; STRAND_ERR_INVALID when LINE is
 * not one, or names a state that PROGRAM does not lead to any more; else as above. */
STRAND_API STRAND_MUST_USE int strand_crash_replay(const struct strand_crash_program *program,
                                                   const struct strand_crash_options *options,
                                                   const char *line,
                                                   struct strand_crash_result *out_result);

#ifdef __cplusplus
}
#endif

#endif
