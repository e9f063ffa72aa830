/* simulation/crash_attempt.c -- A disk for each attempt, and the verdict on what came of it. */
#include "simulation/crash_attempt.h"

#include <errno.h>
#include <stdio.h>

#include "base/assert.h"
#include "simulation/crash_load.h"
#include "simulation/sim_disk_internal.h"

static void
plan_fault(struct strand_sim_disk *disk, const struct strand_crash_planned *planned)
{
    uint32_t is_io = STRAND_CRASH_FAULT_IO | STRAND_CRASH_FAULT_IO_STICKY;
    uint32_t is_sticky = STRAND_CRASH_FAULT_IO_STICKY | STRAND_CRASH_FAULT_NO_SPACE_STICKY;

    if (planned->fault != 0)
        strand_sim_disk_plan_fault(disk, planned->call,
                                   (planned->fault & is_io) != 0 ? EIO : ENOSPC,
                                   (planned->fault & is_sticky) != 0);
}

/* A sentence counts as much as a result: whoever says what is wrong may forget to return it. */
static bool
judge(const struct strand_sim_disk *disk, const char *function, int result,
      char out_sentence[STRAND_CRASH_SENTENCE_SIZE])
{
    if (result == 0 && disk->sentence == NULL)
        return true;
    if (disk->sentence != NULL)
        (void)snprintf(out_sentence, STRAND_CRASH_SENTENCE_SIZE, "%s", disk->sentence);
    else
        (void)snprintf(out_sentence, STRAND_CRASH_SENTENCE_SIZE,
                       "%s returned %d and gave no sentence", function, result); /* it fits */
    return false;
}

bool
strand_crash_attempt_run(const struct strand_crash_setup *setup,
                         const struct strand_crash_planned *planned,
                         struct strand_sim_record *record, bool *out_is_struck,
                         char out_sentence[STRAND_CRASH_SENTENCE_SIZE])
{
    struct strand_sim_disk_options options = setup->disk;
    struct strand_sim_disk *disk = NULL;

    options.no_trace = false;
    strand_sim_record_clear(record, STRAND_SIM_ROOT_NUMBER);
    int status = strand_sim_disk_create(&options, &disk);
    strand_assert(status == STRAND_OK);
    plan_fault(disk, planned);
    strand_sim_disk_record(disk, record);
    int result = setup->program.run(strand_sim_disk_fs(disk), setup->program.context);
    strand_sim_disk_record(disk, NULL);

    bool is_struck = planned->fault != 0 && strand_sim_disk_calls(disk) >= planned->call;
    bool is_well = judge(disk, "run", result, out_sentence);
    if (out_is_struck != NULL)
        *out_is_struck = is_struck;
    strand_sim_disk_destroy(disk);
    return is_well || is_struck; /* what could not be done may be said */
}

bool
strand_crash_attempt_check(const struct strand_crash_setup *setup,
                           const struct strand_crash_past *past, bool goes_on, bool has_texts,
                           struct strand_sim_record *record,
                           char out_sentence[STRAND_CRASH_SENTENCE_SIZE])
{
    const struct strand_crash_program *program = &setup->program;
    struct strand_sim_disk_options options = setup->disk;

    options.no_trace = !has_texts;
    struct strand_sim_disk *disk =
        strand_crash_load(past->image, &options, past->boots, past->lives);
    const struct strand_fs *fs = strand_sim_disk_fs(disk);
    if (record != NULL)
        strand_sim_record_clear(record, past->image->inode_count);
    strand_sim_disk_record(disk, record);
    bool is_well =
        judge(disk, "check", program->check(fs, program->context, &past->state), out_sentence);
    if (is_well && goes_on && program->go_on != NULL)
        is_well =
            judge(disk, "go_on", program->go_on(fs, program->context, &past->state), out_sentence);
    strand_sim_disk_record(disk, NULL);
    strand_sim_disk_destroy(disk);
    return is_well;
}
