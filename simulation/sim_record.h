/* simulation/sim_record.h -- What was done to a simulated disk: a journal of operations.
 *
 * While a record is attached (strand_sim_disk_record()) every operation that changes what is in the
 * cache, or what is due to reach the disk, leaves events here, in order; and so does each one that
 * a planned fault struck.  Reading and opening leave none.  From the events alone one can tell, for
 * each boundary between operations, what the disk holds and what is pending: crash_disk.h does.
 *
 * An event of a page names two pages: CACHE is what readers see, BACK what the disk would hold if
 * the page were written back.  They are the same but after a failed sync, whose sectors are clean:
 * the disk keeps its own.
 *
 * Inodes have numbers: the root is 1, others get the next when they get their first name.  All that
 * a record points to is its own, and stays until it is cleared or freed.
 *
 * Threading: none; the disk's lock is held while it is attached.
 */
#ifndef STRAND_SIMULATION_SIM_RECORD_H
#define STRAND_SIMULATION_SIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/sim_page.h"

struct strand_sim_change;
struct strand_sim_inode;

enum { STRAND_SIM_ROOT_NUMBER = 1 };

enum strand_sim_event_kind {
    STRAND_SIM_EVENT_PAGE,       /* a page has a new version */
    STRAND_SIM_EVENT_SIZE,       /* a file has a new size, which is due */
    STRAND_SIM_EVENT_SYNC,       /* content and size of a file are durable */
    STRAND_SIM_EVENT_LOSS,       /* a sync of a file failed */
    STRAND_SIM_EVENT_NAME,       /* the names in a directory changed */
    STRAND_SIM_EVENT_SYNC_NAMES, /* the names in a directory are durable */
};

struct strand_sim_event {
    enum strand_sim_event_kind kind;
    uint32_t inode;
    int64_t number; /* PAGE: which; SIZE: how large */
    const struct strand_sim_page *back;
    const struct strand_sim_page *cache;
    const char *cleared; /* NAME: see struct strand_sim_change */
    const char *set;
    uint32_t target; /* ... 0: none */
    bool target_is_directory;
};

struct strand_sim_operation {
    size_t event_end; /* its events end here; they begin where those of the one before end */
    size_t note_end;  /* likewise */
    const char *text; /* for people; NULL when the disk keeps no trace */
    bool has_failed;  /* a planned fault struck it */
};

/* All zeros: an empty one. */
struct strand_sim_record {
    struct strand_sim_event *events; /* owned, as all below */
    size_t event_count;
    size_t event_capacity;
    struct strand_sim_operation *operations;
    size_t operation_count;
    size_t operation_capacity;
    uint64_t *notes;
    size_t note_count;
    size_t note_capacity;
    char **texts;
    size_t text_count;
    size_t text_capacity;
    struct strand_sim_pages pages;
    uint32_t inode_count; /* the highest number given */
};

/* Empty, its memory kept; numbers above INODE_COUNT are free. */
void strand_sim_record_clear(struct strand_sim_record *record, uint32_t inode_count);
void strand_sim_record_free(struct strand_sim_record *record);

/* ---- Called by the disk ---- */

/* The bytes at [POSITION, POSITION + SIZE) of INODE's cache have changed, and maybe its size. */
void strand_sim_record_content(struct strand_sim_record *record, struct strand_sim_inode *inode,
                               int64_t position, int64_t size);

/* A write makes INODE grow from one size to another: pages get blocks, and the file their size, one
 * by one. */
void strand_sim_record_growth(struct strand_sim_record *record,
                              const struct strand_sim_inode *inode, int64_t from, int64_t to);
void strand_sim_record_sync(struct strand_sim_record *record, const struct strand_sim_inode *inode);
void strand_sim_record_loss(struct strand_sim_record *record, struct strand_sim_inode *inode);
void strand_sim_record_change(struct strand_sim_record *record,
                              const struct strand_sim_inode *directory,
                              const struct strand_sim_change *change);
void strand_sim_record_sync_names(struct strand_sim_record *record,
                                  const struct strand_sim_inode *directory);

/* The program has noted NUMBER; an operation of its own. */
void strand_sim_record_note(struct strand_sim_record *record, uint64_t number);

/* The operation is over: what it has left, if anything, is one, called TEXT (NULL: nothing). */
void strand_sim_record_end(struct strand_sim_record *record, const char *text, bool has_failed);

#endif
