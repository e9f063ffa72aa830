/* simulation/crash_disk.h -- A disk at one moment: what it holds, and what is pending.
 *
 * Made from the events of a record, one operation after the other.  Pending is everything since the
 * last sync of a file or directory: versions of pages, sizes, changes of names, each with the
 * number of the operation that made it.  Which of that may survive a crash is not decided here but
 * in crash_states.h; a disk behind a power cut is one on which nothing is pending.
 *
 * Inodes are known by their numbers (sim_record.h).  Pages and names are borrowed from the record,
 * or from the disk that this one was made of.
 *
 * Threading: none.
 */
#ifndef STRAND_SIMULATION_CRASH_DISK_H
#define STRAND_SIMULATION_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/sim_page.h"
#include "simulation/sim_record.h"

struct strand_crash_version {
    const struct strand_sim_page *page;
    size_t operation; /* counted from 1 */
};

struct strand_crash_page {
    const struct strand_sim_page *held;    /* on the disk, behind the end of the file, too */
    const struct strand_sim_page *cache;   /* what readers see */
    struct strand_crash_version *versions; /* owned; pending, oldest first, no two in a row alike */
    size_t version_count;
    size_t version_capacity;
};

struct strand_crash_size {
    int64_t size;
    size_t operation;
};

struct strand_crash_file {
    struct strand_crash_page *pages; /* owned */
    size_t page_count;
    size_t page_capacity;
    int64_t held_size;
    int64_t cache_size;
    struct strand_crash_size *sizes; /* owned; pending, oldest first, no two in a row alike */
    size_t size_count;
    size_t size_capacity;
    bool has_lost; /* a sync of it failed, so that cache and disk may differ */
};

struct strand_crash_name {
    const char *name; /* borrowed */
    uint32_t inode;
};

/* Sorted bytewise. */
struct strand_crash_names {
    struct strand_crash_name *items; /* owned */
    size_t count;
    size_t capacity;
};

struct strand_crash_change {
    const char *cleared; /* borrowed; NULL: no name goes */
    const char *set;     /* borrowed; NULL: no name comes */
    uint32_t inode;
    size_t operation;
};

struct strand_crash_directory {
    struct strand_crash_names held;      /* on the disk */
    struct strand_crash_change *changes; /* owned; pending, oldest first */
    size_t change_count;
    size_t change_capacity;
};

struct strand_crash_inode {
    bool is_there;
    bool is_directory;
    uint64_t generation; /* another one after each event: never 0, and the same for no two states */
    struct strand_crash_file file;
    struct strand_crash_directory directory;
};

/* All zeros and strand_crash_disk_clear(): an empty one. */
struct strand_crash_disk {
    struct strand_crash_inode *inodes; /* owned; by number */
    size_t inode_capacity;
    uint32_t inode_count;          /* the highest number */
    struct strand_sim_pages pages; /* made here */
    uint64_t generation;
};

/* Nothing but the empty root; memory is kept. */
void strand_crash_disk_clear(struct strand_crash_disk *disk);
void strand_crash_disk_free(struct strand_crash_disk *disk);

/* Operation NUMBER, counted from 1, of RECORD happens. */
void strand_crash_disk_apply(struct strand_crash_disk *disk, const struct strand_sim_record *record,
                             size_t number);

/* Inode NUMBER, added if it is not there. */
struct strand_crash_inode *strand_crash_disk_add(struct strand_crash_disk *disk, uint32_t number,
                                                 bool is_directory);

/* Page INDEX of FILE, added if it is not there. */
struct strand_crash_page *strand_crash_file_page(struct strand_crash_file *file, size_t index);

/* PAGE as it reads when all from EXTENT on is zeros. */
const struct strand_sim_page *strand_crash_disk_trim(struct strand_crash_disk *disk,
                                                     const struct strand_sim_page *page,
                                                     int64_t extent);

void strand_crash_names_copy(struct strand_crash_names *to, const struct strand_crash_names *from);
void strand_crash_names_apply(struct strand_crash_names *names,
                              const struct strand_crash_change *change);

/* Make TO, which must be clear, the same as FROM, pending things included: the process died. */
void strand_crash_disk_copy(struct strand_crash_disk *to, const struct strand_crash_disk *from);

/* Of all that a process finds and that is pending. */
uint64_t strand_crash_disk_hash(const struct strand_crash_disk *disk);

#endif
