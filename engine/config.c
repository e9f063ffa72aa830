/* engine/config.c -- The table of options, and what reads and prints them. */
#include "engine/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "strandline/fs.h"

struct word {
    const char *text;
    int64_t value;
};

struct option {
    const char *name;
    size_t member; /* offset in struct strand_log_config */
    int64_t least;
    int64_t most;
    int64_t initial;
    const struct word *words; /* ends with NULL; NULL: a number */
};

static const struct word TIMESTAMP_TYPES[] = {
    {"CreateTime", STRAND_CREATE_TIME}, {"LogAppendTime", STRAND_LOG_APPEND_TIME}, {NULL, 0}};

static const struct word CODECS[] = {{"uncompressed", STRAND_CODEC_NONE},
                                     {"none", STRAND_CODEC_NONE},
                                     {"gzip", STRAND_CODEC_GZIP},
                                     {"snappy", STRAND_CODEC_SNAPPY},
                                     {"lz4", STRAND_CODEC_LZ4},
                                     {"zstd", STRAND_CODEC_ZSTD},
                                     {NULL, 0}};

#define MEMBER(name) offsetof(struct strand_log_config, name)

static const struct option OPTIONS[] = {
    {"segment.bytes", MEMBER(segment_bytes), 14, INT32_MAX, INT64_C(1) << 30, NULL},
    {"segment.ms", MEMBER(segment_ms), 1, INT64_MAX, INT64_C(604800000), NULL},
    {"max.message.bytes", MEMBER(max_message_bytes), 0, INT32_MAX, 1048588, NULL},
    {"message.timestamp.type", MEMBER(timestamp_type), STRAND_CREATE_TIME, STRAND_LOG_APPEND_TIME,
     STRAND_CREATE_TIME, TIMESTAMP_TYPES},
    {"compression.type", MEMBER(codec), STRAND_CODEC_NONE, STRAND_CODEC_ZSTD, STRAND_CODEC_NONE,
     CODECS},
    {"compression.gzip.level", MEMBER(gzip_level), -1, 9, -1, NULL}, /* not 0 */
    {"compression.lz4.level", MEMBER(lz4_level), 1, 17, 9, NULL},
    {"compression.zstd.level", MEMBER(zstd_level), -131072, 22, 3, NULL},
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static int64_t *
member_of(struct strand_log_config *config, const struct option *option)
{
    return (int64_t *)(void *)((char *)config + option->member);
}

static int
assign(struct strand_log_config *config, const struct option *option, int64_t value)
{
    bool is_gap = value == 0 && option->member == MEMBER(gzip_level);

    if (value < option->least || value > option->most || is_gap)
        return strand_fail(STRAND_ERR_INVALID,
                           "option %s: %" PRId64 " is not within %" PRId64 " and %" PRId64 "%s",
                           option->name, value, option->least, option->most,
                           is_gap ? ", which it has without 0" : "");
    if (option->words == CODECS && !strand_codec_is_available((int)value))
        return strand_fail(STRAND_ERR_CODEC, "option %s: this build has no codec %s", option->name,
                           strand_codec_name((int)value));
    *member_of(config, option) = value;
    return STRAND_OK;
}

static const struct option *
find_option(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(OPTIONS[i].name, name) == 0)
            return &OPTIONS[i];
    return NULL;
}

/* Set the option NAME unless GIVEN is 0, which stands for the default. */
static int
assign_given(struct strand_log_config *config, const char *name, int64_t given)
{
    const struct option *option = find_option(name);

    strand_assert(option != NULL);
    return given == 0 ? STRAND_OK : assign(config, option, given);
}

/* The same for the level of the codec that is set. */
static int
assign_given_level(struct strand_log_config *config, int64_t given)
{
    switch (config->codec) {
    case STRAND_CODEC_GZIP:
        return assign_given(config, "compression.gzip.level", given);
    case STRAND_CODEC_LZ4:
        return assign_given(config, "compression.lz4.level", given);
    case STRAND_CODEC_ZSTD:
        return assign_given(config, "compression.zstd.level", given);
    default:
        if (given == 0)
            return STRAND_OK;
        return strand_fail(STRAND_ERR_INVALID, "log options: codec %s has no levels, not %" PRId64,
                           strand_codec_name((int)config->codec), given);
    }
}

int
strand_check_struct_size(const char *what, size_t given, size_t least)
{
    if (given < least)
        return strand_fail(STRAND_ERR_INVALID,
                           "%s: struct_size %zu is smaller than %zu: set it to sizeof", what, given,
                           least);
    return STRAND_OK;
}

int
strand_log_config_init(const struct strand_log_options *options,
                       struct strand_log_config *out_config)
{
    struct strand_log_config config = {0};

    for (size_t i = 0; i < OPTION_COUNT; i++)
        *member_of(&config, &OPTIONS[i]) = OPTIONS[i].initial;
    if (options != NULL) {
        int status = strand_check_struct_size("log options", options->struct_size, sizeof *options);
        if (status == STRAND_OK)
            status = assign_given(&config, "segment.bytes", options->segment_bytes);
        if (status == STRAND_OK)
            status = assign_given(&config, "segment.ms", options->segment_ms);
        if (status == STRAND_OK)
            status = assign_given(&config, "max.message.bytes", options->max_message_bytes);
        if (status == STRAND_OK)
            status = assign_given(&config, "message.timestamp.type", options->timestamp_type);
        if (status == STRAND_OK)
            status = assign_given(&config, "compression.type", options->codec);
        if (status == STRAND_OK)
            status = assign_given_level(&config, options->compression_level);
        if (status != STRAND_OK)
            return status;
    }
    *out_config = config;
    return STRAND_OK;
}

int
strand_log_config_level(const struct strand_log_config *config)
{
    switch (config->codec) {
    case STRAND_CODEC_GZIP:
        return (int)config->gzip_level;
    case STRAND_CODEC_LZ4:
        return (int)config->lz4_level;
    case STRAND_CODEC_ZSTD:
        return (int)config->zstd_level;
    default:
        return 0;
    }
}

static int
parse_number(const struct option *option, const char *text, int64_t *out_value)
{
    char *end;

    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return strand_fail(STRAND_ERR_INVALID, "option %s: \"%s\" is not a number", option->name,
                           text);
    *out_value = value;
    return STRAND_OK;
}

static int
parse_word(const struct option *option, const char *text, int64_t *out_value)
{
    for (const struct word *word = option->words; word->text != NULL; word++) {
        if (strcmp(word->text, text) == 0) {
            *out_value = word->value;
            return STRAND_OK;
        }
    }
    return strand_fail(STRAND_ERR_INVALID, "option %s: \"%s\" is not one of its values",
                       option->name, text);
}

int
strand_log_config_set(struct strand_log_config *config, const char *name, const char *value)
{
    const struct option *option = find_option(name);
    int64_t number = 0;

    if (option == NULL)
        return strand_fail(STRAND_ERR_NOT_FOUND, "option %s: no such option", name);

    int status = option->words != NULL ? parse_word(option, value, &number)
                                       : parse_number(option, value, &number);
    return status == STRAND_OK ? assign(config, option, number) : status;
}

int
strand_log_config_get(const struct strand_log_config *config, const char *name, char *value,
                      size_t value_size)
{
    const struct option *option = find_option(name);
    struct strand_log_config copy = *config;

    if (option == NULL)
        return strand_fail(STRAND_ERR_NOT_FOUND, "option %s: no such option", name);

    int64_t number = *member_of(&copy, option);
    char digits[24];
    const char *text = digits;
    (void)snprintf(digits, sizeof digits, "%" PRId64, number);
    for (const struct word *word = option->words; word != NULL && word->text != NULL; word++) {
        if (word->value == number) {
            text = word->text;
            break;
        }
    }
    if (strlen(text) >= value_size)
        return strand_fail(STRAND_ERR_INVALID, "option %s: %zu bytes are too few for its value",
                           name, value_size);
    memcpy(value, text, strlen(text) + 1);
    return STRAND_OK;
}

/* Thread counts and words out of range. */
static int
check_choices(const struct strand_engine_options *options)
{
    const struct {
        const char *name;
        int64_t value;
        int64_t most;
    } choices[] = {
        {"sync_workers", options->sync_workers, STRAND_THREADS_MAX},
        {"recovery_threads", options->recovery_threads, STRAND_THREADS_MAX},
        {"recovery_policy", options->recovery_policy, STRAND_RECOVER_SALVAGE},
        {"preparation", options->preparation, STRAND_PREPARE_ZERO},
        {"index", options->index, STRAND_INDEX_NONE},
    };

    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (choices[i].value < 0 || choices[i].value > choices[i].most)
            return strand_fail(STRAND_ERR_INVALID,
                               "engine options: %s %" PRId64 " is not within 0 and %" PRId64,
                               choices[i].name, choices[i].value, choices[i].most);
    return STRAND_OK;
}

static enum strand_index_kind
index_kind(const struct strand_engine_options *options)
{
    bool is_real = options->fs == NULL || options->fs == strand_fs_posix();

    if (options->index != STRAND_INDEX_AUTO)
        return (enum strand_index_kind)options->index;
    return is_real ? STRAND_INDEX_LMDB : STRAND_INDEX_MEMORY;
}

int
strand_engine_config_init(const struct strand_engine_options *options,
                          struct strand_engine_config *out_config)
{
    static const struct strand_engine_options defaults = {.struct_size = sizeof defaults};
    const uint32_t known = STRAND_ENGINE_READ_ONLY | STRAND_ENGINE_MUST_EXIST |
                           STRAND_ENGINE_NETWORK_FS | STRAND_ENGINE_NO_THREADS |
                           STRAND_ENGINE_COPY_READS;

    if (options == NULL)
        options = &defaults;
    int status = strand_check_struct_size("engine options", options->struct_size, sizeof *options);
    if (status != STRAND_OK)
        return status;
    if ((options->flags & ~known) != 0)
        return strand_fail(STRAND_ERR_INVALID, "engine options: unknown flags 0x%" PRIx32,
                           options->flags & ~known);
    if (options->descriptor_budget != 0 &&
        options->descriptor_budget < STRAND_DESCRIPTOR_BUDGET_MIN)
        return strand_fail(STRAND_ERR_INVALID,
                           "engine options: descriptor_budget %" PRIu32 " is below %d",
                           options->descriptor_budget, STRAND_DESCRIPTOR_BUDGET_MIN);
    status = check_choices(options);
    if (status != STRAND_OK)
        return status;
    if (options->fs != NULL && options->fs->struct_size < sizeof(struct strand_fs))
        return strand_fail(STRAND_ERR_INVALID,
                           "engine options: the file system table is incomplete");

    uint32_t flags = options->flags;
    if ((flags & STRAND_ENGINE_READ_ONLY) != 0) /* the writer may shorten files under a map */
        flags |= STRAND_ENGINE_COPY_READS;

    *out_config = (struct strand_engine_config){
        .flags = flags,
        .descriptor_budget = options->descriptor_budget,
        .commit_interval_ns =
            (options->commit_interval_ms != 0 ? (int64_t)options->commit_interval_ms
                                              : STRAND_COMMIT_INTERVAL_MS_DEFAULT) *
            1000000,
        .commit_bytes =
            options->commit_bytes != 0 ? options->commit_bytes : STRAND_COMMIT_BYTES_DEFAULT,
        .unsynced_bytes_max =
            options->unsynced_bytes_max != 0 ? options->unsynced_bytes_max : UINT64_MAX,
        .checkpoint_interval_ns =
            (options->checkpoint_interval_ms != 0 ? (int64_t)options->checkpoint_interval_ms
                                                  : STRAND_CHECKPOINT_INTERVAL_MS_DEFAULT) *
            1000000,
        .sync_workers =
            options->sync_workers != 0 ? options->sync_workers : STRAND_SYNC_WORKERS_DEFAULT,
        .recovery_threads = options->recovery_threads != 0 ? options->recovery_threads
                                                           : STRAND_RECOVERY_THREADS_DEFAULT,
        .recovery_policy = (enum strand_recovery_policy)options->recovery_policy,
        .preparation = (enum strand_preparation)options->preparation,
        .prepared_bytes_max = options->prepared_bytes_max != 0 ? options->prepared_bytes_max
                                                               : STRAND_PREPARED_BYTES_DEFAULT,
        .index = index_kind(options),
        .index_directory = options->index_directory,
        .fs = options->fs != NULL ? options->fs : strand_fs_posix(),
        .notice = options->notice,
        .notice_context = options->notice_context,
        .progress = options->progress,
        .progress_context = options->progress_context,
    };
    return STRAND_OK;
}
