/* storage/segment_scan.h -- The one scanner: walk the batches of a segment file and stop at the
 * first that is not whole, saying why.
 *
 * It reads with pread, 1 MiB at a time, and never needs a whole batch in memory: what it allocates
 * does not depend on what it reads.  Recovery, verify and dump all use it, so that there is one
 * answer to "what is in this file".
 *
 * A batch is whole when: its header makes sense (strand_batch_check_header), it ends within the
 * file, its CRC is right, its base offset is not below the expected one (equal to it unless gaps
 * are allowed), and its last offset is within INT32_MAX of the segment's base.  Zero bytes are
 * never a batch.  What else must hold (the leader epoch) the visitor decides.  The tests are made
 * in this order: magic, end of the file, header, CRC, offsets, visitor.  So STRAND_SCAN_OFFSET and
 * _VISITOR speak of a batch whose CRC is right (unless it was skipped).
 *
 * Threading: no state; the caller sees to it that the range is not written meanwhile.
 */
#ifndef STRAND_STORAGE_SEGMENT_SCAN_H
#define STRAND_STORAGE_SEGMENT_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/batch.h"
#include "strandline/status.h"

struct strand_file;

/* BATCH points to the STRAND_BATCH_HEADER_SIZE bytes of the header only; POSITION is where it
 * stands in the file.  Return STRAND_OK to go on; anything else stops the scan in front of this
 * batch, with stop STRAND_SCAN_VISITOR. */
typedef int strand_scan_visit_fn(void *argument, const uint8_t *batch, int64_t position);

enum strand_scan_stop {
    STRAND_SCAN_END,    /* everything to END_POSITION is whole batches */
    STRAND_SCAN_ZEROS,  /* from here to the end only zero bytes, at least one: prepared space */
    STRAND_SCAN_SHORT,  /* the file ends inside this batch, or inside its header */
    STRAND_SCAN_HEADER, /* a size, count or delta that cannot be; zeros with others behind them */
    STRAND_SCAN_MAGIC,  /* a version of the format that is not read */
    STRAND_SCAN_CRC,
    STRAND_SCAN_OFFSET,  /* base offset not as expected, or outside the segment */
    STRAND_SCAN_VISITOR, /* the visitor refused the batch */
};

struct strand_scan_request {
    const struct strand_file *file; /* borrowed */
    int64_t base_offset;            /* of the segment: from its name */
    int64_t position;               /* where to start: a batch boundary */
    int64_t end_position;           /* size of the file, or less */
    int64_t expected_offset;        /* lowest base offset of the first batch */
    bool gaps_allowed;              /* a batch may start above the end of the one before */
    bool skip_crc;                  /* headers only: for what is known to be whole */
    strand_scan_visit_fn *visit;    /* may be NULL */
    void *argument;
};

struct strand_scan_result {
    enum strand_scan_stop stop;
    char reason[256];   /* a sentence: where and why it stopped; "" for STRAND_SCAN_END */
    int64_t position;   /* end of the last whole batch */
    int64_t end_offset; /* one beyond its last offset; expected_offset if there was none */
    int64_t batch_count;
    int64_t max_timestamp_ms; /* largest of the headers; -1 = none */
    int64_t bytes_read;       /* no byte is read twice */
    int visitor_status;       /* what the visitor returned */
};

/* STRAND_OK with OUT_RESULT filled in, whatever stopped it.  STRAND_ERR_IO when the file cannot be
 * read (the message says where), STRAND_ERR_NO_MEMORY. */
STRAND_MUST_USE int strand_segment_scan(const struct strand_scan_request *request,
                                        struct strand_scan_result *out_result);

/* Is there a whole batch somewhere behind a damaged start?  Look first where the length field at
 * POSITION says that the next batch begins, if that can be; then at each position from POSITION + 1
 * on.  *OUT_POSITION and *OUT_OFFSET tell the first that is found, -1 when there is none.
 *
 * A batch is found when its magic is 2, its header makes sense, it ends at or before END_POSITION,
 * its CRC is right, and its base offset is not below EXPECTED_OFFSET, nor above it by more than 8
 * for each byte between POSITION and it or, with gaps, by more than INT32_MAX.  An uncompressed
 * record needs at least 7 bytes, but one byte can hold more than one compressed record, when these
 * are small and alike (1.2 were measured with zstd): a narrower rule would overlook the batch
 * behind such a one.
 *
 * At most 8 times the range is put through the CRC, so that bytes made to look like many long
 * batches cost no more than that.  The candidate that would exceed it counts as found, unchecked:
 * the caller then saves what it cuts, while a batch that was there and not found would be lost.
 * Without such bytes the limit is never met.  *OUT_BYTES_READ, which may be NULL, is what it read.
 * Errors as for strand_segment_scan(). */
STRAND_MUST_USE int strand_segment_find_whole(const struct strand_file *file, int64_t position,
                                              int64_t end_position, int64_t expected_offset,
                                              bool gaps_allowed, int64_t *out_position,
                                              int64_t *out_offset, int64_t *out_bytes_read);

#endif
