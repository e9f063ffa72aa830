/* base/file.c -- Loops, statuses and sentences above the raw operations of the seam.
 *
 * The seam may be a host's: a count that it reports is checked before it is believed.
 */
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/error.h"

enum { COPY_BUFFER_SIZE = 128 * 1024 };

/* Record RESULT, -errno or not negative, of "VERB PATH" and return its status. */
static int
checked(int64_t result, const char *verb, const char *path)
{
    if (result >= 0)
        return STRAND_OK;
    return strand_fail_code(result >= -INT_MAX ? (int)-result : EIO, "%s %s", verb, path);
}

/* As checked(), and *OUT_VALUE is the result if it is not negative. */
static int
checked_value(int64_t result, const char *verb, const char *path, int64_t *out_value)
{
    if (result >= 0)
        *out_value = result;
    return checked(result, verb, path);
}

/* Nothing in this library asks for bytes that a position cannot name. */
static bool
is_range(int64_t position, size_t size)
{
    return position >= 0 && size <= (uint64_t)(INT64_MAX - position);
}

int
strand_path_join(char out_path[STRAND_PATH_SIZE_MAX], const char *dir, const char *name)
{
    char path[STRAND_PATH_SIZE_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", dir, name);

    if (length < 0 || (size_t)length >= sizeof path)
        return strand_fail(STRAND_ERR_INVALID, "join %s and %s: path is too long", dir, name);
    memcpy(out_path, path, (size_t)length + 1);
    return STRAND_OK;
}

int
strand_file_open(const struct strand_fs *fs, const char *path, uint32_t flags,
                 struct strand_file *out_file)
{
    struct strand_fs_file *handle = NULL;
    int result;

    do
        result = fs->open(fs->context, path, flags, &handle);
    while (result == -EINTR);
    int status = checked(result, (flags & STRAND_FS_CREATE) != 0 ? "create" : "open", path);
    if (status == STRAND_OK)
        *out_file = (struct strand_file){.fs = fs, .handle = handle, .path = path};
    return status;
}

int
strand_file_close(struct strand_file *file)
{
    strand_assert(file->handle != NULL);
    int result = file->fs->close(file->handle);

    file->handle = NULL;
    if (result == -EINTR) /* closed all the same: a second close could hit somebody else's file */
        return STRAND_OK;
    return checked(result, "close", file->path);
}

void
strand_file_discard(struct strand_file *file)
{
    if (file->handle == NULL)
        return;
    (void)file->fs->close(file->handle); /* the failure that counts is recorded already */
    file->handle = NULL;
}

int
strand_file_read(const struct strand_file *file, void *data, size_t size, int64_t position,
                 size_t *out_size)
{
    size_t done = 0;

    strand_assert(is_range(position, size));
    while (done < size) {
        int64_t count = file->fs->read_at(file->handle, (char *)data + done, size - done,
                                          position + (int64_t)done);
        if (count == -EINTR)
            continue;
        if (count == 0)
            break;
        if (count < 0 || (uint64_t)count > size - done)
            return checked(count < 0 ? count : -EIO, "read", file->path);
        done += (size_t)count;
    }
    *out_size = done;
    return STRAND_OK;
}

int
strand_file_read_exactly(const struct strand_file *file, void *data, size_t size, int64_t position)
{
    size_t done = 0;
    int status = strand_file_read(file, data, size, position, &done);

    if (status == STRAND_OK && done < size)
        return strand_fail(STRAND_ERR_IO, "read %s: unexpected end of file", file->path);
    return status;
}

int
strand_file_write(const struct strand_file *file, const void *data, size_t size, int64_t position,
                  size_t *out_written)
{
    const struct strand_fs_part part = {data, size};

    return strand_file_write_parts(file, &part, 1, position, out_written);
}

/* What is left of PARTS when DONE bytes are written, as far as the end of a part. */
static struct strand_fs_part
rest_of_part(const struct strand_fs_part *parts, size_t done)
{
    while (done >= parts->size)
        done -= parts++->size;
    return (struct strand_fs_part){(const char *)parts->data + done, parts->size - done};
}

int
strand_file_write_parts(const struct strand_file *file, const struct strand_fs_part *parts,
                        int count, int64_t position, size_t *out_written)
{
    size_t size = 0;
    size_t done = 0;
    int status = STRAND_OK;

    for (int i = 0; i < count; i++)
        size += parts[i].size;
    strand_assert(is_range(position, size));
    while (done < size && status == STRAND_OK) { /* all at once, then, cut short, part by part */
        struct strand_fs_part rest = rest_of_part(parts, done);
        int64_t written = file->fs->write_at(file->handle, done == 0 ? parts : &rest,
                                             done == 0 ? count : 1, position + (int64_t)done);

        if (written == -EINTR)
            continue;
        if (written == 0) /* a write that stores nothing and gives no reason has found no room */
            written = -ENOSPC;
        if (written > 0 && (uint64_t)written > (done == 0 ? size : rest.size))
            written = -EIO;
        status = checked(written, "write", file->path);
        if (status == STRAND_OK)
            done += (size_t)written;
    }
    if (out_written != NULL)
        *out_written = done;
    return status;
}

int
strand_file_sync_data(const struct strand_file *file)
{
    return checked(file->fs->sync_data(file->handle), "sync", file->path);
}

int
strand_file_sync_all(const struct strand_file *file)
{
    return checked(file->fs->sync_all(file->handle), "sync", file->path);
}

int
strand_file_set_size(const struct strand_file *file, int64_t size)
{
    int result;

    do
        result = file->fs->set_size(file->handle, size);
    while (result == -EINTR);
    return checked(result, "set size of", file->path);
}

int
strand_file_size(const struct strand_file *file, int64_t *out_size)
{
    return checked_value(file->fs->size(file->handle), "get size of", file->path, out_size);
}

int
strand_file_links(const struct strand_file *file, int64_t *out_links)
{
    return checked_value(file->fs->links(file->handle), "count links of", file->path, out_links);
}

int
strand_file_map(const struct strand_file *file, size_t size, const void **out_data)
{
    const void *data = NULL;
    int result = size == 0 ? -ENOTSUP : file->fs->map(file->handle, size, &data);
    int status = result == -ENOTSUP ? STRAND_OK : checked(result, "map", file->path);

    if (status == STRAND_OK)
        *out_data = result == 0 ? data : NULL;
    return status;
}

void
strand_file_unmap(const struct strand_file *file, const void *data, size_t size)
{
    if (data != NULL)
        (void)file->fs->unmap(file->handle, data, size); /* nothing is lost but address space */
}

/* Copy by reference as far as the file system goes along: [0, *DONE) is there afterwards. */
static int
copy_by_reference(const struct strand_file *from, const struct strand_file *to, int64_t size,
                  int64_t *done)
{
    while (*done < size) {
        int64_t count =
            from->fs->copy_range(from->handle, *done, to->handle, *done, (size_t)(size - *done));
        if (count == -EINTR)
            continue;
        if (count == -ENOTSUP || count == 0) /* 0: the end of the file, or no way to copy it so */
            return STRAND_OK;
        if (count < 0 || count > size - *done)
            return checked(count < 0 ? count : -EIO, "copy to", to->path);
        *done += count;
    }
    return STRAND_OK;
}

static int
copy_by_hand(const struct strand_file *from, const struct strand_file *to, int64_t size,
             int64_t done)
{
    int status = STRAND_OK;
    char *buffer = malloc(COPY_BUFFER_SIZE);

    if (buffer == NULL)
        return checked(-ENOMEM, "copy to", to->path);
    while (done < size && status == STRAND_OK) {
        size_t part =
            size - done < COPY_BUFFER_SIZE ? (size_t)(size - done) : (size_t)COPY_BUFFER_SIZE;
        status = strand_file_read_exactly(from, buffer, part, done);
        if (status == STRAND_OK)
            status = strand_file_write(to, buffer, part, done, NULL);
        done += (int64_t)part;
    }
    free(buffer);
    return status;
}

int
strand_file_copy(const struct strand_file *from, const struct strand_file *to, int64_t size)
{
    int64_t done = 0;

    strand_assert(size >= 0);
    int status = copy_by_reference(from, to, size, &done);
    if (status == STRAND_OK && done < size)
        status = copy_by_hand(from, to, size, done);
    return status;
}

int
strand_path_rename(const struct strand_fs *fs, const char *from, const char *to)
{
    int result;

    do
        result = fs->rename(fs->context, from, to);
    while (result == -EINTR);
    return checked(result, "rename", from);
}

int
strand_path_remove(const struct strand_fs *fs, const char *path)
{
    int result;

    do
        result = fs->remove(fs->context, path);
    while (result == -EINTR);
    return result == -ENOENT ? STRAND_OK : checked(result, "remove", path);
}

int
strand_path_make_directory(const struct strand_fs *fs, const char *path)
{
    int result;

    do
        result = fs->make_directory(fs->context, path);
    while (result == -EINTR);
    return checked(result, "make directory", path);
}

int
strand_path_sync_directory(const struct strand_fs *fs, const char *path)
{
    return checked(fs->sync_directory(fs->context, path), "sync directory", path);
}

static int
remove_files(const struct strand_fs *fs, const char *dir, const struct strand_names *names)
{
    char path[STRAND_PATH_SIZE_MAX];
    int status = STRAND_OK;

    for (size_t i = 0; i < names->count && status == STRAND_OK; i++) {
        status = strand_path_join(path, dir, names->names[i]);
        if (status == STRAND_OK)
            status = strand_path_remove(fs, path);
    }
    return status;
}

int
strand_path_remove_tree(const struct strand_fs *fs, const char *path)
{
    struct strand_names names = {0};
    int kind;
    int status = strand_path_kind(fs, path, &kind);

    if (status != STRAND_OK || kind == 0)
        return status;
    status = strand_path_list(fs, path, &names);
    if (status == STRAND_OK)
        status = remove_files(fs, path, &names);
    strand_names_free(&names);
    if (status != STRAND_OK)
        return status;

    int result;
    do
        result = fs->remove_directory(fs->context, path);
    while (result == -EINTR);
    return checked(result, "remove directory", path);
}

int
strand_path_kind(const struct strand_fs *fs, const char *path, int *out_kind)
{
    int result;

    do
        result = fs->kind(fs->context, path);
    while (result == -EINTR);
    if (result == -ENOENT)
        result = 0;
    int status = checked(result, "look up", path);
    if (status == STRAND_OK)
        *out_kind = result;
    return status;
}

struct name_list {
    struct strand_buffer text; /* names, each with its zero byte */
    size_t count;
};

static int
add_name(void *argument, const char *name)
{
    struct name_list *list = argument;
    size_t size = strlen(name) + 1;

    if (strand_buffer_reserve(&list->text, list->text.size + size) != STRAND_OK)
        return -ENOMEM;
    memcpy(list->text.data + list->text.size, name, size);
    list->text.size += size;
    list->count++;
    return 0;
}

static int
compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* One block of memory: the pointers, then the text that they point into. */
static int
sort_names(const struct name_list *list, const char *path, struct strand_names *out_names)
{
    size_t pointers_size = list->count * sizeof *out_names->names;
    char **names = malloc(pointers_size + list->text.size);

    if (names == NULL)
        return checked(-ENOMEM, "list", path);
    char *text = (char *)names + pointers_size;
    memcpy(text, list->text.data, list->text.size);
    for (size_t i = 0; i < list->count; i++, text += strlen(text) + 1)
        names[i] = text;
    qsort(names, list->count, sizeof *names, compare_names);
    *out_names = (struct strand_names){.names = names, .count = list->count};
    return STRAND_OK;
}

int
strand_path_list(const struct strand_fs *fs, const char *path, struct strand_names *out_names)
{
    struct name_list list = {.count = 0};
    int result;

    do {
        list.text.size = 0; /* an interrupted listing begins again */
        list.count = 0;
        result = fs->list(fs->context, path, add_name, &list);
    } while (result == -EINTR);
    int status = checked(result, "list", path);
    if (status == STRAND_OK && list.count > 0)
        status = sort_names(&list, path, out_names);
    else if (status == STRAND_OK)
        *out_names = (struct strand_names){0};
    free(list.text.data);
    return status;
}

void
strand_names_free(struct strand_names *names)
{
    free(names->names);
    *names = (struct strand_names){0};
}

/* The first SIZE bytes of FILE, or as many as there still are, and a zero byte. */
static int
read_into_memory(const struct strand_file *file, size_t size, char **out_data, size_t *out_size)
{
    size_t done = 0;

    strand_assert(size < SIZE_MAX);
    char *data = malloc(size + 1);
    if (data == NULL)
        return checked(-ENOMEM, "read", file->path);
    int status = strand_file_read(file, data, size, 0, &done);
    if (status != STRAND_OK) {
        free(data);
        return status;
    }
    data[done] = '\0';
    *out_data = data;
    *out_size = done;
    return STRAND_OK;
}

int
strand_path_read(const struct strand_fs *fs, const char *path, size_t size_max_bytes,
                 char **out_data, size_t *out_size)
{
    struct strand_file file;
    int64_t size = 0;
    int status = strand_file_open(fs, path, 0, &file);

    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &size);
    if (status == STRAND_OK && ((uint64_t)size > size_max_bytes || (uint64_t)size >= SIZE_MAX))
        status = strand_fail(STRAND_ERR_TOO_LARGE, "read %s: %lld bytes are more than %zu", path,
                             (long long)size, size_max_bytes);
    if (status == STRAND_OK)
        status = read_into_memory(&file, (size_t)size, out_data, out_size);
    strand_file_discard(&file);
    return status;
}
