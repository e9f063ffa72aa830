/* storage/batch_format.h -- Kafka's record batch, version 2 (KIP-98; "magic 2"), big-endian.
 *
 *   byte  0            8        12       16   17       21       23
 *         +------------+--------+--------+----+--------+--------+
 *         | base       | batch  | leader | ma | crc32c | attri- |
 *         | offset     | length | epoch  | gic|        | butes  |
 *         +------------+--------+--------+----+--------+--------+
 *   byte  23       27            35            43            51      53       57       61
 *         +--------+-------------+-------------+-------------+-------+--------+--------+--
 *         | last   | base        | max         | producer    | prod. | base   | record | records
 *         | offset | timestamp   | timestamp   | id          | epoch | sequ.  | count  | ...
 *         | delta  |             |             |             |       |        |        |
 *         +--------+-------------+-------------+-------------+-------+--------+--------+--
 *
 * batch length counts what follows it: the whole batch is 12 bytes longer.  The CRC-32C covers
 * [21, end): base offset, length, leader epoch and magic lie outside, so that a leader can assign
 * offset and epoch without touching it.  The header is never compressed; the CRC is over the
 * compressed form.
 *
 * A record, when not compressed (all records are compressed together, as one blob):
 *
 *   length varint | attributes int8 (0) | timestamp delta varlong | offset delta varint |
 *   key length varint (-1 = null) | key | value length varint (-1 = null) | value |
 *   header count varint | per header: key length varint | key | value length varint | value
 */
#ifndef STRAND_STORAGE_BATCH_FORMAT_H
#define STRAND_STORAGE_BATCH_FORMAT_H

/* Positions in the batch. */
enum strand_batch_field {
    STRAND_BATCH_BASE_OFFSET = 0,
    STRAND_BATCH_LENGTH = 8,
    STRAND_BATCH_LEADER_EPOCH = 12,
    STRAND_BATCH_MAGIC = 16,
    STRAND_BATCH_CRC = 17,
    STRAND_BATCH_ATTRIBUTES = 21,
    STRAND_BATCH_LAST_OFFSET_DELTA = 23,
    STRAND_BATCH_BASE_TIMESTAMP = 27,
    STRAND_BATCH_MAX_TIMESTAMP = 35,
    STRAND_BATCH_PRODUCER_ID = 43,
    STRAND_BATCH_PRODUCER_EPOCH = 51,
    STRAND_BATCH_BASE_SEQUENCE = 53,
    STRAND_BATCH_RECORD_COUNT = 57,
    STRAND_BATCH_RECORDS = 61,
};

enum {
    STRAND_BATCH_HEADER_SIZE = 61,
    STRAND_BATCH_OVERHEAD_SIZE = 12, /* base offset and length: not counted by length */
    STRAND_BATCH_LENGTH_MIN = 49,    /* HEADER_SIZE - OVERHEAD_SIZE */
    STRAND_BATCH_MAGIC_CURRENT = 2,
    STRAND_BATCH_CRC_START = 21,          /* the CRC covers from here to the end */
    STRAND_RECORD_OVERHEAD_SIZE_MAX = 21, /* length 5, attributes 1, timestamp 10, offset 5 */
};

enum strand_batch_attribute {
    STRAND_BATCH_CODEC_MASK = 0x07, /* enum strand_codec */
    STRAND_BATCH_LOG_APPEND_TIME = 0x08,
    STRAND_BATCH_TRANSACTIONAL = 0x10,
    STRAND_BATCH_CONTROL = 0x20,
    STRAND_BATCH_DELETE_HORIZON = 0x40,   /* base timestamp is when tombstones may go (KIP-534) */
    STRAND_BATCH_ATTRIBUTES_KNOWN = 0x7f, /* the others are written 0 */
};

_Static_assert(STRAND_BATCH_LENGTH_MIN + STRAND_BATCH_OVERHEAD_SIZE == STRAND_BATCH_HEADER_SIZE,
               "length counts what follows it");
_Static_assert((int)STRAND_BATCH_RECORDS == (int)STRAND_BATCH_HEADER_SIZE,
               "records follow the header");

#endif
