/* storage/scan_window.c -- Read a file front to back through memory of a fixed size.
 *
 * Going forward it reads each byte once: what is left at the end of the window moves to its front
 * and the rest is read behind it.  Recovery counts on that, since it promises how much it reads.
 */
#include "storage/scan_window.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"

int
strand_scan_window_init(struct strand_scan_window *out_window, const struct strand_file *file,
                        int64_t end_position)
{
    uint8_t *buffer = malloc(STRAND_SCAN_WINDOW_SIZE);

    if (buffer == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "scan %s: out of memory", file->path);
    *out_window =
        (struct strand_scan_window){.file = file, .end_position = end_position, .buffer = buffer};
    return STRAND_OK;
}

void
strand_scan_window_deinit(struct strand_scan_window *window)
{
    free(window->buffer);
}

/* Make the window start at POSITION, keeping what it has from there on. */
static int
move_to(struct strand_scan_window *window, int64_t position)
{
    int64_t skipped = position - window->start;
    size_t kept = 0;

    if (skipped >= 0 && skipped < (int64_t)window->size) {
        kept = window->size - (size_t)skipped;
        memmove(window->buffer, window->buffer + skipped, kept);
    }
    window->start = position;
    window->size = kept;

    int64_t from = position + (int64_t)kept;
    size_t room = STRAND_SCAN_WINDOW_SIZE - kept;
    size_t size =
        window->end_position - from < (int64_t)room ? (size_t)(window->end_position - from) : room;
    int status = strand_file_read_exactly(window->file, window->buffer + kept, size, from);
    if (status != STRAND_OK)
        return strand_fail_context(status, "scan at position %" PRId64, from);
    window->size += size;
    window->bytes_read += (int64_t)size;
    return STRAND_OK;
}

int
strand_scan_window_load(struct strand_scan_window *window, int64_t position, size_t size,
                        const uint8_t **out_data, size_t *out_available)
{
    strand_assert(size <= STRAND_SCAN_WINDOW_SIZE);
    strand_assert((int64_t)size <= window->end_position - position);

    if (position < window->start ||
        position + (int64_t)size > window->start + (int64_t)window->size) {
        int status = move_to(window, position);
        if (status != STRAND_OK)
            return status;
    }

    size_t skipped = (size_t)(position - window->start);
    strand_assert(window->size - skipped >= size);
    *out_data = window->buffer + skipped;
    *out_available = window->size - skipped;
    return STRAND_OK;
}

int
strand_scan_window_crc(struct strand_scan_window *window, int64_t position, int64_t end_position,
                       uint32_t *out_crc)
{
    uint32_t crc = 0;

    while (position < end_position) {
        const uint8_t *data;
        size_t available;
        int status = strand_scan_window_load(window, position, 1, &data, &available);

        if (status != STRAND_OK)
            return status;
        if ((int64_t)available > end_position - position)
            available = (size_t)(end_position - position);
        crc = strand_crc32c(crc, data, available);
        position += (int64_t)available;
    }
    *out_crc = crc;
    return STRAND_OK;
}
