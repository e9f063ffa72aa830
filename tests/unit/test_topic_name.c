/* tests/unit/test_topic_name.c -- Names are taken exactly as Kafka writes them, and nothing else
 * is. */
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "storage/topic_name.h"

#define TEN       "abcdefghij"
#define FIFTY     TEN TEN TEN TEN TEN
#define TOPIC_248 FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN "12345678"
#define TOPIC_249 TOPIC_248 "9"
#define HEX       "000102030405060708090a0b0c0d0eff"

static const uint8_t ID[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};

_Static_assert(sizeof TOPIC_249 == 249 + 1, "the longest topic");

Test(topic_name, topics_of_kafkas_characters_and_size_are_accepted)
{
    static const char *const topics[] = {
        "a", "orders", "Orders.v2_x-1", "...", "__consumer_offsets", "-", "0", TOPIC_249,
    };

    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        cr_expect_eq(strand_topic_name_check(topics[i]), STRAND_OK, "%s", topics[i]);
}

Test(topic_name, other_topics_are_refused_with_the_rule_that_is_broken)
{
    static const struct {
        const char *topic;
        const char *rule;
    } cases[] = {
        {"", "empty"},
        {".", "names a directory"},
        {"..", "names a directory"},
        {"a b", "characters"},
        {"a/b", "characters"},
        {"a\n", "characters"},
        {"\xc3\xa9", "characters"},
        {"a:b", "characters"},
        {"a@b", "characters"},
        {"a[b", "characters"},
        {"a`b", "characters"},
        {"a{b", "characters"},
        {TOPIC_249 "0", "250 characters, at most 249"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(strand_topic_name_check(cases[i].topic), STRAND_ERR_INVALID, "case %zu", i);
        cr_expect_not_null(strstr(strand_error_message(), cases[i].rule), "case %zu: %s", i,
                           strand_error_message());
    }
}

Test(topic_name, partition_name_is_topic_dash_number)
{
    char name[STRAND_FILE_NAME_SIZE_MAX];

    cr_assert_eq(strand_partition_name_format("orders", 0, name), STRAND_OK);
    cr_expect_str_eq(name, "orders-0");
    cr_assert_eq(strand_partition_name_format("a-1", INT32_MAX, name), STRAND_OK);
    cr_expect_str_eq(name, "a-1-2147483647");
    cr_assert_eq(strand_partition_name_format(TOPIC_249, 99999, name), STRAND_OK);
    cr_expect_str_eq(name, TOPIC_249 "-99999");
}

Test(topic_name, partition_name_that_cannot_be_is_refused_and_nothing_written)
{
    static const struct {
        const char *topic;
        int32_t partition;
    } cases[] = {{"", 0}, {"a/b", 0}, {"orders", -1}, {"orders", INT32_MIN}, {TOPIC_249, 100000}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[STRAND_FILE_NAME_SIZE_MAX] = "untouched";

        cr_expect_eq(strand_partition_name_format(cases[i].topic, cases[i].partition, name),
                     STRAND_ERR_INVALID, "case %zu", i);
        cr_expect_str_eq(name, "untouched", "case %zu", i);
    }
}

Test(topic_name, partition_name_is_split_at_its_last_dash)
{
    static const struct {
        const char *name;
        const char *topic;
        int32_t partition;
    } cases[] = {
        {"orders-0", "orders", 0},   {"a-1-2147483647", "a-1", INT32_MAX},
        {"orders--1", "orders-", 1}, {"0-10", "0", 10},
        {"a.b_c-7", "a.b_c", 7},     {TOPIC_249 "-99999", TOPIC_249, 99999},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1];
        int32_t partition = -1;

        cr_assert(strand_partition_name_parse(cases[i].name, topic, &partition), "%s",
                  cases[i].name);
        cr_expect_str_eq(topic, cases[i].topic);
        cr_expect_eq(partition, cases[i].partition, "%s", cases[i].name);
    }
}

Test(topic_name, what_is_not_exactly_a_partition_name_is_not_parsed)
{
    static const char *const names[] = {
        "",
        "orders",
        "orders-",
        "-0",
        "orders-00",
        "orders-01",
        "orders-+1",
        "orders- 1",
        "orders-1 ",
        "orders-0x1",
        "orders-1a",
        "orders-a1",
        "orders-2147483648",
        "orders-99999999999",
        "orders-18446744073709551617",
        "..-0",
        "or ders-0",
        TOPIC_249 "0-0",
        "orders-0." HEX "-delete",
        "orders-0.x-future",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1] = "untouched";
        int32_t partition = 42;

        cr_expect(!strand_partition_name_parse(names[i], topic, &partition), "%s", names[i]);
        cr_expect_str_eq(topic, "untouched", "%s", names[i]);
        cr_expect_eq(partition, 42, "%s", names[i]);
    }
}

Test(topic_name, name_for_delete_carries_the_id_in_hex)
{
    char name[STRAND_FILE_NAME_SIZE_MAX];

    strand_partition_name_for_delete("orders-12", ID, name);
    cr_expect_str_eq(name, "orders-12." HEX "-delete");
    cr_expect(strand_partition_name_is_deleted(name));
}

Test(topic_name, name_for_delete_shortens_the_topic_to_fit_and_keeps_the_rest)
{
    static const char tail[] = "-99999." HEX "-delete";
    char name[STRAND_FILE_NAME_SIZE_MAX];

    strand_partition_name_for_delete(TOPIC_249 "-99999", ID, name);
    cr_assert_eq(strlen(name), 255);
    cr_expect_str_eq(name + 255 - strlen(tail), tail);
    cr_expect_eq(memcmp(name, TOPIC_249, 255 - strlen(tail)), 0);
    cr_expect(strand_partition_name_is_deleted(name));
}

Test(topic_name, name_for_delete_of_255_characters_is_not_shortened)
{
    /* 255 - 40 for the id and "-delete" - 2 for the partition = 213 characters of topic. */
    char partition_name[STRAND_FILE_NAME_SIZE_MAX] = "";
    char expected[300];
    char name[STRAND_FILE_NAME_SIZE_MAX];

    memset(partition_name, 't', 213);
    strcpy(partition_name + 213, "-7");
    strcpy(expected, partition_name);
    strcat(expected, "." HEX "-delete");
    strand_partition_name_for_delete(partition_name, ID, name);
    cr_expect_str_eq(name, expected);
}

Test(topic_name, leavings_are_told_apart_by_suffix)
{
    static const struct {
        const char *name;
        bool is_deleted;
        bool is_set_aside;
    } cases[] = {
        {"orders-0." HEX "-delete", true, false},
        {"orders-0." HEX "-stray", false, true},
        {"orders-0." HEX "-future", false, true},
        {"a-b.c-delete", true, false},
        {"a.b-c.d-delete", true, false},
        {"a-b..-delete", true, false},
        {"orders-0", false, false},
        {"orders-0." HEX, false, false},
        {"orders-0." HEX "-deleted", false, false},
        {"orders-0." HEX "-delete.bak", false, false},
        {"orders-0.-delete", false, false},
        {"orders-.x-delete", false, false},
        {"-0.x-delete", false, false},
        {"orders.x-delete", false, false},
        {"orders.x-future", false, false},
        {"or ders-0.x-delete", false, false},
        {"a-b.c\n-delete", false, false},
        {"-delete", false, false},
        {"delete", false, false},
        {"x-delete", false, false},
        {"a-b-delete", false, false},
        {"", false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(strand_partition_name_is_deleted(cases[i].name), cases[i].is_deleted, "%s",
                     cases[i].name);
        cr_expect_eq(strand_partition_name_is_set_aside(cases[i].name), cases[i].is_set_aside, "%s",
                     cases[i].name);
    }
}

Test(topic_name, segment_name_is_the_base_offset_in_twenty_digits)
{
    static const struct {
        int64_t base_offset;
        const char *name;
    } cases[] = {
        {0, "00000000000000000000.log"},
        {18420, "00000000000000018420.log"},
        {INT64_MAX, "09223372036854775807.log"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[STRAND_SEGMENT_NAME_SIZE];
        int64_t base_offset = -1;

        strand_segment_name_format(cases[i].base_offset, name);
        cr_expect_str_eq(name, cases[i].name);
        cr_assert(strand_segment_name_parse(name, &base_offset), "%s", name);
        cr_expect_eq(base_offset, cases[i].base_offset, "%s", name);
    }
}

Test(topic_name, what_is_not_exactly_a_segment_name_is_not_parsed)
{
    static const char *const names[] = {
        "",
        "0.log",
        "0000000000000000000.log",
        "000000000000000000000.log",
        "00000000000000000000.log.deleted",
        "00000000000000000000.lo",
        "00000000000000000000.LOG",
        "00000000000000000000.index",
        "0000000000000000000a.log",
        "-0000000000000000001.log",
        "+0000000000000000001.log",
        " 0000000000000000001.log",
        "09223372036854775808.log",
        "18446744073709551616.log",
        "99999999999999999999.log",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t base_offset = 42;

        cr_expect(!strand_segment_name_parse(names[i], &base_offset), "%s", names[i]);
        cr_expect_eq(base_offset, 42, "%s", names[i]);
    }
}
