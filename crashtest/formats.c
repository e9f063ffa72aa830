/* crashtest/formats.c -- Bytes to numbers, by docs/FORMAT.md alone. */
#include "crashtest/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"

/* ---- Text ---- */

/* What is left of a text. */
struct text {
    const char *at;
    const char *end;
};

static struct text
text_of(const uint8_t *data, int64_t size)
{
    const char *at = (const char *)data;

    return (struct text){at, at + size};
}

/* A decimal number, canonical, and END behind it. */
static bool
take_number(struct text *text, int64_t max, char end, int64_t *out_number)
{
    const char *from = text->at;
    int64_t number = 0;

    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        int64_t digit = *text->at - '0';

        if (number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    bool is_canonical = text->at > from && (*from != '0' || text->at == from + 1);
    if (!is_canonical || text->at == text->end || *text->at != end)
        return false;
    text->at++;
    *out_number = number;
    return true;
}

/* A topic, as long as the rules allow, and the space behind it. */
static bool
take_topic(struct text *text)
{
    const char *from = text->at;

    while (text->at<text->end && * text->at> ' ' && *text->at < 127)
        text->at++;
    if (text->at == from || text->at == text->end || *text->at != ' ')
        return false;
    text->at++;
    return true;
}

/* The version, which is 0, and the number of entries. */
static const char *
take_head(struct text *text, int64_t *out_count)
{
    int64_t version = 0;

    if (text->at == text->end)
        return "it is empty";
    if (!take_number(text, 0, '\n', &version))
        return "its first line is not the version 0";
    return take_number(text, INT32_MAX, '\n', out_count) ? NULL : "its second line is not a number";
}

const char *
crashtest_read_offsets(const uint8_t *data, int64_t size)
{
    struct text text = text_of(data, size);
    int64_t count = 0, partition, offset;
    const char *fault = take_head(&text, &count);

    for (int64_t i = 0; i < count && fault == NULL; i++)
        if (!take_topic(&text) || !take_number(&text, INT32_MAX, ' ', &partition) ||
            !take_number(&text, INT64_MAX, '\n', &offset))
            fault = "a line is not TOPIC PARTITION OFFSET";
    if (fault == NULL && text.at != text.end)
        fault = "it goes on behind its last entry";
    return fault;
}

const char *
crashtest_read_epochs(const uint8_t *data, int64_t size,
                      struct strand_leader_epoch out_epochs[CRASHTEST_EPOCHS_MAX],
                      size_t *out_count)
{
    struct text text = text_of(data, size);
    int64_t count = 0, epoch, offset;
    const char *fault = take_head(&text, &count);

    if (fault == NULL && count > CRASHTEST_EPOCHS_MAX)
        return "it has more entries than there were epochs";
    for (int64_t i = 0; i < count && fault == NULL; i++) {
        if (!take_number(&text, INT32_MAX, ' ', &epoch) ||
            !take_number(&text, INT64_MAX, '\n', &offset))
            return "a line is not EPOCH OFFSET";
        if (i > 0 && (epoch <= out_epochs[i - 1].epoch || offset <= out_epochs[i - 1].start_offset))
            return "its entries do not ascend";
        out_epochs[i] = (struct strand_leader_epoch){(int32_t)epoch, offset};
    }
    if (fault == NULL && text.at != text.end)
        fault = "it goes on behind its last entry";
    if (fault == NULL)
        *out_count = (size_t)count;
    return fault;
}

const char *
crashtest_read_format(const uint8_t *data, int64_t size)
{
    enum { LAST_LINE_SIZE = 16 }; /* "crc32c 1a2b3c4d" and its end */
    char last[LAST_LINE_SIZE + 1];
    const char *text = (const char *)data; /* a zero byte stands behind it */
    int read = 0;

    (void)sscanf(text, "strandline 1\ndirectory %*32[0-9a-f]\nfeatures -\n%n", &read);
    if (read == 0 || size != read + LAST_LINE_SIZE)
        return "it is not the four lines that were written";
    (void)snprintf(last, sizeof last, "crc32c %08x\n", strand_crc32c(0, data, (size_t)read));
    return memcmp(text + read, last, LAST_LINE_SIZE) == 0 ? NULL : "its checksum is wrong";
}

/* ---- Binary ---- */

const char *
crashtest_read_identity(const uint8_t *data, int64_t size, struct strand_log_identity *out_identity)
{
    enum { SIZE = 32, VERSION = 4, ID = 8, FLAGS = 24, CRC = 28 };

    if (size != SIZE)
        return "it is not 32 bytes long";
    if (memcmp(data, "STID", 4) != 0 || strand_get_le32(data + VERSION) != 1)
        return "it does not begin with STID and version 1";
    if (strand_get_le32(data + CRC) != strand_crc32c(0, data, CRC))
        return "its CRC is wrong";
    memcpy(out_identity->id, data + ID, STRAND_LOG_ID_SIZE);
    out_identity->flags = strand_get_le32(data + FLAGS);
    return NULL;
}

static struct strand_clean_entry
read_entry(const uint8_t *data)
{
    struct strand_clean_entry entry = {
        .generation = strand_get_le64(data + 16),
        .log_start = (int64_t)strand_get_le64(data + 24),
        .log_end = (int64_t)strand_get_le64(data + 32),
        .active_base_offset = (int64_t)strand_get_le64(data + 40),
        .active_size = (int64_t)strand_get_le64(data + 48),
        .segment_count = strand_get_le32(data + 56),
        .newest_epoch = (int32_t)strand_get_le32(data + 60),
    };

    memcpy(entry.id, data, sizeof entry.id);
    return entry;
}

const char *
crashtest_read_marker(const uint8_t *data, int64_t size, struct crashtest_marker *out_marker)
{
    enum { HEADER_SIZE = 28, ENTRY_SIZE = 64, CRC_SIZE = 4, VERSION = 4, COUNT = 8 };

    if (size < HEADER_SIZE + CRC_SIZE)
        return "it is shorter than its header";
    if (strand_get_le32(data + size - CRC_SIZE) !=
        strand_crc32c(0, data, (size_t)(size - CRC_SIZE)))
        return "its CRC is wrong";
    if (memcmp(data, "STCL", 4) != 0 || strand_get_le32(data + VERSION) != 2)
        return "it does not begin with STCL and version 2";
    out_marker->count = strand_get_le32(data + COUNT);
    if (out_marker->count > CRASHTEST_LOGS)
        return "it names more logs than there are";
    if (size != HEADER_SIZE + CRC_SIZE + (int64_t)out_marker->count * ENTRY_SIZE)
        return "its size does not go with its count";
    for (size_t i = 0; i < out_marker->count; i++)
        out_marker->entries[i] = read_entry(data + HEADER_SIZE + i * ENTRY_SIZE);
    return NULL;
}

/* ---- The frontier ---- */

enum slot_field {
    SLOT_GENERATION = 16,
    SLOT_LOG_START = 24,
    SLOT_HIGH_WATERMARK = 32,
    SLOT_DURABLE_END = 40,
    SLOT_LOG_END = 48,
    SLOT_FLAGS = 56,
    SLOT_CRC = 60,
    SLOT_SIZE = 64,
};

static struct strand_frontier_slot
read_slot(const uint8_t *data)
{
    struct strand_frontier_slot slot = {
        .generation = strand_get_le64(data + SLOT_GENERATION),
        .log_start = (int64_t)strand_get_le64(data + SLOT_LOG_START),
        .high_watermark = (int64_t)strand_get_le64(data + SLOT_HIGH_WATERMARK),
        .durable_end = (int64_t)strand_get_le64(data + SLOT_DURABLE_END),
        .log_end = (int64_t)strand_get_le64(data + SLOT_LOG_END),
        .flags = strand_get_le32(data + SLOT_FLAGS),
    };

    memcpy(slot.id, data, sizeof slot.id);
    return slot;
}

static bool
is_unused(const uint8_t *slot)
{
    static const uint8_t UNUSED[SLOT_SIZE];

    return memcmp(slot, UNUSED, SLOT_SIZE) == 0;
}

static const char *
find_slot_fault(const uint8_t *data)
{
    if (is_unused(data))
        return NULL;
    if (strand_get_le32(data + SLOT_CRC) != strand_crc32c(0, data, SLOT_CRC))
        return "a slot has a wrong CRC";
    struct strand_frontier_slot slot = read_slot(data);
    if (slot.log_start < 0 || slot.durable_end < slot.log_start || slot.log_end < slot.durable_end)
        return "a slot has offsets in a wrong order";
    return NULL;
}

const char *
crashtest_read_frontier(const uint8_t *data, int64_t size)
{
    static const uint8_t HEADER[SLOT_CRC] = "STRANDFR\1"; /* the version is 1, the rest zeros */
    const char *fault = NULL;

    if (size < SLOT_SIZE)
        return "it is shorter than its header";
    if (memcmp(data, HEADER, sizeof HEADER) != 0 ||
        strand_get_le32(data + SLOT_CRC) != strand_crc32c(0, data, SLOT_CRC))
        return "its header is wrong";
    for (int64_t at = SLOT_SIZE; at + SLOT_SIZE <= size && fault == NULL; at += SLOT_SIZE)
        fault = find_slot_fault(data + at);
    return fault;
}

bool
crashtest_find_slot(const uint8_t *data, int64_t size, const uint8_t id[STRAND_LOG_ID_SIZE],
                    struct strand_frontier_slot *out_slot)
{
    bool is_found = false;

    for (int64_t at = SLOT_SIZE; at + SLOT_SIZE <= size; at += SLOT_SIZE) {
        if (memcmp(data + at, id, STRAND_LOG_ID_SIZE) != 0)
            continue;
        struct strand_frontier_slot slot = read_slot(data + at);
        if (!is_found || slot.generation > out_slot->generation)
            *out_slot = slot;
        is_found = true;
    }
    return is_found;
}
