/* crashtest/program.c -- The two functions that the kit calls. */
#include "crashtest/program.h"

#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "crashtest/images.h"
#include "crashtest/snapshot.h"

int
crashtest_program_init(struct crashtest_program *program, const struct crashtest_script *run,
                       const struct crashtest_script *go_on, enum crashtest_index index,
                       const char *ram_directory)
{
    memset(program, 0, sizeof *program);
    program->run = *run;
    program->go_on = *go_on;
    /* The second life has the settings of the first. */
    program->go_on.segment_bytes = run->segment_bytes;
    program->go_on.codec = run->codec;
    program->go_on.preparation = run->preparation;
    program->go_on.pins_cuts = run->pins_cuts;
    program->go_on.copies_reads = run->copies_reads;
    program->index = index;
    if (index != CRASHTEST_INDEX_MEMORY) {
        int status = crashtest_images_create(ram_directory, &program->images);

        if (status != STRAND_OK)
            return status;
    }
    strand_mutex_init(&program->lock);
    return STRAND_OK;
}

void
crashtest_program_deinit(struct crashtest_program *program)
{
    crashtest_images_destroy(program->images);
    strand_mutex_deinit(&program->lock);
}

/* ---- The run ---- */

struct run {
    struct crashtest_program *program;
    const char *directory; /* of the index */
    int status;            /* the first failure to keep an image */
};

static void
keep_image(void *context, const struct crashtest_driver *driver)
{
    struct run *run = context;

    if (run->status == STRAND_OK)
        run->status =
            crashtest_images_take(run->program->images, run->directory, driver->note_count);
}

static int
run_driver(const struct strand_fs *fs, struct crashtest_program *program,
           const struct crashtest_setting *setting)
{
    struct crashtest_driver driver;

    crashtest_driver_init(&driver, fs, &program->run, setting);
    int status = crashtest_driver_run(&driver, 0);
    if (status != STRAND_OK)
        (void)strand_crash_fail(fs, "%s", strand_error_message());
    crashtest_driver_abandon(&driver);
    return status;
}

static int
run_with_images(const struct strand_fs *fs, struct crashtest_program *program)
{
    struct run run = {.program = program};
    struct crashtest_setting setting = {.after_step = keep_image, .context = &run};

    run.status = crashtest_images_acquire(program->images, &run.directory);
    if (run.status != STRAND_OK)
        return strand_crash_fail(fs, "%s", strand_error_message());
    run.status = crashtest_images_begin(program->images, run.directory);
    setting.index_directory = run.directory;
    int status = run.status == STRAND_OK ? run_driver(fs, program, &setting) : run.status;
    if (run.status != STRAND_OK)
        status = strand_crash_fail(fs, "the index was not kept: %s", strand_error_message());
    crashtest_images_release(program->images, run.directory);
    return status;
}

static int
run(const struct strand_fs *fs, void *context)
{
    static const struct crashtest_setting MEMORY = {.index_directory = NULL};
    struct crashtest_program *program = context;

    return program->images == NULL ? run_driver(fs, program, &MEMORY)
                                   : run_with_images(fs, program);
}

/* ---- The check ---- */

static void
add_counts(struct crashtest_program *program, const struct crashtest_counts *counts)
{
    strand_mutex_lock(&program->lock);
    for (int i = 0; i < CRASHTEST_INVARIANT_END; i++)
        program->counts.asked[i] += counts->asked[i];
    strand_mutex_unlock(&program->lock);
}

static int
check_with(const struct strand_fs *fs, struct crashtest_program *program,
           const struct strand_crash_state *state, const struct crashtest_setting *setting)
{
    struct crashtest_check check = {
        .fs = fs, .state = state, .looks = program->looks, .go_on = &program->go_on};

    crashtest_driver_init(&check.driver, fs, &program->run, setting);
    bool is_right = crashtest_check_all(&check);
    add_counts(program, &check.counts);
    return is_right ? STRAND_OK : STRAND_ERR_CORRUPT;
}

/* The same for the same files: so that damage is of many kinds, and repeats. */
static uint64_t
seed_of(const struct strand_fs *fs)
{
    struct crashtest_snapshot files = {.files = NULL};
    uint64_t seed = 0;

    crashtest_snapshot_take(fs, CRASHTEST_DIRECTORY, &files);
    for (size_t i = 0; i < files.count; i++)
        seed = seed * 31 + files.files[i].crc;
    crashtest_snapshot_free(&files);
    return seed;
}

static int
check(const struct strand_fs *fs, void *context, const struct strand_crash_state *state)
{
    struct crashtest_program *program = context;
    struct crashtest_setting setting = {.index_directory = NULL};

    if (program->images == NULL)
        return check_with(fs, program, state, &setting);
    int status = crashtest_images_acquire(program->images, &setting.index_directory);
    if (status != STRAND_OK)
        return strand_crash_fail(fs, "%s", strand_error_message());
    status = crashtest_images_put(program->images, program->index, state->note_count, seed_of(fs),
                                  setting.index_directory);
    status = status == STRAND_OK ? check_with(fs, program, state, &setting)
                                 : strand_crash_fail(fs, "%s", strand_error_message());
    crashtest_images_release(program->images, setting.index_directory);
    return status;
}

struct strand_crash_program
crashtest_program_callbacks(struct crashtest_program *program)
{
    return (struct strand_crash_program){
        .struct_size = sizeof(struct strand_crash_program),
        .context = program,
        .run = run,
        .check = check,
    };
}
