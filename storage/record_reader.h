/* storage/record_reader.h -- The records of one batch, in order.
 *
 * Life: init -> (open -> next ... next)* -> deinit.  A reader is used again for batch after batch
 * so that reading allocates only when a batch is larger than any before.
 *
 * Rules, all checked (Kafka's DefaultRecord and DefaultRecordBatch): each record consumes exactly
 * its declared length; the records consume exactly the payload; offsets increase strictly and stay
 * within the batch's span; null and empty are told apart; a header key is never null.  For
 * LogAppendTime every record has the batch's max timestamp.
 *
 * Threading: one thread at a time.
 */
#ifndef STRAND_STORAGE_RECORD_READER_H
#define STRAND_STORAGE_RECORD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/batch.h"
#include "strandline/record.h"
#include "strandline/status.h"

struct strand_buffer;
struct strand_codec_pool;

enum { STRAND_DECOMPRESSED_SIZE_MAX = 1 << 30 }; /* bytes of one batch; beyond: STRAND_ERR_BATCH */

struct strand_record_reader {
    struct strand_batch_header header;
    const uint8_t *position; /* next record; into the batch or into decompressed */
    const uint8_t *end;
    int32_t remaining;
    uint32_t flags; /* of every record: enum strand_record_flag */
    int64_t previous_offset;
    struct strand_header *headers; /* owned; of the current record */
    size_t headers_capacity;
    bool skip_headers; /* set after init: headers are checked but not kept (header_count 0) */
};

void strand_record_reader_init(struct strand_record_reader *reader);
void strand_record_reader_deinit(struct strand_record_reader *reader);

/* Begin BATCH, which strand_batch_check_header() has accepted and which stays valid until the last
 * record was used.  If it is compressed the records are decompressed into DECOMPRESSED
 * (overwritten).  STRAND_ERR_CODEC (unknown or not in this build, by name), _BATCH (does not
 * decompress, or to more than STRAND_DECOMPRESSED_SIZE_MAX), _NO_MEMORY.  After a failure there is
 * nothing to read. */
STRAND_MUST_USE int strand_record_reader_open(struct strand_record_reader *reader,
                                              const uint8_t *batch,
                                              struct strand_codec_pool *codecs,
                                              struct strand_buffer *decompressed);

/* The next record, STRAND_END behind the last, STRAND_ERR_BATCH for a malformed one (then the batch
 * is not read further: every later call fails the same way), STRAND_ERR_NO_MEMORY.  OUT_RECORD
 * points into the batch, into decompressed and into the reader: valid until the next call. */
STRAND_MUST_USE int strand_record_reader_next(struct strand_record_reader *reader,
                                              struct strand_record *out_record);

/* ---- Control records (Kafka's EndTransactionMarker and others) ---- */

enum strand_control_type {
    STRAND_CONTROL_ABORT = 0,
    STRAND_CONTROL_COMMIT = 1,
    STRAND_CONTROL_LEADER_CHANGE = 2,
    STRAND_CONTROL_SNAPSHOT_HEADER = 3,
    STRAND_CONTROL_SNAPSHOT_FOOTER = 4,
    STRAND_CONTROL_KRAFT_VERSION = 5,
    STRAND_CONTROL_KRAFT_VOTERS = 6,
};

struct strand_control_record {
    int type;                  /* enum strand_control_type, or a number from the future */
    int32_t coordinator_epoch; /* of ABORT and COMMIT; else -1 */
};

/* Parse key and value of a record of a control batch.  Newer versions are read as version 0.
 * STRAND_ERR_BATCH: a key under 4 bytes, a marker's value under 6, a negative version. */
STRAND_MUST_USE int strand_control_record_decode(const struct strand_record *record,
                                                 struct strand_control_record *out_control);

#endif
