/* tests/unit/test_crashtest_step.c -- Scripts as text: what is written reads back equal, and what
 * cannot be read is named. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crashtest/step.h"
#include "strandline/strandline.h"

static struct crashtest_script script;
static struct crashtest_script other;
static char text[CRASHTEST_TEXT_SIZE];

static void
expect_equal(const struct crashtest_script *one, const struct crashtest_script *two,
             const char *what)
{
    cr_expect_eq(one->segment_bytes, two->segment_bytes, "%s", what);
    cr_expect_eq(one->codec, two->codec, "%s", what);
    cr_expect_eq(one->preparation, two->preparation, "%s", what);
    cr_expect_eq(one->pins_cuts, two->pins_cuts, "%s", what);
    cr_expect_eq(one->copies_reads, two->copies_reads, "%s", what);
    cr_assert_eq(one->count, two->count, "%s: %zu and %zu steps", what, one->count, two->count);
    for (size_t i = 0; i < one->count; i++)
        cr_expect(crashtest_step_is_equal(&one->steps[i], &two->steps[i]), "%s: step %zu", what, i);
}

Test(crashtest_step, scripts_are_written_as_they_are_read)
{
    static const char *const TEXTS[] = {
        "",
        "open; close",
        "segment 4096; codec lz4; prepare reserve; pin; copy; open",
        "prepare zero; open",
        "prepare none; open",
        "open; create 0; replicate 1; append 0 1 durable; append 1 16 written",
        "follow 1 0 1 0 durable; follow 0 16 16 4095 written",
        "sync; checkpoint; run 0; run 100000",
        "truncate 0 0; truncate 1 1023; truncate 0 end; truncate 0 end-3; truncate 0 end+3",
        "trim 0 end-1023; trim 1 7; reset 0 end+1023; reset 1 0",
        "epoch 0 0; epoch 1 4095; delete 1; broker 0",
        "12*append 0 1 durable; truncate 0 end-3; 2*sync; 490*run 1",
    };

    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        cr_assert_eq(crashtest_script_read(TEXTS[i], &script), STRAND_OK, "%s: %s", TEXTS[i],
                     strand_error_message());
        crashtest_script_write(&script, text, sizeof text);
        cr_expect_str_eq(text, TEXTS[i]);
    }
}

Test(crashtest_step, values_arrive_where_they_belong)
{
    const struct crashtest_step *step = script.steps;

    cr_assert_eq(
        crashtest_script_read("segment 1024; codec lz4; prepare reserve;"
                              "follow 1 2 3 4 written; run 250; truncate 0 end-3; trim 1 9;"
                              "epoch 1 7; append 1 5 durable",
                              &script),
        STRAND_OK);
    cr_expect_eq(script.segment_bytes, 1024);
    cr_expect_eq(script.codec, STRAND_CODEC_LZ4);
    cr_expect_eq(script.preparation, STRAND_PREPARE_RESERVE);
    cr_expect(!script.pins_cuts && !script.copies_reads);
    cr_assert_eq(script.count, 6);
    cr_expect(step[0].kind == CRASHTEST_FOLLOW && step[0].log == 1 && step[0].gap == 2 &&
              step[0].count == 3 && step[0].epoch == 4 && step[0].durability == STRAND_WRITTEN);
    cr_expect(step[1].kind == CRASHTEST_RUN && step[1].count == 250);
    cr_expect(step[2].kind == CRASHTEST_TRUNCATE && step[2].at == -3 && step[2].is_from_end);
    cr_expect(step[3].kind == CRASHTEST_TRIM && step[3].log == 1 && step[3].at == 9 &&
              !step[3].is_from_end);
    cr_expect(step[4].kind == CRASHTEST_EPOCH && step[4].log == 1 && step[4].epoch == 7);
    cr_expect(step[5].kind == CRASHTEST_APPEND && step[5].log == 1 && step[5].count == 5 &&
              step[5].durability == STRAND_DURABLE);
}

Test(crashtest_step, settings_that_are_not_given_are_the_default)
{
    cr_assert_eq(crashtest_script_read("open", &script), STRAND_OK);
    cr_expect_eq(script.segment_bytes, 512);
    cr_expect_eq(script.codec, STRAND_CODEC_NONE);
    cr_expect_eq(script.preparation, STRAND_PREPARE_AUTO);
    cr_expect(!script.pins_cuts && !script.copies_reads);
    crashtest_script_init(&other);
    cr_assert_eq(crashtest_script_read("", &script), STRAND_OK);
    expect_equal(&script, &other, "nothing");
}

Test(crashtest_step, blanks_and_repetitions_are_free)
{
    static const struct {
        const char *text;
        const char *same;
    } CASES[] = {
        {" ;;open ;\n\tclose ; ", "open; close"},
        {"2*(open; close)", "open; close; open; close"},
        {"2 * ( open ;close; )", "open; close; open; close"},
        {"2*3*sync", "6*sync"},
        {"sync; sync; sync", "3*sync"},
        {"1*sync", "sync"},
        {"2*1*1*1*1*1*1*1*sync", "2*sync"},
        {"3*()", ""},
        {"2*(2*(open; sync); close)",
         "open; sync; open; sync; close; open; sync; open; sync; close"},
        {"256*(open; close)", NULL},
        {"segment 512; codec none; prepare auto; open", "open"},
        {"truncate 0 end+0; truncate 0 end-0", "2*truncate 0 end"},
        {"append 0 001 durable", "append 0 1 durable"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        cr_assert_eq(crashtest_script_read(CASES[i].text, &script), STRAND_OK, "%s: %s",
                     CASES[i].text, strand_error_message());
        if (CASES[i].same == NULL)
            continue;
        crashtest_script_write(&script, text, sizeof text);
        cr_expect_str_eq(text, CASES[i].same);
    }
    cr_assert_eq(crashtest_script_read("256*(open; close)", &script), STRAND_OK);
    cr_expect_eq(script.count, CRASHTEST_STEPS_MAX);
}

Test(crashtest_step, errors_name_the_word_and_its_place)
{
    static const struct {
        const char *text;
        const char *message;
    } CASES[] = {
        {"open; create 0; sync; apend 0 1 durable",
         "step 4, \"apend\": should be a step, such as append"},
        {"open 0", "step 1, \"0\": should be ; or the end"},
        {"open close", "step 1, \"close\": should be ; or the end"},
        {"open; close)", "step 2, \")\": should be ; or the end"},
        {"(open)", "step 1, \"(\": should be a step, such as append"},
        {"*open", "step 1, \"*\": should be a number of times from 1 to 512"},
        {"create", "step 1, at the end: should be a log from 0 to 1"},
        {"create 2", "step 1, \"2\": should be a log from 0 to 1"},
        {"create ;", "step 1, \";\": should be a log from 0 to 1"},
        {"create -1", "step 1, \"-1\": should be a log from 0 to 1"},
        {"append 0 0 durable", "step 1, \"0\": should be a number of records from 1 to 16"},
        {"append 0 17 durable", "step 1, \"17\": should be a number of records from 1 to 16"},
        {"append 0 99999999999 durable",
         "step 1, \"99999999999\": should be a number of records from 1 to 16"},
        {"append 0 1x durable", "step 1, \"1x\": should be a number of records from 1 to 16"},
        {"append 0 1", "step 1, at the end: should be durable or written"},
        {"append 0 1 kept", "step 1, \"kept\": should be durable or written"},
        {"follow 0 17 1 0 durable", "step 1, \"17\": should be a gap from 0 to 16"},
        {"follow 0 0 1 4096 durable", "step 1, \"4096\": should be an epoch from 0 to 4095"},
        {"run 100001", "step 1, \"100001\": should be a number of milliseconds from 0 to 100000"},
        {"truncate 0 1024",
         "step 1, \"1024\": should be an offset from 0 to 1023, end, end-N or end+N"},
        {"truncate 0 end-1024",
         "step 1, \"end-1024\": should be an offset from 0 to 1023, end, end-N or end+N"},
        {"trim 0 end-",
         "step 1, \"end-\": should be an offset from 0 to 1023, end, end-N or end+N"},
        {"reset 0 ending",
         "step 1, \"ending\": should be an offset from 0 to 1023, end, end-N or end+N"},
        {"reset 0 -3", "step 1, \"-3\": should be an offset from 0 to 1023, end, end-N or end+N"},
        {"segment 127", "step 1, \"127\": should be a number of bytes from 128 to 1048576"},
        {"segment 1048577", "step 1, \"1048577\": should be a number of bytes from 128 to 1048576"},
        {"codec zstd", "step 1, \"zstd\": should be none or lz4"},
        {"prepare all", "step 1, \"all\": should be auto or none or reserve or zero"},
        {"open; pin", "step 2, \"pin\": a setting stands before the first step"},
        {"2*copy", "step 1, \"copy\": a setting stands before the first step"},
        {"0*open", "step 1, \"0\": should be a number of times from 1 to 512"},
        {"513*open", "step 1, \"513\": should be a number of times from 1 to 512"},
        {"x*open", "step 1, \"x\": should be a number of times from 1 to 512"},
        {"2*", "step 1, at the end: should be a step, such as append"},
        {"2*(open; 3*(close", "step 2, at the end: should be ; or )"},
        {"2*(open;", "step 2, at the end: should be a step, such as append"},
        {"500*sync; 13*run 1", "step 2, \"13*\": more than 512 steps, repeated ones counted"},
        {"512*sync; open", "step 2, \"open\": more than 512 steps, repeated ones counted"},
        {"1*1*1*1*1*1*1*1*1*open", "step 1, \"1\": repetitions in more than 8 others"},
        {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
         "step 1, \"abcdefghijklmnopqrstuvwxyzabcde\": should be a step, such as append"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        memset(&script, 0x5A, sizeof script);
        cr_expect_eq(crashtest_script_read(CASES[i].text, &script), STRAND_ERR_INVALID, "%s",
                     CASES[i].text);
        cr_expect_str_eq(strand_error_message(), CASES[i].message);
        cr_expect_eq(script.count, (size_t)0x5A5A5A5A5A5A5A5A, "%s: written to", CASES[i].text);
    }
}

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int32_t
between(uint64_t *state, int32_t min, int32_t max)
{
    return min + (int32_t)(next_random(state) % (uint64_t)(max - min + 1));
}

/* Any value within the limits in every member, also in those that the step does not have. */
static void
make_random(uint64_t *state)
{
    crashtest_script_init(&script);
    script.segment_bytes = between(state, 128, 2000);
    script.codec = between(state, 0, 1) == 0 ? STRAND_CODEC_NONE : STRAND_CODEC_LZ4;
    script.preparation = between(state, STRAND_PREPARE_AUTO, STRAND_PREPARE_ZERO);
    script.pins_cuts = between(state, 0, 1) == 0;
    script.copies_reads = between(state, 0, 1) == 0;
    script.count = (size_t)between(state, 0, 200);
    for (size_t i = 0; i < script.count; i++) {
        struct crashtest_step *step = &script.steps[i];

        if (i > 0 && between(state, 0, 2) == 0) {
            *step = script.steps[i - 1];
            continue;
        }
        step->kind = (enum crashtest_step_kind)between(state, 0, CRASHTEST_STEP_KINDS - 1);
        step->log = between(state, 0, 1);
        step->count = step->kind == CRASHTEST_RUN ? between(state, 0, 100000)
                                                  : between(state, 1, CRASHTEST_BATCH_MAX);
        step->gap = between(state, 0, 16);
        step->epoch = between(state, 0, 4095);
        step->durability = between(state, STRAND_DURABLE, STRAND_WRITTEN);
        step->is_from_end = between(state, 0, 1) == 0;
        step->at = between(state, step->is_from_end ? -1023 : 0, 1023);
    }
}

Test(crashtest_step, random_scripts_read_back_equal)
{
    uint64_t state = 88172645463325252;

    for (int round = 0; round < 500; round++) {
        char name[24];

        make_random(&state);
        (void)snprintf(name, sizeof name, "round %d", round);
        crashtest_script_write(&script, text, sizeof text);
        cr_assert_eq(crashtest_script_read(text, &other), STRAND_OK, "%s: %s\n%s", name,
                     strand_error_message(), text);
        expect_equal(&script, &other, name);
    }
}

Test(crashtest_step, damaged_texts_are_refused_or_read)
{
    static const char SIGNS[] = " ;()*-+e0129adx";
    uint64_t state = 362436069;

    for (int round = 0; round < 20000; round++) {
        size_t size;

        make_random(&state);
        script.count = script.count % 8;
        crashtest_script_write(&script, text, sizeof text);
        size = strlen(text);
        for (int i = 0; i < 3 && size > 0; i++)
            text[next_random(&state) % size] = SIGNS[next_random(&state) % (sizeof SIGNS - 1)];
        if (crashtest_script_read(text, &other) == STRAND_OK)
            cr_assert_leq(other.count, CRASHTEST_STEPS_MAX);
        else
            cr_assert_eq(strncmp(strand_error_message(), "step ", 5), 0, "%s: %s", text,
                         strand_error_message());
    }
}

Test(crashtest_step, text_that_is_too_long_is_cut_with_dots)
{
    char whole[64];
    char cut[64];

    cr_assert_eq(crashtest_script_read("open; create 0; 3*append 0 1 durable", &script), STRAND_OK);
    crashtest_script_write(&script, whole, sizeof whole);
    for (size_t size = 4; size <= sizeof whole; size++) {
        memset(cut, 'x', sizeof cut);
        crashtest_script_write(&script, cut, size);
        if (size > strlen(whole)) {
            cr_expect_str_eq(cut, whole);
        } else {
            cr_expect_eq(strlen(cut), size - 1);
            cr_expect_str_eq(cut + size - 4, "...");
            cr_expect_eq(strncmp(cut, whole, size - 4), 0);
            cr_expect_eq(crashtest_script_read(cut, &other), STRAND_ERR_INVALID, "%s", cut);
        }
        for (size_t i = size; i < sizeof cut; i++)
            cr_expect_eq(cut[i], 'x', "byte %zu of %zu", i, size);
    }
}

Test(crashtest_step, one_step_is_written_for_messages)
{
    struct crashtest_step step = {
        .kind = CRASHTEST_FOLLOW, .log = 1, .gap = 2, .count = 3, .epoch = 4};
    char line[64];

    crashtest_step_write(&step, line, sizeof line);
    cr_expect_str_eq(line, "follow 1 2 3 4 durable");
}

Test(crashtest_step, only_what_a_step_has_tells_it_apart)
{
    struct crashtest_step one = {.kind = CRASHTEST_APPEND, .count = 2};
    struct crashtest_step two = one;

    two.gap = two.epoch = two.at = 5;
    cr_expect(crashtest_step_is_equal(&one, &two));
    two.count = 3;
    cr_expect(!crashtest_step_is_equal(&one, &two));
    two = one;
    two.durability = STRAND_WRITTEN;
    cr_expect(!crashtest_step_is_equal(&one, &two));
    one.kind = two.kind = CRASHTEST_TRIM;
    two.is_from_end = true;
    cr_expect(!crashtest_step_is_equal(&one, &two));
    two.is_from_end = false;
    cr_expect(crashtest_step_is_equal(&one, &two));
    two.at = 1;
    cr_expect(!crashtest_step_is_equal(&one, &two));
    two.kind = CRASHTEST_RESET;
    cr_expect(!crashtest_step_is_equal(&one, &two));
}
