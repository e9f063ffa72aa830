#include "support/fault_fs.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { TRACE_SIZE = 512 };

static struct {
    int calls; /* since the plan was made */
    int first, last;
    int code;
    size_t size_max;
    char trace[TRACE_SIZE];
} plan;

void
fault_fs_plan(int first, int last, int code, size_t size_max)
{
    memset(&plan, 0, sizeof plan);
    plan.first = first;
    plan.last = last;
    plan.code = code;
    plan.size_max = size_max;
}

/* Whether this call, named NAME in the trace, is to fail. */
static bool
is_planned(const char *name)
{
    size_t used = strlen(plan.trace);

    (void)snprintf(plan.trace + used, sizeof plan.trace - used, "%s ", name);
    plan.calls++;
    return plan.calls >= plan.first && plan.calls <= plan.last;
}

static size_t
cut(size_t size)
{
    return plan.size_max != 0 && size > plan.size_max ? plan.size_max : size;
}

static int64_t
planned_count(size_t size)
{
    return plan.code == FAULT_FS_TOO_MUCH ? (int64_t)size + 1 : -plan.code;
}

static int
fault_open(void *context, const char *name, uint32_t flags, struct strand_fs_file **out_file)
{
    return is_planned("open") ? -plan.code
                              : strand_fs_posix()->open(context, name, flags, out_file);
}

static int
fault_close(struct strand_fs_file *file)
{
    int result = strand_fs_posix()->close(file); /* closed, whatever it says */

    return is_planned("close") ? -plan.code : result;
}

static int64_t
fault_read_at(struct strand_fs_file *file, void *data, size_t size, int64_t position)
{
    return is_planned("read") ? planned_count(size)
                              : strand_fs_posix()->read_at(file, data, cut(size), position);
}

static int64_t
fault_write_at(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
               int64_t position)
{
    struct strand_fs_part part = {parts[0].data, cut(parts[0].size)};

    (void)count; /* base/file.c writes one part at a time */
    return is_planned("write") ? planned_count(parts[0].size)
                               : strand_fs_posix()->write_at(file, &part, 1, position);
}

static int
fault_map(struct strand_fs_file *file, size_t size, const void **out_data)
{
    return is_planned("map") ? -plan.code : strand_fs_posix()->map(file, size, out_data);
}

static int
fault_sync_data(struct strand_fs_file *file)
{
    return is_planned("sync_data") ? -plan.code : strand_fs_posix()->sync_data(file);
}

static int
fault_sync_all(struct strand_fs_file *file)
{
    return is_planned("sync_all") ? -plan.code : strand_fs_posix()->sync_all(file);
}

static int
fault_set_size(struct strand_fs_file *file, int64_t size)
{
    return is_planned("set_size") ? -plan.code : strand_fs_posix()->set_size(file, size);
}

static int64_t
fault_copy_range(struct strand_fs_file *from, int64_t from_position, struct strand_fs_file *to,
                 int64_t to_position, size_t size)
{
    return is_planned("copy")
               ? planned_count(size)
               : strand_fs_posix()->copy_range(from, from_position, to, to_position, cut(size));
}

static int64_t
fault_size(struct strand_fs_file *file)
{
    return is_planned("size") ? -plan.code : strand_fs_posix()->size(file);
}

static int
fault_kind(void *context, const char *name)
{
    return is_planned("kind") ? -plan.code : strand_fs_posix()->kind(context, name);
}

static int
fault_rename(void *context, const char *from, const char *to)
{
    return is_planned("rename") ? -plan.code : strand_fs_posix()->rename(context, from, to);
}

static int
fault_remove(void *context, const char *name)
{
    return is_planned("remove") ? -plan.code : strand_fs_posix()->remove(context, name);
}

static int
fault_make_directory(void *context, const char *name)
{
    return is_planned("make_directory") ? -plan.code
                                        : strand_fs_posix()->make_directory(context, name);
}

static int
fault_remove_directory(void *context, const char *name)
{
    return is_planned("remove_directory") ? -plan.code
                                          : strand_fs_posix()->remove_directory(context, name);
}

static int
fault_sync_directory(void *context, const char *name)
{
    return is_planned("sync_directory") ? -plan.code
                                        : strand_fs_posix()->sync_directory(context, name);
}

/* It fails when it has listed everything: what was seen is seen again. */
static int
fault_list(void *context, const char *name, strand_fs_visit_fn *visit, void *argument)
{
    int result = strand_fs_posix()->list(context, name, visit, argument);

    return is_planned("list") ? -plan.code : result;
}

const struct strand_fs *
fault_fs(void)
{
    static struct strand_fs seam;

    seam = *strand_fs_posix();
    seam.open = fault_open;
    seam.close = fault_close;
    seam.read_at = fault_read_at;
    seam.write_at = fault_write_at;
    seam.map = fault_map;
    seam.sync_data = fault_sync_data;
    seam.sync_all = fault_sync_all;
    seam.set_size = fault_set_size;
    seam.copy_range = fault_copy_range;
    seam.size = fault_size;
    seam.kind = fault_kind;
    seam.rename = fault_rename;
    seam.remove = fault_remove;
    seam.make_directory = fault_make_directory;
    seam.remove_directory = fault_remove_directory;
    seam.sync_directory = fault_sync_directory;
    seam.list = fault_list;
    return &seam;
}

int
fault_fs_calls(void)
{
    return plan.calls;
}

const char *
fault_fs_trace(void)
{
    return plan.trace;
}
