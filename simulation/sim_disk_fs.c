/* simulation/sim_disk_fs.c -- The seam's operations on open files of the simulated disk.
 *
 * Each operation is a pair: one that locks, counts the call and asks the plan; and under it one
 * that does the thing, named _locked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_disk_internal.h"
#include "simulation/sim_memory.h"

enum { SHORT_SIZE = 7 };

/* SIZE as far as a file can reach, and as one call may do. */
static int64_t
limited(const struct strand_sim_disk *disk, size_t size)
{
    int64_t limit = disk->short_writes ? strand_sim_smaller(SHORT_SIZE, disk->file_size_max)
                                       : disk->file_size_max;

    return size > (uint64_t)limit ? limit : (int64_t)size;
}

/* Whether [POSITION, POSITION + SIZE) is a range that FILE may be changed in. */
static int
check_change(const struct strand_fs_file *file, int64_t position, int64_t size)
{
    if (!file->can_write)
        return -EBADF;
    if (position < 0 || size < 0)
        return -EINVAL;
    return position > file->disk->file_size_max - size ? -EFBIG : 0;
}

static struct strand_fs_file *
create_file(struct strand_sim_disk *disk, struct strand_sim_inode *inode, const char *path,
            bool can_write)
{
    struct strand_fs_file *file = malloc(sizeof *file);

    strand_assert(file != NULL);
    *file = (struct strand_fs_file){
        .disk = disk,
        .inode = inode,
        .path = strand_sim_copy_text(path),
        .can_write = can_write,
        .errors_told = inode->failed_syncs,
        .next = disk->files,
    };
    if (disk->files != NULL)
        disk->files->previous = file;
    disk->files = file;
    strand_sim_inode_hold(inode);
    inode->open_count++;
    return file;
}

static int
open_locked(struct strand_sim_disk *disk, const char *path, uint32_t flags,
            struct strand_fs_file **out_file)
{
    struct strand_sim_place place;
    int result = strand_sim_disk_find_place(disk, path, &place);

    if (result != 0)
        return result == -EBUSY ? -EISDIR : result;
    if (place.inode == NULL) {
        if ((flags & STRAND_FS_CREATE) == 0)
            return -ENOENT;
        if (strand_sim_disk_free_blocks(disk) == 0)
            return -ENOSPC;
        place.inode = strand_sim_inode_create(&disk->inodes, false);
        strand_sim_directory_change(place.directory,
                                    &(struct strand_sim_change){NULL, place.name, place.inode});
    } else if ((flags & STRAND_FS_EXCLUSIVE) != 0) {
        return -EEXIST;
    } else if (place.inode->is_directory) {
        return -EISDIR;
    } else if ((flags & STRAND_FS_EMPTY) != 0) {
        strand_sim_inode_set_size(place.inode, 0);
    }
    *out_file = create_file(disk, place.inode, path, (flags & STRAND_FS_WRITE) != 0);
    return 0;
}

static int
sim_open(void *context, const char *path, uint32_t flags, struct strand_fs_file **out_file)
{
    struct strand_sim_disk *disk = context;
    bool lacks_write =
        (flags & (STRAND_FS_CREATE | STRAND_FS_EMPTY)) != 0 && (flags & STRAND_FS_WRITE) == 0;
    bool lacks_create = (flags & STRAND_FS_EXCLUSIVE) != 0 && (flags & STRAND_FS_CREATE) == 0;

    strand_sim_disk_enter(disk);
    int result = strand_sim_plan_call(&disk->plan, STRAND_SIM_OPEN, "open %s", path);
    if (result == 0)
        result = lacks_write || lacks_create ? -EINVAL : open_locked(disk, path, flags, out_file);
    strand_sim_disk_leave(disk);
    return result;
}

/* The file is closed whatever the result, as by the system. */
static int
sim_close(struct strand_fs_file *file)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int result = strand_sim_plan_call(&disk->plan, STRAND_SIM_CLOSE, "close %s", file->path);
    if (result == 0 && file->inode == NULL)
        result = -EBADF;
    strand_sim_file_detach(file);
    strand_sim_file_free(disk, file);
    strand_sim_disk_leave(disk);
    return result;
}

/* Count the call VERB on [POSITION, POSITION + SIZE) of FILE. */
static int
begin_range(struct strand_fs_file *file, enum strand_sim_kind kind, const char *verb,
            int64_t position, int64_t size)
{
    int result = strand_sim_plan_call(&file->disk->plan, kind, "%s %s %lld+%lld", verb, file->path,
                                      (long long)position, (long long)size);

    return result == 0 && file->inode == NULL ? -EBADF : result;
}

/* Count the call VERB on FILE as a whole. */
static int
begin(struct strand_fs_file *file, enum strand_sim_kind kind, const char *verb)
{
    int result = strand_sim_plan_call(&file->disk->plan, kind, "%s %s", verb, file->path);

    return result == 0 && file->inode == NULL ? -EBADF : result;
}

static int64_t
read_locked(struct strand_fs_file *file, void *data, size_t size, int64_t position)
{
    if (position < 0)
        return -EINVAL;

    int64_t count = strand_sim_inode_read(file->inode, data, limited(file->disk, size), position);
    file->bytes_read += count;
    return count;
}

static int64_t
sim_read_at(struct strand_fs_file *file, void *data, size_t size, int64_t position)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int64_t result = begin_range(file, STRAND_SIM_READ, "read_at", position, (int64_t)size);
    if (result == 0)
        result = read_locked(file, data, size, position);
    strand_sim_disk_leave(disk);
    return result;
}

/* Bytes of SIZE, as far as file and disk have room for them, now allocated; or -errno. */
static int64_t
make_room(struct strand_fs_file *file, int64_t position, int64_t size)
{
    struct strand_sim_disk *disk = file->disk;
    int result = check_change(file, position, 0);

    if (result != 0 || size == 0)
        return result;
    if (position == disk->file_size_max)
        return -EFBIG;

    int64_t wanted = strand_sim_smaller(size, disk->file_size_max - position);
    int64_t room =
        strand_sim_inode_allocate(file->inode, position, wanted, strand_sim_disk_free_blocks(disk));
    return room == 0 ? -ENOSPC : room;
}

static int64_t
write_locked(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
             int64_t position, int64_t size)
{
    int64_t room = make_room(file, position, size);
    int64_t done = 0;

    for (int i = 0; i < count && done < room; i++) {
        int64_t part_size = strand_sim_smaller(limited(file->disk, parts[i].size), room - done);

        strand_sim_inode_write(file->inode, parts[i].data, part_size, position + done);
        done += part_size;
    }
    return room < 0 ? room : done;
}

static int64_t
sim_write_at(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
             int64_t position)
{
    struct strand_sim_disk *disk = file->disk;
    int64_t size = 0;

    for (int i = 0; i < count; i++)
        size = limited(disk, (size_t)size + (size_t)limited(disk, parts[i].size));
    strand_sim_disk_enter(disk);
    int64_t result = begin_range(file, STRAND_SIM_WRITE, "write_at", position, size);
    if (result == 0)
        result = write_locked(file, parts, count, position, size);
    strand_sim_disk_leave(disk);
    return result;
}

static int
reserve_locked(struct strand_fs_file *file, int64_t position, int64_t size)
{
    int result = check_change(file, position, size);

    if (result != 0)
        return result;
    if (size == 0)
        return -EINVAL;

    int64_t room = strand_sim_inode_allocate(file->inode, position, size,
                                             strand_sim_disk_free_blocks(file->disk));
    return room < size ? -ENOSPC : 0;
}

static int
sim_reserve(struct strand_fs_file *file, int64_t position, int64_t size)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int result = begin_range(file, STRAND_SIM_WRITE, "reserve", position, size);
    if (result == 0)
        result = reserve_locked(file, position, size);
    strand_sim_disk_leave(disk);
    return result;
}

static int
sim_set_size(struct strand_fs_file *file, int64_t size)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int result = begin_range(file, STRAND_SIM_WRITE, "set_size", 0, size);
    if (result == 0)
        result = check_change(file, 0, size);
    if (result == 0)
        strand_sim_inode_set_size(file->inode, size);
    strand_sim_disk_leave(disk);
    return result;
}

static int
sim_zero_range(struct strand_fs_file *file, int64_t position, int64_t size)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int result = begin_range(file, STRAND_SIM_WRITE, "zero_range", position, size);
    if (result == 0)
        result = reserve_locked(file, position, size);
    if (result == 0)
        strand_sim_inode_zero(file->inode, position, size);
    strand_sim_disk_leave(disk);
    return result;
}

static int64_t
copy_locked(struct strand_fs_file *from, int64_t from_position, struct strand_fs_file *to,
            int64_t to_position, int64_t size)
{
    int64_t distance =
        from_position > to_position ? from_position - to_position : to_position - from_position;

    if (from->disk != to->disk)
        return -EXDEV;
    if (to->inode == NULL)
        return -EBADF;
    if (from_position < 0 || to_position < 0 || (from->inode == to->inode && distance < size))
        return -EINVAL;

    /* Through a buffer: writing may move the content that is read. */
    int64_t available = strand_sim_smaller(size, from->inode->now.size - from_position);
    if (available <= 0)
        return check_change(to, to_position, 0);
    uint8_t *buffer = malloc((size_t)available);
    strand_assert(buffer != NULL);
    struct strand_fs_part part = {buffer, (size_t)available};
    (void)strand_sim_inode_read(from->inode, buffer, available, from_position); /* all is there */
    int64_t result = write_locked(to, &part, 1, to_position, available);
    free(buffer);
    return result;
}

static int64_t
sim_copy_range(struct strand_fs_file *from, int64_t from_position, struct strand_fs_file *to,
               int64_t to_position, size_t size)
{
    struct strand_sim_disk *disk = from->disk;

    strand_sim_disk_enter(disk);
    int64_t result = strand_sim_plan_call(
        &disk->plan, STRAND_SIM_WRITE, "copy_range %s %lld+%zu to %s %lld", from->path,
        (long long)from_position, size, to->path, (long long)to_position);
    if (result == 0 && from->inode == NULL)
        result = -EBADF;
    if (result == 0)
        result = copy_locked(from, from_position, to, to_position, limited(disk, size));
    strand_sim_disk_leave(disk);
    return result;
}

static int
map_locked(struct strand_fs_file *file, size_t size, const void **out_data)
{
    const struct strand_sim_disk *disk = file->disk;

    if (disk->no_maps)
        return -ENOTSUP;
    if (size == 0)
        return -EINVAL;

    const struct strand_sim_map *map = strand_sim_inode_map(
        file->inode, size > (uint64_t)disk->file_size_max ? disk->file_size_max : (int64_t)size);
    if (map == NULL)
        return -ENOMEM;
    *out_data = map->data;
    return 0;
}

static int
sim_map(struct strand_fs_file *file, size_t size, const void **out_data)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int result = begin_range(file, STRAND_SIM_MAP, "map", 0, (int64_t)size);
    if (result == 0)
        result = map_locked(file, size, out_data);
    strand_sim_disk_leave(disk);
    return result;
}

static int
unmap_locked(struct strand_fs_file *file, const void *data)
{
    struct strand_sim_disk *disk = file->disk;

    if (file->inode != NULL && strand_sim_map_free(&file->inode->maps, data)) {
        strand_sim_inode_release(file->inode);
        return 0;
    }
    return strand_sim_map_free(&disk->old_maps, data) ? 0 : -EINVAL;
}

/* Not a call: it gives memory back and cannot fail, whatever became of disk and file. */
static int
sim_unmap(struct strand_fs_file *file, const void *data, size_t size)
{
    struct strand_sim_disk *disk = file->disk;

    (void)size; /* the map knows its own */
    strand_sim_disk_enter(disk);
    int result = unmap_locked(file, data);
    strand_sim_disk_leave(disk);
    return result;
}

/* What a sync through another open file of the inode has met, once. */
static int
tell_error(struct strand_fs_file *file)
{
    bool is_told = file->errors_told == file->inode->failed_syncs;

    file->errors_told = file->inode->failed_syncs;
    return is_told ? 0 : file->inode->sync_error;
}

static void
fail_sync(struct strand_fs_file *file, int error)
{
    strand_sim_inode_fail_sync(file->inode);
    file->inode->sync_error = error;
    file->errors_told = ++file->inode->failed_syncs;
}

static int
sync_file(struct strand_fs_file *file, const char *verb)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int result = begin(file, STRAND_SIM_SYNC, verb);
    if (result == 0) {
        strand_sim_inode_sync(file->inode);
        result = tell_error(file);
    } else if (file->inode != NULL && !disk->plan.power_is_off) {
        fail_sync(file, result);
    }
    strand_sim_disk_leave(disk);
    return result;
}

static int
sim_sync_data(struct strand_fs_file *file)
{
    return sync_file(file, "sync_data");
}

static int
sim_sync_all(struct strand_fs_file *file)
{
    return sync_file(file, "sync_all");
}

static int
lock_locked(struct strand_fs_file *file)
{
    const struct strand_fs_file *holder = file->inode->locked_by;

    if (!file->can_write)
        return -EBADF;
    if (holder != NULL && holder != file)
        return -EAGAIN;
    file->inode->locked_by = file;
    return 0;
}

static int
sim_lock(struct strand_fs_file *file)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int result = begin(file, STRAND_SIM_LOCK, "lock");
    if (result == 0)
        result = lock_locked(file);
    strand_sim_disk_leave(disk);
    return result;
}

static int
sim_is_locked(struct strand_fs_file *file)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    const struct strand_fs_file *holder = file->inode->locked_by;
    strand_sim_disk_leave(disk);
    return holder != NULL && holder != file;
}

static int64_t
sim_size(struct strand_fs_file *file)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int64_t size = file->inode == NULL ? -EBADF : file->inode->now.size;
    strand_sim_disk_leave(disk);
    return size;
}

static int64_t
sim_links(struct strand_fs_file *file)
{
    struct strand_sim_disk *disk = file->disk;

    strand_sim_disk_enter(disk);
    int64_t links = file->inode == NULL ? -EBADF : file->inode->link_count;
    strand_sim_disk_leave(disk);
    return links;
}

static int
is_named_locked(const struct strand_fs_file *file, const char *path)
{
    struct strand_sim_inode *named;
    int result = strand_sim_disk_find(file->disk, path, &named);

    if (file->inode == NULL)
        return -EBADF;
    if (result == -ENOENT || result == -ENOTDIR)
        return 0;
    return result != 0 ? result : named == file->inode;
}

static int
sim_is_named(struct strand_fs_file *file, void *context, const char *path)
{
    struct strand_sim_disk *disk = file->disk;

    (void)context; /* the same disk */
    strand_sim_disk_enter(disk);
    int result = is_named_locked(file, path);
    strand_sim_disk_leave(disk);
    return result;
}

static int
sim_descriptor(struct strand_fs_file *file)
{
    (void)file;
    return -ENOTSUP;
}

void
strand_sim_disk_set_file_operations(struct strand_fs *seam)
{
    seam->open = sim_open;
    seam->close = sim_close;
    seam->read_at = sim_read_at;
    seam->write_at = sim_write_at;
    seam->map = sim_map;
    seam->unmap = sim_unmap;
    seam->sync_data = sim_sync_data;
    seam->sync_all = sim_sync_all;
    seam->reserve = sim_reserve;
    seam->set_size = sim_set_size;
    seam->zero_range = sim_zero_range;
    seam->copy_range = sim_copy_range;
    seam->size = sim_size;
    seam->links = sim_links;
    seam->lock = sim_lock;
    seam->is_locked = sim_is_locked;
    seam->is_named = sim_is_named;
    seam->descriptor = sim_descriptor;
}
