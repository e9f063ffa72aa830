/* simulation/sim_disk_paths.c -- The seam's operations on paths, and what surrounds the disk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation/sim_disk_internal.h"
#include "simulation/sim_memory.h"

static const int64_t UNLIMITED_BYTES = INT64_C(1) << 50; /* what a disk without capacity says */
static const int64_t LOOK_NS = 1000;

enum { DESCRIPTOR_LIMIT = 1024 }; /* what is said; nothing is refused for it */

/* Move *PATH behind its next component and copy that to NAME.  1; 0 when there is none. */
static int
next_component(const char **path, char name[STRAND_SIM_NAME_SIZE_MAX])
{
    const char *start = *path + strspn(*path, "/");
    size_t size = strcspn(start, "/");

    if (size >= STRAND_SIM_NAME_SIZE_MAX)
        return -ENAMETOOLONG;
    memcpy(name, start, size);
    name[size] = '\0';
    *path = start + size;
    return size > 0;
}

int
strand_sim_disk_find_place(const struct strand_sim_disk *disk, const char *path,
                           struct strand_sim_place *out_place)
{
    struct strand_sim_inode *inode = disk->root;
    struct strand_sim_place place = {.inode = NULL};
    char name[STRAND_SIM_NAME_SIZE_MAX];

    if (path[0] != '/')
        return -EINVAL;

    int result = next_component(&path, name);
    while (result > 0) {
        if (inode == NULL)
            return -ENOENT;
        if (!inode->is_directory)
            return -ENOTDIR;
        place.directory = inode;
        memcpy(place.name, name, sizeof name);
        inode = strand_sim_names_find(&inode->names, name);
        place.inode = inode;
        result = next_component(&path, name);
    }
    if (result < 0)
        return result;
    if (place.directory == NULL)
        return -EBUSY;
    *out_place = place;
    return 0;
}

int
strand_sim_disk_find(const struct strand_sim_disk *disk, const char *path,
                     struct strand_sim_inode **out_inode)
{
    struct strand_sim_place place;
    int result = strand_sim_disk_find_place(disk, path, &place);

    if (result == -EBUSY)
        place.inode = disk->root;
    else if (result != 0)
        return result;
    if (place.inode == NULL)
        return -ENOENT;
    *out_inode = place.inode;
    return 0;
}

static int
sim_kind(void *context, const char *path)
{
    struct strand_sim_disk *disk = context;
    struct strand_sim_inode *inode;

    strand_sim_disk_enter(disk);
    int result = strand_sim_disk_find(disk, path, &inode);
    if (result == 0)
        result = inode->is_directory ? STRAND_FS_DIRECTORY : STRAND_FS_FILE;
    strand_sim_disk_leave(disk);
    return result;
}

/* Whether MOVED may take the place of REPLACED, which may be NULL. */
static int
check_replace(const struct strand_sim_inode *moved, const struct strand_sim_inode *replaced)
{
    if (replaced == NULL)
        return 0;
    if (!replaced->is_directory)
        return moved->is_directory ? -ENOTDIR : 0;
    if (!moved->is_directory)
        return -EISDIR;
    return replaced->names.count > 0 ? -ENOTEMPTY : 0;
}

static int
rename_locked(struct strand_sim_disk *disk, const char *from, const char *to)
{
    struct strand_sim_place source;
    struct strand_sim_place target;
    int result = strand_sim_disk_find_place(disk, from, &source);

    if (result == 0)
        result = strand_sim_disk_find_place(disk, to, &target);
    if (result != 0)
        return result;
    if (source.inode == NULL)
        return -ENOENT;
    if (source.inode == target.inode) /* two names of one file: POSIX keeps both */
        return 0;
    result = check_replace(source.inode, target.inode);
    if (result != 0)
        return result;

    if (source.directory == target.directory) {
        strand_sim_directory_change(
            source.directory, &(struct strand_sim_change){source.name, target.name, source.inode});
        return 0;
    }
    if (source.inode->is_directory) /* half of it durable would be a directory with two names */
        return -EXDEV;
    strand_sim_directory_change(target.directory,
                                &(struct strand_sim_change){NULL, target.name, source.inode});
    strand_sim_directory_change(source.directory,
                                &(struct strand_sim_change){source.name, NULL, NULL});
    return 0;
}

static int
sim_rename(void *context, const char *from, const char *to)
{
    struct strand_sim_disk *disk = context;

    strand_sim_disk_enter(disk);
    int result = strand_sim_plan_call(&disk->plan, STRAND_SIM_NAME, "rename %s to %s", from, to);
    if (result == 0)
        result = rename_locked(disk, from, to);
    strand_sim_disk_leave(disk);
    return result;
}

static int
link_locked(struct strand_sim_disk *disk, const char *from, const char *to)
{
    struct strand_sim_inode *inode;
    struct strand_sim_place target;
    int result = strand_sim_disk_find(disk, from, &inode);

    if (result == 0)
        result = strand_sim_disk_find_place(disk, to, &target);
    if (result != 0)
        return result;
    if (inode->is_directory)
        return -EPERM;
    if (target.inode != NULL)
        return -EEXIST;
    strand_sim_directory_change(target.directory,
                                &(struct strand_sim_change){NULL, target.name, inode});
    return 0;
}

static int
sim_link(void *context, const char *from, const char *to)
{
    struct strand_sim_disk *disk = context;

    strand_sim_disk_enter(disk);
    int result = strand_sim_plan_call(&disk->plan, STRAND_SIM_NAME, "link %s to %s", from, to);
    if (result == 0)
        result = link_locked(disk, from, to);
    strand_sim_disk_leave(disk);
    return result;
}

static int
remove_locked(struct strand_sim_disk *disk, const char *path, bool is_directory)
{
    struct strand_sim_place place;
    int result = strand_sim_disk_find_place(disk, path, &place);

    if (result != 0)
        return result;
    if (place.inode == NULL)
        return -ENOENT;
    if (place.inode->is_directory != is_directory)
        return is_directory ? -ENOTDIR : -EISDIR;
    if (place.inode->names.count > 0)
        return -ENOTEMPTY;
    strand_sim_directory_change(place.directory,
                                &(struct strand_sim_change){place.name, NULL, NULL});
    return 0;
}

static int
sim_remove(void *context, const char *path)
{
    struct strand_sim_disk *disk = context;

    strand_sim_disk_enter(disk);
    int result = strand_sim_plan_call(&disk->plan, STRAND_SIM_NAME, "remove %s", path);
    if (result == 0)
        result = remove_locked(disk, path, false);
    strand_sim_disk_leave(disk);
    return result;
}

static int
sim_remove_directory(void *context, const char *path)
{
    struct strand_sim_disk *disk = context;

    strand_sim_disk_enter(disk);
    int result = strand_sim_plan_call(&disk->plan, STRAND_SIM_NAME, "remove_directory %s", path);
    if (result == 0)
        result = remove_locked(disk, path, true);
    strand_sim_disk_leave(disk);
    return result;
}

static int
make_directory_locked(struct strand_sim_disk *disk, const char *path)
{
    struct strand_sim_place place;
    int result = strand_sim_disk_find_place(disk, path, &place);

    if (result != 0)
        return result == -EBUSY ? -EEXIST : result;
    if (place.inode != NULL)
        return -EEXIST;
    if (strand_sim_disk_free_blocks(disk) == 0)
        return -ENOSPC;
    place.inode = strand_sim_inode_create(&disk->inodes, true);
    strand_sim_directory_change(place.directory,
                                &(struct strand_sim_change){NULL, place.name, place.inode});
    return 0;
}

static int
sim_make_directory(void *context, const char *path)
{
    struct strand_sim_disk *disk = context;

    strand_sim_disk_enter(disk);
    int result = strand_sim_plan_call(&disk->plan, STRAND_SIM_NAME, "make_directory %s", path);
    if (result == 0)
        result = make_directory_locked(disk, path);
    strand_sim_disk_leave(disk);
    return result;
}

static int
find_directory(const struct strand_sim_disk *disk, const char *path,
               struct strand_sim_inode **out_directory)
{
    struct strand_sim_inode *inode;
    int result = strand_sim_disk_find(disk, path, &inode);

    if (result != 0)
        return result;
    if (!inode->is_directory)
        return -ENOTDIR;
    *out_directory = inode;
    return 0;
}

static int
sim_sync_directory(void *context, const char *path)
{
    struct strand_sim_disk *disk = context;
    struct strand_sim_inode *directory;

    strand_sim_disk_enter(disk);
    int result =
        strand_sim_plan_call(&disk->plan, STRAND_SIM_SYNC_DIRECTORY, "sync_directory %s", path);
    if (result == 0)
        result = find_directory(disk, path, &directory);
    if (result == 0)
        strand_sim_directory_sync(directory);
    strand_sim_disk_leave(disk);
    return result;
}

/* The names in DIRECTORY, COUNT of them, owned by the caller. */
static char **
copy_names(const struct strand_sim_inode *directory, size_t *out_count)
{
    char **names = NULL;
    size_t capacity = 0;

    for (size_t i = 0; i < directory->names.count; i++) {
        names = strand_sim_grow(names, &capacity, i, sizeof *names);
        names[i] = strand_sim_copy_text(directory->names.entries[i].name);
    }
    *out_count = directory->names.count;
    return names;
}

/* The visitor may use the disk, so that it gets names that the lock need not protect. */
static int
sim_list(void *context, const char *path, strand_fs_visit_fn *visit, void *argument)
{
    struct strand_sim_disk *disk = context;
    struct strand_sim_inode *directory;
    char **names = NULL;
    size_t count = 0;

    strand_sim_disk_enter(disk);
    int result = find_directory(disk, path, &directory);
    if (result == 0)
        names = copy_names(directory, &count);
    strand_sim_disk_leave(disk);

    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = visit(argument, names[i]);
        free(names[i]);
    }
    free(names);
    return result;
}

static int
sim_volume(void *context, const char *path, struct strand_fs_volume *out_volume)
{
    struct strand_sim_disk *disk = context;
    struct strand_sim_inode *inode;
    struct strand_fs_volume volume = {.type = "sim"};

    strand_sim_disk_enter(disk);
    int result = strand_sim_disk_find(disk, path, &inode);
    bool is_limited = disk->capacity != 0;
    volume.total_bytes = is_limited ? disk->capacity : UNLIMITED_BYTES;
    volume.free_bytes =
        is_limited ? strand_sim_disk_free_blocks(disk) * STRAND_SIM_BLOCK_SIZE : UNLIMITED_BYTES;
    strand_sim_disk_leave(disk);
    if (result == 0)
        *out_volume = volume;
    return result;
}

/* What CLOCK, one of the disk's, shows; both go on. */
static int64_t
look(struct strand_sim_disk *disk, const int64_t *clock)
{
    strand_sim_disk_enter(disk);
    int64_t now = *clock;
    disk->wall_ns += LOOK_NS;
    disk->monotonic_ns += LOOK_NS;
    strand_sim_disk_leave(disk);
    return now;
}

static int64_t
sim_wall_clock_ns(void *context)
{
    struct strand_sim_disk *disk = context;

    return look(disk, &disk->wall_ns);
}

static int64_t
sim_monotonic_ns(void *context)
{
    struct strand_sim_disk *disk = context;

    return look(disk, &disk->monotonic_ns);
}

static int
sim_random(void *context, void *data, size_t size)
{
    struct strand_sim_disk *disk = context;
    uint8_t *bytes = data;

    strand_sim_disk_enter(disk);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(strand_sim_next_random(&disk->random) >> 56);
    strand_sim_disk_leave(disk);
    return 0;
}

static int
sim_boot_id(void *context, char out_id[STRAND_FS_BOOT_ID_SIZE])
{
    struct strand_sim_disk *disk = context;

    strand_sim_disk_enter(disk);
    uint64_t state = disk->seed;
    uint64_t boot = strand_sim_next_random(&state) + disk->cut_count;
    strand_sim_disk_leave(disk);

    uint64_t high = strand_sim_next_random(&boot);
    uint64_t low = strand_sim_next_random(&boot);
    (void)snprintf(out_id, STRAND_FS_BOOT_ID_SIZE, "%08x-%04x-4%03x-8%03x-%012llx",
                   (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
                   (unsigned)(high & 0xfff), (unsigned)(low >> 52),
                   (unsigned long long)(low & UINT64_C(0xffffffffffff)));
    return 0;
}

static int
sim_process(void *context, char *out_text, size_t size)
{
    struct strand_sim_disk *disk = context;

    strand_sim_disk_enter(disk);
    uint64_t number = disk->process_number;
    strand_sim_disk_leave(disk);
    (void)snprintf(out_text, size, "process %llu (simulated)",
                   (unsigned long long)number); /* for people, who can read it cut */
    return 0;
}

static int64_t
sim_descriptor_limit(void *context)
{
    (void)context;
    return DESCRIPTOR_LIMIT;
}

/* The current directory is the root. */
static int
sim_absolute(void *context, const char *path, char *out_path, size_t size)
{
    (void)context;
    if (path[0] == '\0')
        return -ENOENT;
    int length = snprintf(out_path, size, "%s%s", path[0] == '/' ? "" : "/", path);
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

void
strand_sim_disk_set_path_operations(struct strand_fs *seam)
{
    seam->kind = sim_kind;
    seam->rename = sim_rename;
    seam->link = sim_link;
    seam->remove = sim_remove;
    seam->make_directory = sim_make_directory;
    seam->remove_directory = sim_remove_directory;
    seam->sync_directory = sim_sync_directory;
    seam->list = sim_list;
    seam->volume = sim_volume;
    seam->wall_clock_ns = sim_wall_clock_ns;
    seam->monotonic_ns = sim_monotonic_ns;
    seam->random = sim_random;
    seam->boot_id = sim_boot_id;
    seam->process = sim_process;
    seam->descriptor_limit = sim_descriptor_limit;
    seam->absolute = sim_absolute;
}
