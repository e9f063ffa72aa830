/* recovery/log_recovery_rewrite.c -- What the cache shows of a segment becomes what is on disk.
 *
 * That includes the rest of its last block.  When power goes while a batch is written, its bytes
 * may be on disk and the size that takes them in may not.  They cannot be read, but they are there,
 * and when the file grows again ext4 (Linux 6.18, default options) may write the new size before
 * the block: a second cut then shows the old batch in the place of the new one.  A block is written
 * with zeros behind the end, so one byte of it is written again before anything is appended.
 *
 * In the boot of the last writer a sync may have failed: then pages are clean that were never
 * written, and the next sync says 0.  Writing the same bytes once more is not enough either: ext4
 * (Linux 6.18, default options) leaves new blocks unwritten when their write fails, syncs with
 * success what is written over them, and reads zeros after the next mount.  Blocks that are given
 * up and allocated anew are written.  So the tail goes to a file of its own, durably, the segment
 * is cut in front of it and gets it back, and the file goes: N.POSITION.tail, which also says what
 * is to be done when all this was interrupted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "recovery/log_recovery_internal.h"
#include "storage/topic_name.h"
#include "strandline/fs.h"

enum { PIECE_SIZE = 1024 * 1024, TAIL_NAME_SIZE = 64 };

/* SIZE bytes of FROM, which may be TO itself. */
static int
copy_bytes(const struct strand_file *from, int64_t from_position, const struct strand_file *to,
           int64_t to_position, int64_t size)
{
    uint8_t *buffer = malloc(PIECE_SIZE);
    int status = STRAND_OK;

    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "write %s again: out of memory", to->path);
    for (int64_t done = 0; status == STRAND_OK && done < size;) {
        size_t piece = size - done < PIECE_SIZE ? (size_t)(size - done) : PIECE_SIZE;

        status = strand_file_read_exactly(from, buffer, piece, from_position + done);
        if (status == STRAND_OK)
            status = strand_file_write(to, buffer, piece, to_position + done, NULL);
        done += (int64_t)piece;
    }
    free(buffer);
    return status;
}

/* ---- Tails ---- */

static void
format_tail_name(int64_t base_offset, int64_t position, char out_name[TAIL_NAME_SIZE])
{
    (void)snprintf(out_name, TAIL_NAME_SIZE, "%020" PRId64 ".%" PRId64 ".tail", base_offset,
                   position); /* it fits */
}

static bool
parse_tail_name(const char *name, int64_t *out_base_offset, int64_t *out_position)
{
    char expected[TAIL_NAME_SIZE];
    char *end;

    if (!strand_recovery_has_suffix(name, ".tail") ||
        !strand_recovery_parse_prefix(name, out_base_offset))
        return false;
    errno = 0;
    *out_position = strtoll(strchr(name, '.') + 1, &end, 10);
    if (errno != 0 || *out_position < 0)
        return false;
    format_tail_name(*out_base_offset, *out_position, expected);
    return strcmp(name, expected) == 0;
}

/* What TAIL holds is the end of FILE from POSITION on. */
static int
give_back(const struct strand_file *tail, const struct strand_file *file, int64_t position)
{
    int64_t size;
    int status = strand_file_size(tail, &size);

    if (status == STRAND_OK)
        status = strand_file_set_size(file, position);
    if (status == STRAND_OK)
        status = copy_bytes(tail, 0, file, position, size);
    return status == STRAND_OK ? strand_file_sync_data(file) : status;
}

static int
give_back_named(const struct strand_recovery *recovery, const char *name,
                const struct strand_file *file, int64_t position)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file tail;

    int status = strand_recovery_open(recovery, name, 0, path, &tail);
    if (status != STRAND_OK)
        return status;
    status = give_back(&tail, file, position);
    strand_file_discard(&tail); /* nothing was written to it */
    return status == STRAND_OK ? strand_recovery_remove(recovery, name) : status;
}

/* A segment that is shorter than it was when the tail was taken has lost more than that. */
static int
finish_rewrite(const struct strand_recovery *recovery, const char *name, int64_t base_offset,
               int64_t position)
{
    char segment_name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;
    int64_t size;

    strand_segment_name_format(base_offset, segment_name);
    int status = strand_recovery_open(recovery, segment_name, STRAND_FS_WRITE, path, &file);
    if (status == STRAND_ERR_NOT_FOUND)
        return strand_recovery_remove(recovery, name);
    if (status != STRAND_OK)
        return status;
    status = strand_file_size(&file, &size);
    if (status == STRAND_OK && size < position)
        status = strand_recovery_remove(recovery, name);
    else if (status == STRAND_OK)
        status = give_back_named(recovery, name, &file, position);
    if (status == STRAND_OK)
        return strand_file_close(&file);
    strand_file_discard(&file);
    return status;
}

/* The name may be in the cache alone, and what the segment loses is not to be lost with it. */
int
strand_recovery_finish_rewrites(const struct strand_recovery *recovery)
{
    bool is_name_durable = false;
    int status = STRAND_OK;

    for (size_t i = 0; i < recovery->names.count && status == STRAND_OK; i++) {
        const char *name = recovery->names.names[i];
        int64_t base_offset, position;

        if (!parse_tail_name(name, &base_offset, &position))
            continue;
        if (!is_name_durable)
            status = strand_recovery_sync_directory(recovery);
        is_name_durable = true;
        if (status == STRAND_OK)
            status = finish_rewrite(recovery, name, base_offset, position);
    }
    return status;
}

/* ---- One file ---- */

/* Whether recovery cuts off zeros that stand behind the last batch of file INDEX, should it be
 * interrupted. */
static bool
may_end_with_zeros(const struct strand_recovery *recovery, size_t index)
{
    return index + 1 >= recovery->file_count ||
           recovery->files[index + 1].base_offset == recovery->files[index].end_offset;
}

/* Synced, the size anew: a sync that failed may have left another one on disk than the cache shows,
 * and the next one does not write it. */
static int
renew_size(const struct strand_recovery *recovery, const struct strand_file *file, size_t index,
           int64_t size)
{
    int status = STRAND_OK;

    if (may_end_with_zeros(recovery, index))
        status = strand_file_set_size(file, size + 1);
    if (status == STRAND_OK)
        status = strand_file_set_size(file, size);
    return status == STRAND_OK ? strand_file_sync_data(file) : status;
}

/* Without room for the tail it is written in place, which is right on most file systems.  That
 * there is none is told before the tail has its name: one that stayed would be given back later,
 * over what has been appended since. */
static int
rewrite_tail(const struct strand_recovery *recovery, const struct strand_file *file, size_t index,
             int64_t position, int64_t size)
{
    const struct strand_recovery_range tail = {position, size - position};
    char name[TAIL_NAME_SIZE];

    format_tail_name(recovery->files[index].base_offset, position, name);
    int status = strand_recovery_copy(recovery, file, &tail, 1, name);
    if (status == STRAND_ERR_NO_SPACE) {
        status = copy_bytes(file, position, file, position, size - position);
        return status == STRAND_OK ? renew_size(recovery, file, index, size) : status;
    }
    if (status == STRAND_OK)
        status = strand_recovery_sync_directory(recovery);
    return status == STRAND_OK ? give_back_named(recovery, name, file, position) : status;
}

int
strand_recovery_replace_by_prefix(const struct strand_recovery *recovery,
                                  const struct strand_file *file, int64_t base_offset, int64_t size)
{
    const struct strand_recovery_range all = {0, size};
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(base_offset, name);
    return strand_recovery_copy(recovery, file, &all, 1, name);
}

static int
rewrite_file(struct strand_recovery *recovery, const struct strand_file *file, size_t index,
             int64_t position, int64_t size)
{
    int64_t base_offset = recovery->files[index].base_offset;
    int64_t links;

    int status = strand_file_links(file, &links);
    if (status != STRAND_OK)
        return status;
    if (position >= size) /* one with more links was never shortened in place */
        return links > 1 ? strand_file_sync_data(file) : renew_size(recovery, file, index, size);
    if (links > 1)
        position = 0;
    status = links > 1 ? strand_recovery_replace_by_prefix(recovery, file, base_offset, size)
                       : rewrite_tail(recovery, file, index, position, size);
    if (status == STRAND_OK)
        recovery->log->bytes_rewritten += size - position;
    return status;
}

/* The same byte: what the file holds does not change. */
static int
clear_behind_end(const struct strand_recovery *recovery, const struct strand_file *file,
                 int64_t size)
{
    uint8_t last;

    if (size == 0)
        return STRAND_OK;
    int status = strand_file_read_exactly(file, &last, 1, size - 1);
    if (status != STRAND_OK)
        return status;
    recovery->log->bytes_read++;
    return strand_file_write(file, &last, 1, size - 1, NULL);
}

int
strand_recovery_sync_file(struct strand_recovery *recovery, size_t index, int64_t position,
                          int64_t size)
{
    bool is_same_boot = recovery->request->is_same_boot;
    bool is_written_again = is_same_boot && position < size;
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_file file;

    strand_segment_name_format(recovery->files[index].base_offset, name);
    int status = strand_recovery_open(recovery, name, STRAND_FS_WRITE, path, &file);
    if (status != STRAND_OK)
        return status;
    if (index + 1 == recovery->behind && !is_written_again)
        status = clear_behind_end(recovery, &file, size);
    if (status == STRAND_OK)
        status = is_same_boot ? rewrite_file(recovery, &file, index, position, size)
                              : strand_file_sync_data(&file);
    if (status == STRAND_OK)
        return strand_file_close(&file);
    strand_file_discard(&file);
    return status;
}
