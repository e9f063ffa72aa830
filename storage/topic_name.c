/* storage/topic_name.c -- Names of topics, partition directories and segment files, as Kafka has
 * them.
 *
 * Everything here decides by whole patterns, never by prefixes or by what strtol() would take: a
 * directory that is recognised may be opened or removed, so that a name must be exactly right.
 */
#include "storage/topic_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

enum {
    ID_SIZE = 16,
    PARTITION_SUFFIX_SIZE_MAX = 11,           /* '-' and ten digits */
    DELETE_SUFFIX_SIZE = 1 + 2 * ID_SIZE + 7, /* ".<32 hex digits>-delete" */
    SEGMENT_DIGITS = 20,
    DECIMAL = 10,
};

_Static_assert(SEGMENT_DIGITS + sizeof ".log" == STRAND_SEGMENT_NAME_SIZE, "digits and suffix");

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Not isalnum(): what it accepts depends on the locale. */
static bool
is_topic_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' ||
           c == '_' || c == '-';
}

static bool
has_only_topic_characters(const char *topic, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_topic_character(topic[i]))
            return false;
    }
    return true;
}

static bool
is_dots(const char *topic, size_t size)
{
    return (size == 1 && topic[0] == '.') || (size == 2 && memcmp(topic, "..", 2) == 0);
}

static bool
is_topic(const char *topic, size_t size)
{
    return size > 0 && size <= STRAND_TOPIC_NAME_SIZE_MAX && !is_dots(topic, size) &&
           has_only_topic_characters(topic, size);
}

int
strand_topic_name_check(const char *topic)
{
    size_t size = strlen(topic);

    if (is_topic(topic, size))
        return STRAND_OK;
    if (size == 0)
        return strand_fail(STRAND_ERR_INVALID, "check topic name: it is empty");
    if (size > STRAND_TOPIC_NAME_SIZE_MAX)
        return strand_fail(STRAND_ERR_INVALID, "check topic name: %zu characters, at most %d", size,
                           (int)STRAND_TOPIC_NAME_SIZE_MAX);
    if (is_dots(topic, size))
        return strand_fail(STRAND_ERR_INVALID, "check topic name \"%s\": names a directory", topic);
    return strand_fail(
        STRAND_ERR_INVALID,
        "check topic name \"%s\": characters other than a-z, A-Z, 0-9, '.', '_', '-'", topic);
}

int
strand_partition_name_format(const char *topic, int32_t partition,
                             char out_name[STRAND_FILE_NAME_SIZE_MAX])
{
    int status = strand_topic_name_check(topic);

    if (status != STRAND_OK)
        return status;
    if (partition < 0)
        return strand_fail(STRAND_ERR_INVALID, "name partition of %s: %" PRId32 " is negative",
                           topic, partition);

    char name[STRAND_TOPIC_NAME_SIZE_MAX + PARTITION_SUFFIX_SIZE_MAX + 1];
    int size = snprintf(name, sizeof name, "%s-%" PRId32, topic, partition);
    strand_assert(size > 0 && (size_t)size < sizeof name);
    if (size >= STRAND_FILE_NAME_SIZE_MAX) /* Kafka's 249 leave room for five digits */
        return strand_fail(STRAND_ERR_INVALID,
                           "name partition %" PRId32 " of %s: %d characters, at most %d", partition,
                           topic, size, (int)STRAND_FILE_NAME_SIZE_MAX - 1);
    memcpy(out_name, name, (size_t)size + 1);
    return STRAND_OK;
}

/* TEXT, to its end, is a decimal int32 without sign or leading zeros. */
static bool
parse_partition(const char *text, int32_t *out_partition)
{
    int64_t value = 0;
    size_t size = strlen(text);

    if (size == 0 || size >= PARTITION_SUFFIX_SIZE_MAX || (text[0] == '0' && size > 1))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!is_digit(text[i]))
            return false;
        value = value * DECIMAL + (text[i] - '0');
    }
    if (value > INT32_MAX)
        return false;
    *out_partition = (int32_t)value;
    return true;
}

bool
strand_partition_name_parse(const char *name, char out_topic[STRAND_TOPIC_NAME_SIZE_MAX + 1],
                            int32_t *out_partition)
{
    const char *dash = strrchr(name, '-');
    int32_t partition;

    if (dash == NULL || !is_topic(name, (size_t)(dash - name)) ||
        !parse_partition(dash + 1, &partition))
        return false;

    size_t topic_size = (size_t)(dash - name);
    memcpy(out_topic, name, topic_size);
    out_topic[topic_size] = '\0';
    *out_partition = partition;
    return true;
}

void
strand_partition_name_for_delete(const char *name, const uint8_t id[16],
                                 char out_name[STRAND_FILE_NAME_SIZE_MAX])
{
    const char *dash = strrchr(name, '-');
    strand_assert(dash != NULL);

    size_t topic_size = (size_t)(dash - name);
    size_t suffix_size = strlen(dash);
    strand_assert(suffix_size <= PARTITION_SUFFIX_SIZE_MAX);

    size_t topic_size_max = STRAND_FILE_NAME_SIZE_MAX - 1 - DELETE_SUFFIX_SIZE - suffix_size;
    if (topic_size > topic_size_max)
        topic_size = topic_size_max;

    char hex[2 * ID_SIZE + 1];
    for (size_t i = 0; i < ID_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id[i]); /* cannot fail: two digits, always */

    int size = snprintf(out_name, STRAND_FILE_NAME_SIZE_MAX, "%.*s%s.%s-delete", (int)topic_size,
                        name, dash, hex);
    strand_assert(size > 0 && size < STRAND_FILE_NAME_SIZE_MAX);
}

static bool
has_white_space(const char *text)
{
    return strpbrk(text, " \t\n\v\f\r") != NULL;
}

/* Kafka's ^(\S+)-(\S+)\.(\S+)SUFFIX$. */
static bool
matches_leaving(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    size_t suffix_size = strlen(suffix);

    if (size <= suffix_size || strcmp(name + size - suffix_size, suffix) != 0 ||
        has_white_space(name))
        return false;

    /* The last '.' with something behind it leaves the most room for the '-' in front of it. */
    size_t dot = size - suffix_size - 1;
    while (dot > 0) {
        dot--;
        if (name[dot] == '.')
            break;
    }
    return dot >= 3 && memchr(name + 1, '-', dot - 2) != NULL;
}

bool
strand_partition_name_is_deleted(const char *name)
{
    return matches_leaving(name, "-delete");
}

bool
strand_partition_name_is_set_aside(const char *name)
{
    return matches_leaving(name, "-stray") || matches_leaving(name, "-future");
}

void
strand_segment_name_format(int64_t base_offset, char out_name[STRAND_SEGMENT_NAME_SIZE])
{
    strand_assert(base_offset >= 0);
    int size = snprintf(out_name, STRAND_SEGMENT_NAME_SIZE, "%020" PRId64 ".log", base_offset);
    strand_assert(size == STRAND_SEGMENT_NAME_SIZE - 1);
}

bool
strand_segment_name_parse(const char *name, int64_t *out_base_offset)
{
    int64_t value = 0;

    if (strlen(name) != STRAND_SEGMENT_NAME_SIZE - 1 || strcmp(name + SEGMENT_DIGITS, ".log") != 0)
        return false;
    for (size_t i = 0; i < SEGMENT_DIGITS; i++) {
        int digit = name[i] - '0';

        if (!is_digit(name[i]) || value > (INT64_MAX - digit) / DECIMAL)
            return false;
        value = value * DECIMAL + digit;
    }
    *out_base_offset = value;
    return true;
}
