/* tests/unit/test_index_files.c -- The files of an index in LMDB: what is refused, what is found to
 * be damaged, and what means nothing. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/index_internal.h"
#include "support/fault_fs.h"
#include "support/index_audit.h"
#include "support/index_fixture.h"
#include "support/scratch.h"

static void
fini(void)
{
    scratch_remove();
}

static void
init(void)
{
    scratch_create();
}

TestSuite(index_files, .init = init, .fini = fini, .timeout = 170);

/* Whatever stood in it: nobody else has the index open. */
Test(index_files, lock_file_is_made_afresh)
{
    static uint8_t rubbish[100000]; /* for LMDB a full table of readers, and held mutexes */
    struct strand_index_options options = index_options();
    char path[SCRATCH_PATH_SIZE];

    index_put_one_log(1, 1);
    memset(rubbish, 0xff, sizeof rubbish);
    scratch_path(path, "strandline.index-lock");
    for (size_t size = 0; size <= sizeof rubbish; size += sizeof rubbish / 4) {
        scratch_store(path, rubbish, size);
        cr_expect_eq(index_try_open(&options), STRAND_OK, "%zu bytes: %s", size,
                     strand_error_message());
        index_put_one_log(1, 1);
    }
}

/* Their lines stay in the table of readers. */
Test(index_files, readers_that_died_are_in_nobodys_way)
{
    struct strand_index_options options = index_options();
    struct strand_index_log state;
    struct strand_index *index;

    index_put_one_log(1, 1);
    for (int i = 0; i < 200; i++) { /* more than the table has lines */
        pid_t child = fork();

        if (child == 0) {
            index = index_open(INDEX_LMDB);
            _exit(strand_index_find_log(index, index_id(1), &state) == STRAND_OK ? 7 : 1);
        }
        int result;
        cr_assert_eq(waitpid(child, &result, 0), child);
        cr_assert_eq(WEXITSTATUS(result), 7);
    }
    cr_assert_eq(strand_index_open_lmdb(&options, &index), STRAND_OK);
    cr_expect_eq(strand_index_find_log(index, index_id(1), &state), STRAND_OK);
    strand_index_close(index);
}

Test(index_files, lock_file_has_its_blocks_before_it_is_mapped)
{
    char path[SCRATCH_PATH_SIZE];
    struct stat facts;

    index_put_one_log(1, 1);
    scratch_path(path, "strandline.index-lock");
    cr_assert_eq(stat(path, &facts), 0);
    cr_expect_eq(facts.st_size, 8192);
    cr_expect_geq(facts.st_blocks * 512, 8192);
}

/* Change BYTES of the version record's value, wherever it stands. */
static void
patch_version(size_t at, uint8_t value)
{
    size_t size;
    const char *content = scratch_content(index_path(), &size);
    char *copy = malloc(size);
    int patched = 0;

    memcpy(copy, content, size);
    for (size_t i = 0; i + 40 < size; i++)
        if (memcmp(copy + i, "strandix", 8) == 0) {
            copy[i + at] = (char)value;
            patched++;
        }
    cr_assert_gt(patched, 0);
    scratch_store(index_path(), copy, size);
    free(copy);
}

Test(index_files, another_version_and_another_directory_are_told_apart)
{
    static const uint8_t other_id[STRAND_INDEX_ID_SIZE] = "not ours";
    struct strand_index_options options = index_options();

    index_put_one_log(1, 1);
    options.directory_id = other_id;
    cr_expect_eq(index_try_open(&options), STRAND_ERR_FOREIGN);
    options = index_options();
    patch_version(8, 2);
    cr_expect_eq(index_try_open(&options), STRAND_ERR_VERSION);
    patch_version(8, 1);
    cr_expect_eq(index_try_open(&options), STRAND_OK);
    patch_version(32, 9); /* the commit number, 1 before */
    cr_expect_eq(index_try_open(&options), STRAND_ERR_CORRUPT);
    patch_version(32, 1);
    cr_expect_eq(index_try_open(&options), STRAND_OK);
    patch_version(0, 'S');
    cr_expect_eq(index_try_open(&options), STRAND_ERR_CORRUPT);
}

Test(index_files, what_is_not_lmdb_is_refused_unread_and_can_be_replaced)
{
    static const char *const contents[] = {"x", "text that is long enough to be two pages, or not"};
    struct strand_index_options options = index_options();
    char page[8192] = {0};

    for (size_t i = 0; i < 2; i++) {
        scratch_store(index_path(), contents[i], strlen(contents[i]));
        cr_expect_eq(index_try_open(&options), STRAND_ERR_CORRUPT);
    }
    scratch_store(index_path(), page, sizeof page);
    cr_expect_eq(index_try_open(&options), STRAND_ERR_CORRUPT);
    cr_expect_str_neq(strand_error_message(), "");
    cr_assert_eq(strand_index_remove_files(options.fs, options.path), STRAND_OK);
    cr_assert_eq(strand_index_remove_files(options.fs, options.path), STRAND_OK);
    cr_expect_eq(index_try_open(&options), STRAND_OK);
    scratch_store(index_path(), "", 0);
    cr_expect_eq(index_try_open(&options), STRAND_OK, "an empty file is a new one");
}

Test(index_files, directory_that_is_not_there_is_reported)
{
    struct strand_index_options options = index_options();
    char path[SCRATCH_PATH_SIZE + 40];

    snprintf(path, sizeof path, "%s/nowhere/index", index_path());
    options.path = path;
    cr_expect_eq(index_try_open(&options), STRAND_ERR_NOT_FOUND);
    snprintf(path, sizeof path, "%s.d", index_path());
    cr_assert_eq(mkdir(path, 0777), 0);
    cr_expect_neq(index_try_open(&options), STRAND_OK);
    cr_assert_eq(rmdir(path), 0);
}

Test(index_files, each_failing_call_is_reported_and_leaves_an_index_that_opens)
{
    static const struct {
        int code, status;
    } cases[] = {{EIO, STRAND_ERR_IO},
                 {ENOSPC, STRAND_ERR_NO_SPACE},
                 {EACCES, STRAND_ERR_PERMISSION},
                 {EROFS, STRAND_ERR_PERMISSION},
                 {EMFILE, STRAND_ERR_DESCRIPTORS}};
    struct strand_index_options options = index_options();

    index_put_one_log(1, 1);
    options.fs = fault_fs();
    fault_fs_plan(0, 0, 0, 0);
    cr_assert_eq(index_try_open(&options), STRAND_OK);
    cr_expect_str_eq(fault_fs_trace(),
                     "kind open size read read size read close remove open write close ");
    int calls = fault_fs_calls();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int call = 1; call <= calls; call++) {
            fault_fs_plan(call, call, cases[i].code, 0);
            int status = index_try_open(&options);
            bool is_harmless = call == 8; /* closing what was only read */
            cr_expect_eq(status, is_harmless ? STRAND_OK : cases[i].status, "call %d: %d", call,
                         status);
        }
    fault_fs_plan(0, 0, 0, 0);
    cr_expect_eq(index_try_open(&options), STRAND_OK);
}

/* In a child that is not root: the modes say all. */
static int
open_as_nobody(void)
{
    struct strand_index_options options = index_options();
    int result;

    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(100);
        _exit(-index_try_open(&options));
    }
    cr_assert_eq(waitpid(child, &result, 0), child);
    cr_assert(WIFEXITED(result));
    return -WEXITSTATUS(result);
}

Test(index_files, files_of_somebody_else_are_refused)
{
    static const struct {
        mode_t directory, data;
    } cases[] = {{0755, 0600}, {0555, 0444}, {0777, 0000}, {0777, 0444}, {0000, 0666}};
    char directory[SCRATCH_PATH_SIZE];

    index_put_one_log(1, 1);
    snprintf(directory, sizeof directory, "%s", index_path());
    *strrchr(directory, '/') = '\0';
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Without root the files are ours, and only what the modes take away is missing. */
        bool is_ours =
            geteuid() != 0 && (cases[i].directory & 0200) != 0 && (cases[i].data & 0600) == 0600;

        cr_assert_eq(chmod(index_path(), cases[i].data), 0);
        cr_assert_eq(chmod(directory, cases[i].directory), 0);
        int status = open_as_nobody();
        cr_assert_eq(chmod(directory, 0777), 0);
        cr_expect_eq(status, is_ours ? STRAND_OK : STRAND_ERR_PERMISSION, "case %zu: %d", i,
                     status);
    }
    cr_assert_eq(chmod(index_path(), 0666), 0);
    cr_expect_eq(open_as_nobody(), STRAND_OK);
}

Test(index_files, map_that_does_not_fit_the_address_space_is_lack_of_memory)
{
    struct strand_index_options options = index_options();

    options.map_size = (size_t)1 << 62;
    cr_expect_eq(index_try_open(&options), STRAND_ERR_NO_MEMORY, "%s", strand_error_message());
    options.map_size = 1 << 20;
    cr_expect_eq(index_try_open(&options), STRAND_OK);
}

Test(index_files, older_copy_says_so_by_its_commit_number)
{
    size_t size;

    index_put_one_log(1, 1);
    const char *content = scratch_content(index_path(), &size);
    char *copy = malloc(size);
    memcpy(copy, content, size);
    index_put_one_log(2, 1);
    scratch_store(index_path(), copy, size);
    free(copy);
    struct strand_index *index = index_open(INDEX_LMDB);
    cr_expect_eq(strand_index_commit_number(index), 1);
    strand_index_close(index);
}

/* ---- Reading all of it ---- */

static uint64_t told;
static uint64_t told_total;

static void
note_progress(void *argument, uint64_t done, uint64_t total)
{
    cr_expect_eq(argument, &told);
    cr_expect_eq(done, told + 1);
    cr_expect_leq(done, total);
    told = done;
    told_total = total;
}

Test(index_files, verify_reads_everything_and_tells_how_far_it_is)
{
    struct strand_index_options options = index_options();
    struct strand_index_counts counts;
    struct strand_index_stat stat;

    cr_expect_eq(index_verify(&options, NULL, NULL, &counts), STRAND_ERR_NOT_FOUND);
    cr_expect_eq(index_file_size(), -1, "nothing is made");
    struct strand_index *index = index_open(INDEX_LMDB);
    struct strand_index_batch *batch = index_begin(index);
    for (uint32_t log = 1; log <= 5000; log++)
        index_put_pairs(batch, index_id(log), 0, 0, 1, 65);
    index_commit(index, batch);
    cr_assert_eq(strand_index_stat(index, &stat), STRAND_OK);
    cr_expect_eq(stat.map_bytes, STRAND_INDEX_MAP_SIZE);
    cr_expect_eq(stat.entry_count, 10001);
    cr_expect_leq(stat.used_bytes, stat.file_bytes);
    strand_index_close(index);
    cr_expect_eq(stat.file_bytes, (uint64_t)index_file_size());
    cr_assert_eq(index_verify(&options, note_progress, &told, &counts), STRAND_OK, "%s",
                 strand_error_message());
    cr_expect_eq(told, told_total);
    cr_expect_geq(told * 4096, stat.used_bytes);
    cr_expect_eq(counts.chunks, 10000);
    cr_expect_eq(counts.pairs, 5000 * 65);
}

/* Turn a bit of each place where the file says PATTERN, behind LMDB's back. */
static void
damage_number(uint64_t pattern)
{
    size_t size;
    const char *content = scratch_content(index_path(), &size);
    char *copy = malloc(size);
    int changed = 0;

    memcpy(copy, content, size);
    for (size_t i = 0; i + 8 <= size; i++)
        if (memcmp(copy + i, &pattern, 8) == 0) {
            copy[i] ^= 1;
            changed++;
        }
    cr_assert_gt(changed, 0);
    scratch_store(index_path(), copy, size);
    free(copy);
}

#define PATTERN INT64_C(0x123456789)

/* One entry of each kind, each with the pattern in its value. */
static void
put_patterns(void)
{
    static const struct strand_index_log log = {.generation = PATTERN};
    static const struct strand_index_segment segment = {.end_offset = 9, .size = PATTERN};
    static const struct strand_sparse_entry pair = {.relative_offset = 0x23456789, .position = 1};
    struct strand_index *index = index_open(INDEX_LMDB);
    struct strand_index_batch *batch = index_begin(index);

    cr_assert_eq(strand_index_put_log(batch, index_id(1), &log), STRAND_OK);
    cr_assert_eq(strand_index_put_segment(batch, index_id(1), &segment), STRAND_OK);
    cr_assert_eq(strand_index_put_chunk(batch, index_id(1), 0, &pair, 1), STRAND_OK);
    cr_assert_eq(strand_index_put_time(batch, index_id(1), 0, 5, PATTERN), STRAND_OK);
    index_commit(index, batch);
    strand_index_close(index);
}

Test(index_files, malformed_entries_are_refused_and_go_when_their_log_is_cut)
{
    struct strand_index_options options = index_options();
    struct strand_index_segment segment;
    struct strand_index_counts counts;
    struct strand_index_place place;
    struct strand_index_log log;
    size_t count;
    int64_t offset;

    put_patterns();
    damage_number(PATTERN);
    options.is_suspect = true;
    cr_expect_eq(index_try_open(&options), STRAND_ERR_CORRUPT);
    cr_expect_eq(index_verify(&options, NULL, NULL, &counts), STRAND_ERR_CORRUPT);
    struct strand_index *index = index_open(INDEX_LMDB);
    cr_expect_eq(strand_index_find_log(index, index_id(1), &log), STRAND_ERR_CORRUPT);
    cr_expect_eq(strand_index_find_offset(index, index_id(1), INT64_MAX, &place),
                 STRAND_ERR_CORRUPT);
    cr_expect_eq(strand_index_find_time(index, index_id(1), 0, 9, &offset), STRAND_ERR_CORRUPT);
    cr_expect_eq(strand_index_read_segments(index, index_id(1), 0, &segment, 1, &count),
                 STRAND_ERR_CORRUPT);
    cr_expect_eq(index_count(index, &counts), STRAND_ERR_CORRUPT);
    struct strand_index_batch *batch = index_begin(index);
    cr_assert_eq(strand_index_remove_from(batch, index_id(1), PATTERN * 2), STRAND_OK);
    index_commit(index, batch);
    cr_assert_eq(index_count(index, &counts), STRAND_OK);
    cr_expect_eq(counts.logs + counts.segments + counts.chunks + counts.times, 0);
    strand_index_close(index);
}

/* A CRC is right of whatever was written. */
Test(index_files, entry_that_makes_no_sense_is_found_in_spite_of_its_crc)
{
    struct strand_index_options options = index_options();
    struct strand_index_key key = strand_index_key(index_id(1), STRAND_INDEX_KIND_CHUNK, 7);
    uint8_t value[STRAND_INDEX_VALUE_SIZE_MAX] = {0}; /* two pairs of one offset */
    struct strand_index_counts counts;

    value[STRAND_INDEX_CHUNK_PAIRS] = value[STRAND_INDEX_CHUNK_PAIRS + STRAND_INDEX_PAIR_SIZE] = 7;
    struct strand_index *index = index_open(INDEX_LMDB);
    struct strand_index_batch *batch = index_begin(index);
    cr_assert_eq(
        index->ops->put(batch, &key,
                        strand_index_seal(strand_index_key_span(&key), value,
                                          STRAND_INDEX_CHUNK_PAIRS + 2 * STRAND_INDEX_PAIR_SIZE)),
        STRAND_OK);
    index_commit(index, batch);
    cr_expect_eq(index_count(index, &counts), STRAND_ERR_CORRUPT);
    strand_index_close(index);
    options.is_suspect = true;
    cr_expect_eq(index_try_open(&options), STRAND_ERR_CORRUPT);
    cr_expect_eq(index_verify(&options, NULL, NULL, &counts), STRAND_ERR_CORRUPT);
}
