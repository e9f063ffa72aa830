/* storage/topic_name.h -- Kafka's rules for topics and for what partition directories and segment
 * files are called.
 *
 * Threading: no state.
 */
#ifndef STRAND_STORAGE_TOPIC_NAME_H
#define STRAND_STORAGE_TOPIC_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strandline/status.h"

enum {
    STRAND_TOPIC_NAME_SIZE_MAX = 249, /* terminator excluded */
    STRAND_FILE_NAME_SIZE_MAX = 256,  /* terminator included */
    STRAND_SEGMENT_NAME_SIZE = 25,    /* 20 digits, ".log", terminator */
};

/* 1 to 249 of [a-zA-Z0-9._-], not "." or "..".  STRAND_ERR_INVALID says which rule is broken. */
STRAND_MUST_USE int strand_topic_name_check(const char *topic);

/* "TOPIC-PARTITION".  STRAND_ERR_INVALID as above, for PARTITION < 0, and for a name of more than
 * 255 characters: the longest topics have room for five digits only. */
STRAND_MUST_USE int strand_partition_name_format(const char *topic, int32_t partition,
                                                 char out_name[STRAND_FILE_NAME_SIZE_MAX]);

/* Split at the last '-'; the number is a canonical decimal int32: no sign, no leading zeros. false,
 * with nothing written: not a partition name. */
bool strand_partition_name_parse(const char *name, char out_topic[STRAND_TOPIC_NAME_SIZE_MAX + 1],
                                 int32_t *out_partition);

/* "TOPIC-PARTITION.<32 hex digits>-delete".  Where all of it would exceed 255 characters TOPIC
 * loses its end, as in Kafka: "-PARTITION" stays.  NAME is a partition name. */
void strand_partition_name_for_delete(const char *name, const uint8_t id[16],
                                      char out_name[STRAND_FILE_NAME_SIZE_MAX]);

/* Kafka's leavings: <anything>-<anything>.<anything> and then -delete, -stray or -future, without
 * white space.  No less: what is recognised as deleted is removed. */
bool strand_partition_name_is_deleted(const char *name);
bool strand_partition_name_is_set_aside(const char *name); /* -stray or -future: never touched */

/* BASE_OFFSET in 20 digits, and ".log". */
void strand_segment_name_format(int64_t base_offset, char out_name[STRAND_SEGMENT_NAME_SIZE]);

/* false: not the name of a segment (20 digits, at most INT64_MAX, ".log"). */
bool strand_segment_name_parse(const char *name, int64_t *out_base_offset);

#endif
