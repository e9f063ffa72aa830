/* tests/support/batch_text.h -- Batches as lines of text, the same as Kafka's classes are made to
 * write (tests/compat/kafka, class BatchText), so that comparing is comparing text:
 *
 *     batch OFFSET SIZE EPOCH CRC ATTRIBUTES LAST_DELTA BASE_TIMESTAMP MAX_TIMESTAMP PID PEPOCH
 *           SEQUENCE COUNT
 *     record OFFSET TIMESTAMP SEQUENCE KEY VALUE
 *     header KEY VALUE
 *     control TYPE [COORDINATOR_EPOCH]
 *
 * Bytes are "null", "x" and hex digits, or for more than 256 of them "crc32c:SIZE:CRC".
 */
#ifndef STRAND_TESTS_BATCH_TEXT_H
#define STRAND_TESTS_BATCH_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer_pool.h"
#include "storage/batch.h"
#include "storage/record_reader.h"

struct batch_text { /* what reading needs, used again for batch after batch */
    struct strand_codec_pool *codecs;
    struct strand_buffer decompressed;
    struct strand_record_reader reader;
};

/* Ends the program when there is no memory. */
void batch_text_init(struct batch_text *text);
void batch_text_deinit(struct batch_text *text);

void batch_text_put_header(FILE *out, const struct strand_batch_header *header);
void batch_text_put_record(FILE *out, const struct strand_batch_header *header,
                           const struct strand_record *record);

/* Check the batch that DATA begins with, CRC included, and write all of it; what was written before
 * a failure is of no use.  Statuses of the functions of the library that this calls. */
int batch_text_put(struct batch_text *text, FILE *out, const void *data, size_t available);

#endif
