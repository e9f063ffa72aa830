/* simulation/sim_disk_internal.h -- What the parts of the simulated disk share.
 *
 *     sim_disk.c        the machine: create, clone, cut, kill, look, meddle
 *     sim_disk_fs.c     the seam's operations on open files
 *     sim_disk_paths.c  the seam's operations on paths, and its surroundings
 *
 * Threading: one lock per disk, taken by every public function and every operation of the seam; the
 * functions here run under it.
 */
#ifndef STRAND_SIMULATION_SIM_DISK_INTERNAL_H
#define STRAND_SIMULATION_SIM_DISK_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "simulation/sim_disk.h"
#include "simulation/sim_inode.h"
#include "simulation/sim_plan.h"
#include "strandline/fs.h"

enum { STRAND_SIM_NAME_SIZE_MAX = 256 }; /* terminator included */

/* An open file.  One that a cut or a kill has made invalid waits here for its close(). */
struct strand_fs_file {
    struct strand_sim_disk *disk;   /* borrowed */
    struct strand_sim_inode *inode; /* counted; NULL: invalid */
    char *path;                     /* owned; as it was opened */
    bool can_write;
    uint64_t errors_told; /* of the inode's failed syncs: those up to here */
    int64_t bytes_read;
    struct strand_fs_file *previous;
    struct strand_fs_file *next;
};

struct strand_sim_reads { /* of a file that was closed */
    char *path;           /* owned */
    int64_t bytes;
};

struct strand_sim_disk {
    struct strand_fs seam;
    struct strand_mutex *lock; /* owned; by reference, so that looking at a const disk can lock */
    uint64_t seed;
    int64_t file_size_max;
    int64_t capacity; /* 0: unlimited */
    bool no_maps;
    bool short_writes;

    struct strand_sim_inodes inodes;
    struct strand_sim_inode *root; /* counted */
    struct strand_fs_file *files;
    struct strand_sim_map *old_maps; /* owned; what a cut or kill left behind, until unmap() */

    struct strand_sim_plan plan;
    struct strand_sim_reads *reads; /* owned */
    size_t reads_count;
    size_t reads_capacity;

    int64_t wall_ns;
    int64_t monotonic_ns;
    uint64_t random;
    uint64_t cut_count;
    uint64_t process_number; /* changes when a process ends */
    char *sentence;          /* owned; what strand_crash_fail() was told; NULL: nothing */
};

/* Where a path leads. */
struct strand_sim_place {
    struct strand_sim_inode *directory;
    char name[STRAND_SIM_NAME_SIZE_MAX];
    struct strand_sim_inode *inode; /* NULL: the name is free */
};

void strand_sim_disk_enter(struct strand_sim_disk *disk) STRAND_ACQUIRES(*disk->lock);

/* Frees what nothing refers to any more. */
void strand_sim_disk_leave(struct strand_sim_disk *disk) STRAND_RELEASES(*disk->lock);

/* -EINVAL for a path that is not absolute, -EBUSY for "/" itself, -ENOENT, -ENOTDIR,
 * -ENAMETOOLONG. */
int strand_sim_disk_find_place(const struct strand_sim_disk *disk, const char *path,
                               struct strand_sim_place *out_place);

/* As above; "/" is the root, and what is not there is -ENOENT. */
int strand_sim_disk_find(const struct strand_sim_disk *disk, const char *path,
                         struct strand_sim_inode **out_inode);

/* Blocks that no file occupies: neither one that is there, nor one whose end is not durable. */
int64_t strand_sim_disk_free_blocks(const struct strand_sim_disk *disk);

/* Take FILE off its inode: it is closed, or invalid from now on. */
void strand_sim_file_detach(struct strand_fs_file *file);

/* Free it, and remember what was read through it. */
void strand_sim_file_free(struct strand_sim_disk *disk, struct strand_fs_file *file);

/* Fill in the operations. */
void strand_sim_disk_set_file_operations(struct strand_fs *seam);
void strand_sim_disk_set_path_operations(struct strand_fs *seam);

#endif
