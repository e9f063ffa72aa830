/* simulation/crash_trace.c -- Text is cut where the room ends: the beginning says the most. */
#include "simulation/crash_trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BEFORE = 16, BEHIND = 6, PATH_SIZE = 256, PARENTS_MAX = 8 };

void
strand_crash_trace_line(struct strand_crash_trace *trace, const char *format, ...)
{
    va_list args;

    if (trace->used + 1 >= trace->size)
        return;
    va_start(args, format);
    int length = vsnprintf(trace->text + trace->used, trace->size - trace->used, format, args);
    va_end(args);
    if (length < 0)
        return;
    trace->used += (size_t)length;
    if (trace->used + 1 >= trace->size) {
        trace->used = trace->size - 1;
        return;
    }
    trace->text[trace->used++] = '\n';
    trace->text[trace->used] = '\0';
}

void
strand_crash_trace_operations(struct strand_crash_trace *trace,
                              const struct strand_sim_record *record, uint64_t point,
                              const char *what)
{
    size_t first = point > BEFORE ? (size_t)point - BEFORE : 0;
    size_t end = (size_t)point + BEHIND;

    if (first > 0)
        strand_crash_trace_line(trace, "  ... %zu operations before", first);
    for (size_t i = first; i < end && i <= record->operation_count; i++) {
        if (i == point)
            strand_crash_trace_line(trace, "  ======== %s", what);
        if (i < record->operation_count && record->operations[i].text != NULL)
            strand_crash_trace_line(trace, "  %s %s", i < point ? " " : "-",
                                    record->operations[i].text);
    }
}

/* ---- Survivors ---- */

/* The directory that INODE has a name in, or had or will have; 0: none.  *OUT_NAME is that name. */
static uint32_t
find_name(const struct strand_crash_disk *disk, uint32_t inode, const char **out_name)
{
    for (uint32_t i = 1; i <= disk->inode_count; i++) {
        const struct strand_crash_directory *directory = &disk->inodes[i].directory;

        if (!disk->inodes[i].is_there || !disk->inodes[i].is_directory)
            continue;
        for (size_t n = directory->change_count; n-- > 0;)
            if (directory->changes[n].set != NULL && directory->changes[n].inode == inode) {
                *out_name = directory->changes[n].set;
                return i;
            }
        for (size_t n = 0; n < directory->held.count; n++)
            if (directory->held.items[n].inode == inode) {
                *out_name = directory->held.items[n].name;
                return i;
            }
    }
    return 0;
}

static void
write_path(const struct strand_crash_disk *disk, uint32_t inode, char out_path[PATH_SIZE])
{
    char path[PATH_SIZE] = "";

    if (inode == STRAND_SIM_ROOT_NUMBER)
        (void)snprintf(path, sizeof path, "/"); /* it fits */
    for (int i = 0; i < PARENTS_MAX && inode != STRAND_SIM_ROOT_NUMBER && inode != 0; i++) {
        char longer[PATH_SIZE];
        const char *name = "?";

        inode = find_name(disk, inode, &name);
        (void)snprintf(longer, sizeof longer, "/%s%.200s", name, path); /* may be cut */
        memcpy(path, longer, sizeof path);
    }
    memcpy(out_path, path, sizeof path);
}

/* Which version a piece is of, 0 being what the disk held: of a torn one the newer. */
static size_t
version_of(const struct strand_crash_contents *contents,
           const struct strand_crash_pending_page *page, size_t piece)
{
    size_t version = page->version_count;

    while (version > 0 && contents->piece_of_version[page->first_version + version - 1] != piece)
        version--;
    return version;
}

static void
tell_file(struct strand_crash_trace *trace, struct strand_crash_states *states, uint32_t inode,
          const char *path)
{
    const struct strand_crash_contents *contents = &states->contents[inode];
    struct strand_crash_choice choice = strand_crash_states_choice(states, inode);

    if (contents->row_count > 1)
        strand_crash_trace_line(
            trace, "  %s: size %" PRId64 " (was %" PRId64 " on disk, %" PRId64 " at last)", path,
            contents->rows[choice.row].size, contents->rows[0].size,
            states->disk->inodes[inode].file.cache_size);
    for (size_t i = 0; i < contents->pending_count; i++) {
        const struct strand_crash_pending_page *page = &contents->pending[i];
        const struct strand_crash_piece *piece =
            &contents->pieces[page->first_piece + choice.pieces[i]];

        if (piece->cut != 0)
            strand_crash_trace_line(trace, "  %s: page %zu is torn at sector %zu", path,
                                    page->index, piece->cut);
        else if (choice.pieces[i] == 0)
            strand_crash_trace_line(trace, "  %s: page %zu is as on disk", path, page->index);
        else
            strand_crash_trace_line(trace, "  %s: page %zu is version %zu of %zu", path,
                                    page->index, version_of(contents, page, choice.pieces[i]),
                                    page->version_count);
    }
}

static void
tell_directory(struct strand_crash_trace *trace, const struct strand_crash_states *states,
               const struct strand_crash_axis *axis, const char *path)
{
    const struct strand_crash_change *changes = states->disk->inodes[axis->inode].directory.changes;

    for (size_t i = 0; i < axis->change_count; i++) {
        bool is_kept = states->flags[axis->first_flag + i];
        const char *cleared = changes[i].cleared;
        const char *set = changes[i].set;

        strand_crash_trace_line(trace, "  %s: %s%s%s%s %s", path, cleared == NULL ? "" : cleared,
                                cleared != NULL && set != NULL ? " to " : "",
                                set == NULL ? " removed" : set, cleared == NULL ? " created" : "",
                                is_kept ? "is there" : "is lost");
    }
}

void
strand_crash_trace_survivors(struct strand_crash_trace *trace, struct strand_crash_states *states)
{
    char path[PATH_SIZE];

    for (size_t i = 0; i < states->axis_count; i++) {
        write_path(states->disk, states->axes[i].inode, path);
        if (states->paths[states->axes[i].inode] != 0)
            tell_directory(trace, states, &states->axes[i], path);
    }
    for (uint32_t i = 1; i <= states->disk->inode_count; i++) {
        if (states->paths[i] == 0 || states->disk->inodes[i].is_directory ||
            states->contents[i].count == 1)
            continue;
        write_path(states->disk, i, path);
        tell_file(trace, states, i, path);
    }
}
