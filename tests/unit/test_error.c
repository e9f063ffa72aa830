/* tests/unit/test_error.c -- Each thread keeps the sentence and the offsets of its last failure. */
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static int64_t first, next;

Test(error, a_thread_without_failures_has_no_message_and_no_offsets)
{
    strand_error_offsets(&first, &next);
    cr_expect_str_eq(strand_error_message(), "");
    cr_expect_eq(first, -1);
    cr_expect_eq(next, -1);
}

Test(error, fail_keeps_the_sentence_and_returns_the_status)
{
    cr_expect_eq(strand_fail(STRAND_ERR_CORRUPT, "read %s: bad size %d", "x.log", 7),
                 STRAND_ERR_CORRUPT);
    cr_expect_str_eq(strand_error_message(), "read x.log: bad size 7");
}

Test(error, fail_code_adds_the_text_of_the_code)
{
    cr_expect_eq(strand_fail_code(ENOSPC, "write %s", "x.log"), STRAND_ERR_NO_SPACE);
    cr_expect_str_eq(strand_error_message(), "write x.log: No space left on device");
}

Test(error, fail_code_survives_a_code_that_nobody_knows)
{
    cr_expect_eq(strand_fail_code(99999, "write x.log"), STRAND_ERR_IO);
    cr_expect_eq(strncmp(strand_error_message(), "write x.log: ", 13), 0);
    cr_expect_gt(strlen(strand_error_message()), 13);
}

Test(error, context_goes_in_front)
{
    (void)strand_fail(STRAND_ERR_IO, "sync x.log: cause");
    cr_expect_eq(strand_fail_context(STRAND_ERR_FAILED, "open log %s", "orders-0"),
                 STRAND_ERR_FAILED);
    cr_expect_str_eq(strand_error_message(), "open log orders-0: sync x.log: cause");
}

Test(error, arguments_may_point_into_the_last_message)
{
    (void)strand_fail(STRAND_ERR_IO, "first");
    (void)strand_fail(STRAND_ERR_IO, "second after %s", strand_error_message());
    cr_expect_str_eq(strand_error_message(), "second after first");
    (void)strand_fail_code(EIO, "third after %s", strand_error_message());
    cr_expect_str_eq(strand_error_message(), "third after second after first: Input/output error");
}

static void
expect_cut_at_limit(const char *start)
{
    cr_expect_eq(strlen(strand_error_message()), STRAND_ERROR_MESSAGE_SIZE_MAX - 1);
    cr_expect_eq(strncmp(strand_error_message(), start, strlen(start)), 0);
}

Test(error, long_messages_are_cut_at_the_limit)
{
    char text[2 * STRAND_ERROR_MESSAGE_SIZE_MAX];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)strand_fail(STRAND_ERR_IO, "a%s", text);
    expect_cut_at_limit("ax");
    (void)strand_fail_context(STRAND_ERR_IO, "context");
    expect_cut_at_limit("context: ax");
    (void)strand_fail_context(STRAND_ERR_IO, "b%s", text);
    expect_cut_at_limit("bx");
    (void)strand_fail_code(EIO, "c%s", text);
    expect_cut_at_limit("cx");
}

Test(error, messages_of_every_size_around_the_limit_are_whole_or_cut)
{
    char text[STRAND_ERROR_MESSAGE_SIZE_MAX + 8];

    for (size_t size = STRAND_ERROR_MESSAGE_SIZE_MAX - 32; size < sizeof text; size++) {
        char expected[sizeof text + 32];

        memset(text, 'x', size);
        text[size] = '\0';
        (void)snprintf(expected, sizeof expected, "%s: Input/output error", text);
        expected[STRAND_ERROR_MESSAGE_SIZE_MAX - 1] = '\0';
        (void)strand_fail_code(EIO, "%s", text);
        cr_expect_str_eq(strand_error_message(), expected, "size %zu", size);
    }
}

Test(error, a_new_failure_has_no_offsets_until_they_are_set)
{
    (void)strand_fail(STRAND_ERR_CORRUPT, "read: damaged");
    strand_error_set_offsets(10, 20);
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, 10);
    cr_expect_eq(next, 20);

    (void)strand_fail(STRAND_ERR_IO, "read: other");
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, -1);
    cr_expect_eq(next, -1);

    strand_error_set_offsets(10, 20);
    (void)strand_fail_code(EIO, "read");
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, -1);
    cr_expect_eq(next, -1);
}

Test(error, context_keeps_the_offsets_of_the_failure)
{
    (void)strand_fail(STRAND_ERR_CORRUPT, "read: damaged");
    strand_error_set_offsets(10, 20);
    (void)strand_fail_context(STRAND_ERR_CORRUPT, "fetch");
    strand_error_offsets(&first, &next);
    cr_expect_eq(first, 10);
    cr_expect_eq(next, 20);
}

static void *
fail_elsewhere(void *argument)
{
    (void)argument;
    (void)strand_fail(STRAND_ERR_IO, "elsewhere");
    strand_error_set_offsets(1, 2);
    return NULL;
}

Test(error, threads_do_not_see_each_others_failures)
{
    pthread_t thread;

    (void)strand_fail(STRAND_ERR_IO, "here");
    cr_assert_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    strand_error_offsets(&first, &next);
    cr_expect_str_eq(strand_error_message(), "here");
    cr_expect_eq(first, -1);
    cr_expect_eq(next, -1);
}

Test(error, codes_map_to_the_statuses_that_callers_act_on)
{
    static const struct {
        int code;
        int status;
    } CASES[] = {
        {ENOENT, STRAND_ERR_NOT_FOUND},
        {EEXIST, STRAND_ERR_EXISTS},
        {ENOSPC, STRAND_ERR_NO_SPACE},
        {EDQUOT, STRAND_ERR_NO_SPACE},
        {ENOMEM, STRAND_ERR_NO_MEMORY},
        {EACCES, STRAND_ERR_PERMISSION},
        {EPERM, STRAND_ERR_PERMISSION},
        {EROFS, STRAND_ERR_PERMISSION},
        {EMFILE, STRAND_ERR_DESCRIPTORS},
        {ENFILE, STRAND_ERR_DESCRIPTORS},
        {EIO, STRAND_ERR_IO},
        {EINVAL, STRAND_ERR_IO},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        cr_expect_eq(strand_status_from_errno(CASES[i].code), CASES[i].status, "%s",
                     strerror(CASES[i].code));
}

Test(error, every_status_has_its_own_text)
{
    static const int STATUSES[] = {
#define X(name, value, text) name,
        STRAND_STATUS_MAP(X)
#undef X
    };

    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++)
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(strand_status_text(STATUSES[i]), strand_status_text(STATUSES[j]));
    cr_expect_str_eq(strand_status_text(STRAND_ERR_NO_SPACE), "no space left on device");
    cr_expect_str_eq(strand_status_text(-9999), "unknown status");
}

Test(error, version_has_three_numbers)
{
    int major, minor, patch;
    char rest;

    cr_expect_eq(sscanf(strand_version(), "%d.%d.%d%c", &major, &minor, &patch, &rest), 3);
}
