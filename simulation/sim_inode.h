/* simulation/sim_inode.h -- One file or directory of the simulated disk: as the page cache shows
 * it, and as the disk holds it.
 *
 * A file has two contents and, between them, the set of dirty sectors and whether its size is
 * dirty. A directory has two sets of names and, between them, the ordered list of changes that lead
 * from the one on disk to the one in the cache.
 *
 * Inodes are counted references in one list in the order of their creation, which makes every walk
 * over them, and with it random loss, repeat.  One that nothing refers to is freed by
 * strand_sim_inodes_bury(), never earlier: a walk may go on while references are dropped.
 *
 * Out of memory is a strand_assert: a test could judge nothing after it.
 *
 * Threading: none; the disk's lock is held.
 */
#ifndef STRAND_SIMULATION_SIM_INODE_H
#define STRAND_SIMULATION_SIM_INODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulation/sim_content.h"
#include "simulation/sim_disk.h"
#include "simulation/sim_names.h"
#include "simulation/sim_record.h"

struct strand_sim_map { /* a copy that every change of the cache is repeated in */
    uint8_t *data;      /* owned */
    int64_t size;
    struct strand_sim_map *next;
};

struct strand_sim_inode {
    struct strand_sim_inodes *list; /* borrowed; the one that the inode is in */
    struct strand_sim_inode *previous;
    struct strand_sim_inode *next;
    struct strand_sim_inode *scratch; /* the copy, while copying; a stack, while walking */
    int64_t reference_count;
    int64_t link_count;
    int64_t open_count;
    bool is_directory;

    /* For the record. */
    uint32_t number;         /* 0: none yet */
    bool has_lost;           /* a sync of it has failed */
    int64_t recorded_extent; /* zeros beyond it in all that it ever held */

    /* A file. */
    struct strand_sim_content now;
    struct strand_sim_content durable;
    struct strand_sim_bits dirty;   /* sectors */
    struct strand_sim_bits blocks;  /* allocated */
    struct strand_sim_bits leaving; /* cut off, but in the file on disk */
    bool is_size_dirty;
    uint64_t failed_syncs;
    int sync_error;                         /* of the last of them */
    struct strand_sim_map *maps;            /* owned */
    const struct strand_fs_file *locked_by; /* borrowed; NULL: nobody */

    /* A directory. */
    struct strand_sim_names names;
    struct strand_sim_names durable_names;
    struct strand_sim_changes changes; /* not durable */
};

struct strand_sim_inodes {
    struct strand_sim_inode *first;
    struct strand_sim_inode *last;
    size_t unreferenced_count;        /* waiting to be buried */
    struct strand_sim_record *record; /* borrowed; what changes is told to it; NULL: to nobody */
};

/* The next of a sequence of numbers that STATE, any number at first, decides (splitmix64). */
uint64_t strand_sim_next_random(uint64_t *state);

/* ---- All of them ---- */

/* Nothing refers to it yet. */
struct strand_sim_inode *strand_sim_inode_create(struct strand_sim_inodes *inodes,
                                                 bool is_directory);
void strand_sim_inode_hold(struct strand_sim_inode *inode);
void strand_sim_inode_release(struct strand_sim_inode *inode);

/* Free the inodes without a reference. */
void strand_sim_inodes_bury(struct strand_sim_inodes *inodes);

/* Fill TO, empty, with a copy of FROM; each original's SCRATCH is its copy.  Maps are not copied.
 */
void strand_sim_inodes_copy(const struct strand_sim_inodes *from, struct strand_sim_inodes *to);

/* The power was cut: what LOSS keeps becomes durable, all else is forgotten. */
void strand_sim_inode_cut(struct strand_sim_inode *inode, enum strand_sim_loss loss,
                          uint64_t *random);

/* Whether the cache differs from the disk, here and not below. */
bool strand_sim_inode_is_dirty(const struct strand_sim_inode *inode);

/* ---- Files ---- */

/* Blocks that the file occupies. */
int64_t strand_sim_inode_block_count(const struct strand_sim_inode *inode);

/* Allocate the blocks of [POSITION, POSITION + SIZE), lowest first, as far as FREE_BLOCKS go;
 * return how many of the SIZE bytes have a block. */
int64_t strand_sim_inode_allocate(struct strand_sim_inode *inode, int64_t position, int64_t size,
                                  int64_t free_blocks);

/* Bytes that the cache has at [POSITION, POSITION + SIZE), up to the end of the file. */
int64_t strand_sim_inode_read(const struct strand_sim_inode *inode, void *data, int64_t size,
                              int64_t position);
void strand_sim_inode_write(struct strand_sim_inode *inode, const void *data, int64_t size,
                            int64_t position);
void strand_sim_inode_set_size(struct strand_sim_inode *inode, int64_t size);

/* Zeros at [POSITION, POSITION + SIZE); the file grows where they reach beyond its end. */
void strand_sim_inode_zero(struct strand_sim_inode *inode, int64_t position, int64_t size);

/* Dirty sectors, and the size if it is dirty, go to the disk. */
void strand_sim_inode_sync(struct strand_sim_inode *inode);

/* Nothing is dirty any more, and the disk did not change. */
void strand_sim_inode_forget(struct strand_sim_inode *inode);

/* A sync failed: as above, and the record is told. */
void strand_sim_inode_fail_sync(struct strand_sim_inode *inode);

/* The file becomes SIZE bytes of DATA, in the cache and on the disk. */
void strand_sim_inode_replace(struct strand_sim_inode *inode, const void *data, int64_t size);

/* NULL when there is no memory for it. */
struct strand_sim_map *strand_sim_inode_map(struct strand_sim_inode *inode, int64_t size);

/* Hand all maps to *MAPS, and with them the inode's references to itself that they were. */
void strand_sim_inode_detach_maps(struct strand_sim_inode *inode, struct strand_sim_map **maps);

/* Free the map at DATA; false when it is not in the list *MAPS. */
bool strand_sim_map_free(struct strand_sim_map **maps, const void *data);

/* ---- Directories ---- */

void strand_sim_directory_change(struct strand_sim_inode *directory,
                                 const struct strand_sim_change *change);
void strand_sim_directory_sync(struct strand_sim_inode *directory);

#endif
