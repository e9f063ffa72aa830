/* tests/unit/test_config.c -- Options: Kafka's names, ranges and defaults. */
#include "engine/config.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/engine_fixture.h"

TestSuite(config, .timeout = 30);

static const struct range {
    const char *name;
    const char *initial;
    const char *good[4];
    const char *bad[8];
} RANGES[] = {
    {"segment.bytes", "1073741824", {"14", "2147483647", "1024"}, {"13", "0", "-1", "2147483648"}},
    {"segment.ms", "604800000", {"1", "9223372036854775807"}, {"0", "-1", "9223372036854775808"}},
    {"max.message.bytes", "1048588", {"0", "2147483647"}, {"-1", "2147483648"}},
    {"message.timestamp.type",
     "CreateTime",
     {"CreateTime", "LogAppendTime"},
     {"createtime", "0", "", "NoTimestampType"}},
    {"compression.type", "uncompressed", {"uncompressed", "lz4"}, {"LZ4", "3", "", "producer"}},
    {"compression.gzip.level", "-1", {"-1", "1", "9"}, {"0", "10", "-2"}},
    {"compression.lz4.level", "9", {"1", "9", "17"}, {"0", "18", "-1"}},
    {"compression.zstd.level", "3", {"-131072", "0", "22"}, {"23", "-131073"}},
};

enum { RANGE_COUNT = sizeof RANGES / sizeof *RANGES };

static const char *
value_of(const struct strand_log_config *config, const char *name)
{
    static char text[64];

    require_ok(strand_log_config_get(config, name, text, sizeof text));
    return text;
}

Test(config, defaults_are_kafkas)
{
    struct strand_log_options zeros = {.struct_size = sizeof zeros};
    const struct strand_log_options *given[] = {NULL, &zeros};

    for (size_t g = 0; g < 2; g++) {
        struct strand_log_config config;

        require_ok(strand_log_config_init(given[g], &config));
        for (size_t i = 0; i < RANGE_COUNT; i++)
            cr_expect_str_eq(value_of(&config, RANGES[i].name), RANGES[i].initial, "%s is %s",
                             RANGES[i].name, value_of(&config, RANGES[i].name));
    }
}

Test(config, values_in_range_are_taken_and_read_back)
{
    for (size_t i = 0; i < RANGE_COUNT; i++) {
        for (size_t v = 0; v < 4 && RANGES[i].good[v] != NULL; v++) {
            struct strand_log_config config;

            require_ok(strand_log_config_init(NULL, &config));
            require_ok(strand_log_config_set(&config, RANGES[i].name, RANGES[i].good[v]));
            cr_expect_str_eq(value_of(&config, RANGES[i].name), RANGES[i].good[v]);
            for (size_t other = 0; other < RANGE_COUNT; other++)
                if (other != i)
                    cr_expect_str_eq(value_of(&config, RANGES[other].name), RANGES[other].initial,
                                     "%s changed with %s", RANGES[other].name, RANGES[i].name);
        }
    }
}

Test(config, values_out_of_range_are_refused_and_change_nothing)
{
    static const char *const never[] = {"", " ", "1x", "x", "1 2", "99999999999999999999", "1.5"};

    for (size_t i = 0; i < RANGE_COUNT; i++) {
        struct strand_log_config config;

        require_ok(strand_log_config_init(NULL, &config));
        for (size_t v = 0; v < 8 && RANGES[i].bad[v] != NULL; v++) {
            expect_status(STRAND_ERR_INVALID,
                          strand_log_config_set(&config, RANGES[i].name, RANGES[i].bad[v]));
            expect_message(RANGES[i].name);
        }
        for (size_t v = 0; v < sizeof never / sizeof *never; v++)
            expect_status(STRAND_ERR_INVALID,
                          strand_log_config_set(&config, RANGES[i].name, never[v]));
        cr_expect_str_eq(value_of(&config, RANGES[i].name), RANGES[i].initial);
    }
}

Test(config, codecs_that_this_build_lacks_are_named)
{
    for (int codec = STRAND_CODEC_GZIP; codec <= STRAND_CODEC_ZSTD; codec++) {
        struct strand_log_options options = {.struct_size = sizeof options, .codec = codec};
        int expected = strand_codec_is_available(codec) ? STRAND_OK : STRAND_ERR_CODEC;
        struct strand_log_config config;

        require_ok(strand_log_config_init(NULL, &config));
        expect_status(expected,
                      strand_log_config_set(&config, "compression.type", strand_codec_name(codec)));
        if (expected != STRAND_OK)
            expect_message(strand_codec_name(codec));
        expect_status(expected, strand_log_config_init(&options, &config));
    }
}

Test(config, level_is_that_of_the_codec)
{
    struct strand_log_options options = {
        .struct_size = sizeof options, .codec = STRAND_CODEC_LZ4, .compression_level = 5};
    struct strand_log_config config;

    require_ok(strand_log_config_init(&options, &config));
    cr_expect_eq(strand_log_config_level(&config), 5);
    cr_expect_str_eq(value_of(&config, "compression.lz4.level"), "5");
    cr_expect_str_eq(value_of(&config, "compression.zstd.level"), "3");
    require_ok(strand_log_config_set(&config, "compression.type", "none"));
    cr_expect_eq(strand_log_config_level(&config), 0);
}

Test(config, none_is_another_word_for_uncompressed)
{
    struct strand_log_config config;

    require_ok(strand_log_config_init(NULL, &config));
    require_ok(strand_log_config_set(&config, "compression.type", "none"));
    cr_expect_str_eq(value_of(&config, "compression.type"), "uncompressed");
}

Test(config, unknown_names_are_not_found)
{
    static const char *const names[] = {"", "segment", "segment.bytes ", "SEGMENT.BYTES",
                                        "retention.ms"};
    struct strand_log_config config;
    char text[8];

    require_ok(strand_log_config_init(NULL, &config));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_status(STRAND_ERR_NOT_FOUND, strand_log_config_set(&config, names[i], "1"));
        expect_status(STRAND_ERR_NOT_FOUND,
                      strand_log_config_get(&config, names[i], text, sizeof text));
    }
}

Test(config, value_that_does_not_fit_its_buffer_is_refused)
{
    struct strand_log_config config;
    char text[11] = "untouched";

    require_ok(strand_log_config_init(NULL, &config));
    expect_status(STRAND_ERR_INVALID,
                  strand_log_config_get(&config, "segment.bytes", text, strlen("1073741824")));
    cr_expect_str_eq(text, "untouched");
    require_ok(strand_log_config_get(&config, "segment.bytes", text, sizeof text));
    cr_expect_str_eq(text, "1073741824");
}

Test(config, structure_is_checked_member_by_member)
{
#define OPTIONS .struct_size = sizeof(struct strand_log_options)
#define LZ4     STRAND_CODEC_LZ4
    static const struct {
        struct strand_log_options options;
        int status;
        const char *named;
    } cases[] = {
        {{0}, STRAND_ERR_INVALID, "struct_size"},
        {{.struct_size = 8}, STRAND_ERR_INVALID, "struct_size"},
        {{OPTIONS, .segment_bytes = 13}, STRAND_ERR_INVALID, "segment.bytes"},
        {{OPTIONS, .segment_bytes = -1}, STRAND_ERR_INVALID, "segment.bytes"},
        {{OPTIONS, .segment_ms = -1}, STRAND_ERR_INVALID, "segment.ms"},
        {{OPTIONS, .max_message_bytes = -1}, STRAND_ERR_INVALID, "max.message.bytes"},
        {{OPTIONS, .timestamp_type = 2}, STRAND_ERR_INVALID, "message.timestamp.type"},
        {{OPTIONS, .timestamp_type = -1}, STRAND_ERR_INVALID, "message.timestamp.type"},
        {{OPTIONS, .codec = 5}, STRAND_ERR_INVALID, "compression.type"},
        {{OPTIONS, .codec = -1}, STRAND_ERR_INVALID, "compression.type"},
        {{OPTIONS, .codec = LZ4, .compression_level = 18}, STRAND_ERR_INVALID, ".lz4.level"},
        {{OPTIONS, .codec = LZ4, .compression_level = -1}, STRAND_ERR_INVALID, ".lz4.level"},
        {{OPTIONS, .compression_level = 1}, STRAND_ERR_INVALID, "no levels"},
    };
#undef OPTIONS
#undef LZ4

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strand_log_config config = {.segment_ms = 77};

        expect_status(cases[i].status, strand_log_config_init(&cases[i].options, &config));
        expect_message(cases[i].named);
        cr_expect_eq(config.segment_ms, 77);
    }
}

Test(config, size_of_a_structure_that_is_too_small_is_told_with_what_it_should_be)
{
    require_ok(strand_check_struct_size("x options", 16, 16));
    require_ok(strand_check_struct_size("x options", 17, 16));
    expect_status(STRAND_ERR_INVALID, strand_check_struct_size("x options", 12, 16));
    expect_message("x options: struct_size 12 is smaller than 16: set it to sizeof");
}

Test(config, engine_defaults_are_filled_in)
{
    struct strand_engine_options options = {.struct_size = sizeof options};
    struct strand_engine_config config;

    require_ok(strand_engine_config_init(NULL, &config));
    cr_expect_eq(config.commit_interval_ns, 200000000);
    cr_expect_eq(config.commit_bytes, 64 << 20);
    cr_expect_eq(config.unsynced_bytes_max, UINT64_MAX);
    cr_expect_eq(config.fs, strand_fs_posix());
    cr_expect_eq(config.flags, 0);
    options.commit_interval_ms = UINT32_MAX;
    options.commit_bytes = 1;
    options.unsynced_bytes_max = 2;
    options.descriptor_budget = 16;
    options.flags = STRAND_ENGINE_NO_THREADS | STRAND_ENGINE_COPY_READS;
    require_ok(strand_engine_config_init(&options, &config));
    cr_expect_eq(config.commit_interval_ns, (int64_t)UINT32_MAX * 1000000);
    cr_expect_eq(config.commit_bytes, 1);
    cr_expect_eq(config.unsynced_bytes_max, 2);
    cr_expect_eq(config.descriptor_budget, 16);
    cr_expect_eq(config.flags, options.flags);
}

Test(config, engine_options_are_checked)
{
    static const struct strand_fs incomplete = {.struct_size = 16};
#define OPTIONS .struct_size = sizeof(struct strand_engine_options)
    static const struct {
        struct strand_engine_options options;
        const char *named;
    } cases[] = {
        {{0}, "struct_size"},
        {{.struct_size = 8}, "struct_size"},
        {{OPTIONS, .flags = 32}, "flags"},
        {{OPTIONS, .flags = 0x80000001}, "0x80000000"},
        {{OPTIONS, .descriptor_budget = 15}, "descriptor_budget"},
        {{OPTIONS, .fs = &incomplete}, "file system"},
    };
#undef OPTIONS

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strand_engine *engine = NULL;

        expect_status(STRAND_ERR_INVALID,
                      strand_engine_open("/nowhere", &cases[i].options, &engine));
        expect_message(cases[i].named);
        cr_expect_null(engine);
    }
}

/* ---- Of a log that is open ---- */

TestSuite(config_of_log, .init = fixture_start, .fini = fixture_destroy, .timeout = 30);

Test(config_of_log, options_take_effect_at_once_and_are_not_stored)
{
    char text[32];

    (void)fixture_append("a");
    require_ok(strand_log_set(fixture.log, "segment.bytes", "70"));
    (void)fixture_append("b");
    cr_expect_str_eq(fixture_segments(), "0:0+1 1:1+1");
    require_ok(strand_log_get(fixture.log, "segment.bytes", text, sizeof text));
    cr_expect_str_eq(text, "70");
    fixture_reopen();
    require_ok(strand_log_get(fixture.log, "segment.bytes", text, sizeof text));
    cr_expect_str_eq(text, "65536");
    expect_status(STRAND_ERR_NOT_FOUND, strand_log_set(fixture.log, "no.such", "1"));
    expect_status(STRAND_ERR_INVALID, strand_log_set(fixture.log, "segment.ms", "0"));
}

Test(config_of_log, larger_segments_than_were_mapped_are_read_all_the_same)
{
    require_ok(strand_log_set(fixture.log, "segment.bytes", "70"));
    (void)fixture_append("a");
    (void)fixture_append("b");
    require_ok(strand_log_set(fixture.log, "segment.bytes", "1000"));
    (void)fixture_append("c");
    (void)fixture_append("d");
    cr_expect_str_eq(fixture_segments(), "0:0+1 1:1+1,2+1,3+1");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b 2=c 3=d");
}
