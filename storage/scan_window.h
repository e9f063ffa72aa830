/* storage/scan_window.h -- The part of a file that is in memory while it is scanned: 1 MiB, moved
 * along.
 *
 * Batches may be longer than the window; only what is asked for in one piece, a header, must fit.
 *
 * Threading: none; one scan, one window.
 */
#ifndef STRAND_STORAGE_SCAN_WINDOW_H
#define STRAND_STORAGE_SCAN_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

struct strand_file;

enum { STRAND_SCAN_WINDOW_SIZE = 1024 * 1024 };

struct strand_scan_window {
    const struct strand_file *file; /* borrowed */
    int64_t end_position;           /* nothing is read from here on; at most the size of the file */
    uint8_t *buffer;                /* owned; STRAND_SCAN_WINDOW_SIZE */
    int64_t start;                  /* position in the file of its first byte */
    size_t size;                    /* bytes in it */
    int64_t bytes_read;             /* so far, from the file */
};

STRAND_MUST_USE int strand_scan_window_init(struct strand_scan_window *out_window,
                                            const struct strand_file *file, int64_t end_position);
void strand_scan_window_deinit(struct strand_scan_window *window);

/* At least SIZE bytes at POSITION, all of them before the end; *OUT_AVAILABLE is how many there
 * are. *OUT_DATA is valid until the next load.  Reads only if they are not there already.
 * STRAND_ERR_IO, also where the file is shorter than the end says. */
STRAND_MUST_USE int strand_scan_window_load(struct strand_scan_window *window, int64_t position,
                                            size_t size, const uint8_t **out_data,
                                            size_t *out_available);

/* CRC-32C of [POSITION, END_POSITION), which may be more than the window holds. */
STRAND_MUST_USE int strand_scan_window_crc(struct strand_scan_window *window, int64_t position,
                                           int64_t end_position, uint32_t *out_crc);

#endif
