/* examples/crash_user.c -- Does a counter in a file survive a power cut?
 *
 *     crash_user          0 violations
 *     crash_user hasty    the same program without one sync: prints what that leads to, exits 1
 *
 * The program under test is counter_write() and counter_read(): they do their I/O through the table
 * FS, which is strand_fs_posix() in earnest and the simulated disk here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <strandline/crash.h>

/* ---- The program ---- */

struct counter {
    bool is_hasty; /* the bug */
};

/* Replace the file: write a new one, sync it, give it the name, sync the directory. */
static int
counter_write(const struct counter *counter, const struct strand_fs *fs, uint64_t value)
{
    struct strand_fs_part part = {&value, sizeof value};
    struct strand_fs_file *file;

    int result = fs->open(fs->context, "/counter.new",
                          STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY, &file);
    if (result != 0)
        return result;
    if (fs->write_at(file, &part, 1, 0) != (int64_t)sizeof value)
        result = -1;
    if (result == 0 && !counter->is_hasty)
        result = fs->sync_data(file);
    (void)fs->close(file); /* what counts is synced */
    if (result == 0)
        result = fs->rename(fs->context, "/counter.new", "/counter");
    return result == 0 ? fs->sync_directory(fs->context, "/") : result;
}

/* -1: there is none, or not a whole one. */
static int64_t
counter_read(const struct strand_fs *fs)
{
    struct strand_fs_file *file;
    uint64_t value = 0;

    if (fs->open(fs->context, "/counter", 0, &file) != 0)
        return -1;
    int64_t size = fs->read_at(file, &value, sizeof value, 0);
    (void)fs->close(file); /* it was only read */
    return size == (int64_t)sizeof value ? (int64_t)value : -1;
}

/* ---- Its test ---- */

static int
run(const struct strand_fs *fs, void *context)
{
    for (uint64_t value = 1; value <= 5; value++) {
        int result = counter_write(context, fs, value);

        if (result != 0)
            return result;
        strand_crash_note(fs, value); /* from here on it must not be lost */
    }
    return 0;
}

static int
check(const struct strand_fs *fs, void *context, const struct strand_crash_state *state)
{
    int64_t noted = state->note_count == 0 ? -1 : (int64_t)state->notes[state->note_count - 1];
    int64_t found = counter_read(fs);

    (void)context;
    /* The next value may have come through, too: the power went before it could be noted. */
    if (found < noted || found > (noted < 0 ? 1 : noted + 1))
        return strand_crash_fail(fs, "the counter is %" PRId64 ", noted was %" PRId64, found,
                                 noted);
    return 0;
}

int
main(int argc, char **argv)
{
    struct counter counter = {argc > 1 && strcmp(argv[1], "hasty") == 0};
    struct strand_crash_program program = {sizeof program, &counter, run, check, NULL};
    struct strand_crash_options options = {.struct_size = sizeof options, .depth = 2};
    static struct strand_crash_result result;

    int status = strand_crash_explore(&program, &options, &result);
    printf("%" PRIu64 " states checked, %" PRIu64 " violations\n", result.unique_states,
           result.violations);
    if (status != STRAND_OK)
        printf("%s\n%sagain: %s\n", result.sentence, result.trace, result.replay);
    return status != STRAND_OK;
}
