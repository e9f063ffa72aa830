/* simulation/sim_disk.c -- The machine around the simulated disk: its life, its power, its looks.
 */
#include "simulation/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "simulation/sim_disk_internal.h"
#include "simulation/sim_memory.h"

static const int64_t FILE_SIZE_MAX_DEFAULT = INT64_C(4) << 20;
static const int64_t WALL_START_NS = INT64_C(1700000000000000000);
static const int64_t MONOTONIC_START_NS = INT64_C(1000000000);

void
strand_sim_disk_enter(struct strand_sim_disk *disk)
{
    strand_mutex_lock(disk->lock);
}

void
strand_sim_disk_leave(struct strand_sim_disk *disk)
{
    struct strand_sim_record *record = disk->inodes.record;

    if (record != NULL)
        strand_sim_record_end(record, strand_sim_plan_line(&disk->plan, disk->plan.calls),
                              disk->plan.has_struck);
    disk->plan.has_struck = false;
    strand_sim_inodes_bury(&disk->inodes);
    strand_mutex_unlock(disk->lock);
}

/* A disk without any inode, not even the root. */
static struct strand_sim_disk *
create_bare(const struct strand_sim_disk_options *options)
{
    struct strand_sim_disk *disk = calloc(1, sizeof *disk);
    struct strand_mutex *lock = malloc(sizeof *lock);

    if (disk == NULL || lock == NULL) {
        free(disk);
        free(lock);
        return NULL;
    }
    strand_mutex_init(lock);
    disk->lock = lock;
    disk->seed = options->seed;
    disk->file_size_max =
        options->file_size_max != 0 ? options->file_size_max : FILE_SIZE_MAX_DEFAULT;
    disk->capacity = options->capacity;
    disk->no_maps = options->no_maps;
    disk->short_writes = options->short_writes;
    disk->plan.is_quiet = options->no_trace;
    disk->wall_ns = WALL_START_NS;
    disk->monotonic_ns = MONOTONIC_START_NS;
    disk->random = options->seed;
    disk->process_number = 1;
    disk->seam = (struct strand_fs){.struct_size = sizeof disk->seam, .context = disk};
    strand_sim_disk_set_file_operations(&disk->seam);
    strand_sim_disk_set_path_operations(&disk->seam);
    return disk;
}

int
strand_sim_disk_create(const struct strand_sim_disk_options *options,
                       struct strand_sim_disk **out_disk)
{
    struct strand_sim_disk *disk = create_bare(options);

    if (disk == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "create simulated disk: out of memory");
    disk->root = strand_sim_inode_create(&disk->inodes, true);
    disk->root->number = STRAND_SIM_ROOT_NUMBER;
    strand_sim_inode_hold(disk->root);
    *out_disk = disk;
    return STRAND_OK;
}

void
strand_sim_file_detach(struct strand_fs_file *file)
{
    struct strand_sim_inode *inode = file->inode;

    if (inode == NULL)
        return;
    if (inode->locked_by == file)
        inode->locked_by = NULL;
    inode->open_count--;
    strand_assert(inode->open_count >= 0);
    strand_sim_inode_release(inode);
    file->inode = NULL;
}

void
strand_sim_file_free(struct strand_sim_disk *disk, struct strand_fs_file *file)
{
    strand_assert(file->inode == NULL);
    if (file->previous == NULL) {
        strand_assert(disk->files == file);
        disk->files = file->next;
    } else {
        strand_assert(disk->files != file);
        file->previous->next = file->next;
    }
    if (file->next != NULL)
        file->next->previous = file->previous;

    if (file->bytes_read > 0) {
        disk->reads = strand_sim_grow(disk->reads, &disk->reads_capacity, disk->reads_count,
                                      sizeof *disk->reads);
        disk->reads[disk->reads_count++] = (struct strand_sim_reads){file->path, file->bytes_read};
    } else {
        free(file->path);
    }
    free(file);
}

/* No process is left: its files are invalid, its maps see no more changes. */
static void
end_process(struct strand_sim_disk *disk)
{
    for (struct strand_fs_file *file = disk->files; file != NULL; file = file->next)
        strand_sim_file_detach(file);
    for (struct strand_sim_inode *inode = disk->inodes.first; inode != NULL; inode = inode->next)
        strand_sim_inode_detach_maps(inode, &disk->old_maps);
    disk->process_number++;
}

static void
clear_reads(struct strand_sim_disk *disk)
{
    for (size_t i = 0; i < disk->reads_count; i++)
        free(disk->reads[i].path);
    disk->reads_count = 0;
    for (struct strand_fs_file *file = disk->files; file != NULL; file = file->next)
        file->bytes_read = 0;
}

void
strand_sim_disk_destroy(struct strand_sim_disk *disk)
{
    if (disk == NULL)
        return;
    end_process(disk);
    while (disk->files != NULL)
        strand_sim_file_free(disk, disk->files);
    while (disk->old_maps != NULL)
        (void)strand_sim_map_free(&disk->old_maps, disk->old_maps->data); /* it is the first */
    strand_sim_inode_release(disk->root);
    strand_sim_inodes_bury(&disk->inodes);
    strand_assert(disk->inodes.first == NULL);
    clear_reads(disk);
    free(disk->reads);
    free(disk->sentence);
    strand_sim_plan_free(&disk->plan);
    strand_mutex_deinit(disk->lock);
    free(disk->lock);
    free(disk);
}

const struct strand_fs *
strand_sim_disk_fs(struct strand_sim_disk *disk)
{
    return &disk->seam;
}

int
strand_sim_disk_clone(const struct strand_sim_disk *disk, struct strand_sim_disk **out_disk)
{
    const struct strand_sim_disk_options options = {
        .seed = disk->seed,
        .file_size_max = disk->file_size_max,
        .no_maps = disk->no_maps,
        .short_writes = disk->short_writes,
        .no_trace = disk->plan.is_quiet,
    };
    struct strand_sim_disk *clone = create_bare(&options);

    if (clone == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "clone simulated disk: out of memory");
    strand_mutex_lock(disk->lock);
    clone->capacity = disk->capacity;
    clone->wall_ns = disk->wall_ns;
    clone->monotonic_ns = disk->monotonic_ns;
    clone->random = disk->random;
    clone->cut_count = disk->cut_count;
    clone->process_number = disk->process_number;
    strand_sim_inodes_copy(&disk->inodes, &clone->inodes);
    clone->root = disk->root->scratch;
    strand_mutex_unlock(disk->lock);

    strand_sim_inode_hold(clone->root);
    strand_sim_inodes_bury(&clone->inodes); /* files that were only open have no name to live by */
    *out_disk = clone;
    return STRAND_OK;
}

void
strand_sim_disk_cut(struct strand_sim_disk *disk, enum strand_sim_loss loss, uint64_t seed)
{
    uint64_t random = seed;

    strand_assert(disk->inodes.record == NULL); /* what is lost here it would not be told */
    strand_sim_disk_enter(disk);
    end_process(disk);
    for (struct strand_sim_inode *inode = disk->inodes.first; inode != NULL; inode = inode->next)
        strand_sim_inode_cut(inode, loss, &random);
    strand_sim_plan_forget(&disk->plan);
    disk->cut_count++;
    strand_sim_disk_leave(disk);
}

void
strand_sim_disk_kill(struct strand_sim_disk *disk)
{
    strand_sim_disk_enter(disk);
    end_process(disk);
    strand_sim_disk_leave(disk);
}

uint64_t
strand_sim_disk_calls(const struct strand_sim_disk *disk)
{
    strand_mutex_lock(disk->lock);
    uint64_t calls = disk->plan.calls;
    strand_mutex_unlock(disk->lock);
    return calls;
}

void
strand_sim_disk_plan_fault(struct strand_sim_disk *disk, uint64_t nth, int code, bool sticky)
{
    strand_sim_disk_plan_fault_of(disk, STRAND_SIM_ALL_KINDS, nth, code, sticky);
}

void
strand_sim_disk_plan_fault_of(struct strand_sim_disk *disk, uint32_t kinds, uint64_t nth, int code,
                              bool sticky)
{
    const struct strand_sim_fault fault = {kinds, nth, code, sticky};

    strand_mutex_lock(disk->lock);
    strand_sim_plan_add(&disk->plan, &fault);
    strand_mutex_unlock(disk->lock);
}

void
strand_sim_disk_plan_cut(struct strand_sim_disk *disk, uint64_t nth)
{
    strand_mutex_lock(disk->lock);
    disk->plan.cut_at = nth;
    strand_mutex_unlock(disk->lock);
}

void
strand_sim_disk_plan_clear(struct strand_sim_disk *disk)
{
    strand_mutex_lock(disk->lock);
    strand_sim_plan_clear(&disk->plan);
    clear_reads(disk);
    strand_mutex_unlock(disk->lock);
}

const char *
strand_sim_disk_trace(const struct strand_sim_disk *disk, uint64_t nth)
{
    strand_mutex_lock(disk->lock);
    const char *line = strand_sim_plan_line(&disk->plan, nth);
    strand_mutex_unlock(disk->lock);
    return line;
}

void
strand_sim_disk_record(struct strand_sim_disk *disk, struct strand_sim_record *record)
{
    strand_mutex_lock(disk->lock);
    disk->inodes.record = record;
    strand_mutex_unlock(disk->lock);
}

const uint8_t *
strand_sim_disk_content(const struct strand_sim_disk *disk, const char *path, int64_t *out_size)
{
    struct strand_sim_inode *inode;
    const uint8_t *bytes = NULL;

    strand_mutex_lock(disk->lock);
    if (strand_sim_disk_find(disk, path, &inode) == 0 && !inode->is_directory) {
        bytes = strand_sim_content_bytes(&inode->now);
        if (out_size != NULL)
            *out_size = inode->now.size;
    }
    strand_mutex_unlock(disk->lock);
    return bytes;
}

/* Make the names in every directory on the way to PATH durable. */
static void
sync_way(struct strand_sim_disk *disk, const char *path)
{
    char *way = strand_sim_copy_text(path);
    struct strand_sim_inode *directory;

    strand_sim_directory_sync(disk->root);
    for (char *slash = strchr(way + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (strand_sim_disk_find(disk, way, &directory) == 0 && directory->is_directory)
            strand_sim_directory_sync(directory);
        *slash = '/';
    }
    free(way);
}

static int
store_locked(struct strand_sim_disk *disk, const char *path, const void *data, int64_t size)
{
    struct strand_sim_place place;
    int result = strand_sim_disk_find_place(disk, path, &place);

    if (result != 0)
        return result;
    if (place.inode != NULL && place.inode->is_directory)
        return -EISDIR;

    struct strand_sim_change change = {NULL, place.name, place.inode};
    if (data == NULL) {
        change = (struct strand_sim_change){place.name, NULL, NULL};
    } else {
        if (change.inode == NULL)
            change.inode = strand_sim_inode_create(&disk->inodes, false);
        strand_sim_inode_replace(change.inode, data, size);
    }
    strand_sim_directory_change(place.directory, &change);
    sync_way(disk, path);
    return 0;
}

int
strand_sim_disk_store(struct strand_sim_disk *disk, const char *path, const void *data,
                      int64_t size)
{
    if (data != NULL && (size < 0 || size > disk->file_size_max))
        return strand_fail(STRAND_ERR_INVALID, "store %s: size %lld is not in 0..%lld", path,
                           (long long)size, (long long)disk->file_size_max);
    strand_assert(disk->inodes.record == NULL);
    strand_sim_disk_enter(disk);
    int result = store_locked(disk, path, data, size);
    strand_sim_disk_leave(disk);
    return result == 0 ? STRAND_OK : strand_fail_code(-result, "store %s", path);
}

/* Look at everything below TOP, itself included; SCRATCH links the directories still to be seen.
 * A directory has one name, so that none is met twice. */
static bool
is_dirty_below(struct strand_sim_inode *top)
{
    struct strand_sim_inode *stack = top;

    top->scratch = NULL;
    while (stack != NULL) {
        struct strand_sim_inode *inode = stack;

        stack = inode->scratch;
        if (strand_sim_inode_is_dirty(inode))
            return true;
        for (size_t i = 0; i < inode->names.count; i++) {
            struct strand_sim_inode *child = inode->names.entries[i].inode;

            if (child->is_directory) {
                child->scratch = stack;
                stack = child;
            } else if (strand_sim_inode_is_dirty(child)) {
                return true;
            }
        }
    }
    return false;
}

bool
strand_sim_disk_is_dirty(const struct strand_sim_disk *disk, const char *path)
{
    struct strand_sim_inode *inode;

    strand_mutex_lock(disk->lock);
    bool is_dirty = strand_sim_disk_find(disk, path, &inode) == 0 && is_dirty_below(inode);
    strand_mutex_unlock(disk->lock);
    return is_dirty;
}

int64_t
strand_sim_disk_free_blocks(const struct strand_sim_disk *disk)
{
    int64_t blocks = disk->capacity / STRAND_SIM_BLOCK_SIZE;

    if (disk->capacity == 0)
        return INT64_MAX / STRAND_SIM_BLOCK_SIZE;
    for (struct strand_sim_inode *inode = disk->inodes.first; inode != NULL; inode = inode->next)
        if (inode->reference_count > 0)
            blocks -= strand_sim_inode_block_count(inode);
    return strand_sim_larger(blocks, 0);
}

void
strand_sim_disk_set_capacity(struct strand_sim_disk *disk, int64_t capacity)
{
    strand_mutex_lock(disk->lock);
    disk->capacity = capacity;
    strand_mutex_unlock(disk->lock);
}

void
strand_sim_disk_set_clock(struct strand_sim_disk *disk, int64_t wall_ns)
{
    strand_mutex_lock(disk->lock);
    disk->wall_ns = wall_ns;
    strand_mutex_unlock(disk->lock);
}

void
strand_sim_disk_advance(struct strand_sim_disk *disk, int64_t ns)
{
    strand_mutex_lock(disk->lock);
    disk->wall_ns += ns;
    disk->monotonic_ns += ns;
    strand_mutex_unlock(disk->lock);
}

static bool
ends_in(const char *path, const char *suffix)
{
    size_t path_size = strlen(path);
    size_t suffix_size = strlen(suffix);

    return path_size >= suffix_size && strcmp(path + path_size - suffix_size, suffix) == 0;
}

int64_t
strand_sim_disk_bytes_read(const struct strand_sim_disk *disk, const char *suffix)
{
    int64_t bytes = 0;

    strand_mutex_lock(disk->lock);
    for (size_t i = 0; i < disk->reads_count; i++)
        if (ends_in(disk->reads[i].path, suffix))
            bytes += disk->reads[i].bytes;
    for (const struct strand_fs_file *file = disk->files; file != NULL; file = file->next)
        if (ends_in(file->path, suffix))
            bytes += file->bytes_read;
    strand_mutex_unlock(disk->lock);
    return bytes;
}

int
strand_sim_disk_open_files(const struct strand_sim_disk *disk)
{
    int count = 0;

    strand_mutex_lock(disk->lock);
    for (const struct strand_fs_file *file = disk->files; file != NULL; file = file->next)
        if (file->inode != NULL)
            count++;
    strand_mutex_unlock(disk->lock);
    return count;
}
