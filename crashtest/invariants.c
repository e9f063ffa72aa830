/* crashtest/invariants.c -- Names and sentences of what must hold.
 *
 * What is said of batches, checkpoints and gaps is meant for Kafka's formats: a batch's CRC covers
 * less than the batch, the text files carry no CRC, and offsets may be missing where a leader said
 * so.
 */
#include "crashtest/invariants.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"

static const struct {
    const char *name;
    const char *sentence;
} INVARIANTS[] = {
    [CRASHTEST_ACKNOWLEDGED_PRESENT] =
        {"acknowledged_present",
         "Every record acknowledged as durable is there, with the same bytes."},
    [CRASHTEST_OFFSETS_CONTIGUOUS] =
        {"offsets_contiguous",
         "Offsets run from the log start without holes, but for gaps that a leader declared."},
    [CRASHTEST_OFFSETS_UNIQUE] = {"offsets_unique", "No offset is there twice."},
    [CRASHTEST_NOTHING_INVENTED] = {"nothing_invented",
                                    "Nothing is there that was never appended."},
    [CRASHTEST_NOTHING_REVIVED] =
        {"nothing_revived",
         "Nothing comes back that a truncation, a trim, a reset, a deletion or an "
         "earlier recovery has removed."},
    [CRASHTEST_PREFIX_KEPT] =
        {"prefix_kept",
         "What survives is a prefix of what was appended: no record is there behind a lost one."},
    [CRASHTEST_BATCHES_VALID] =
        {"batches_valid",
         "Every batch has a right CRC and header, and agrees with its neighbours and the epochs."},
    [CRASHTEST_BATCHES_WHOLE] = {"batches_whole", "A batch is there as a whole or not at all."},
    [CRASHTEST_SEGMENTS_ADJOIN] =
        {"segments_adjoin",
         "Each segment begins where its name says, at or above the end of the one before it."},
    [CRASHTEST_ONLY_TAIL_TORN] =
        {"only_tail_torn",
         "Only what was not yet durable is cut off as torn; a log is never found to be damaged."},
    [CRASHTEST_EPOCHS_ASCEND] = {"epochs_ascend",
                                 "Leader epochs, and the offsets where they start, only ascend."},
    [CRASHTEST_EPOCHS_AGREE] =
        {"epochs_agree",
         "The epoch file agrees with the batches, and has nothing beyond the log end."},
    [CRASHTEST_TRUNCATION_EXACT] = {"truncation_exact",
                                    "A truncation removes what it was to remove, nothing below, "
                                    "and survives once it returned."},
    [CRASHTEST_POSITIONS_ORDERED] =
        {"positions_ordered",
         "Log start <= high watermark <= durable end <= log end, each where it was promised."},
    [CRASHTEST_DURABLE_END_KEPT] =
        {"durable_end_kept", "The durable end never goes back behind what was acknowledged."},
    [CRASHTEST_CHECKPOINTS_TRUE] =
        {"checkpoints_true",
         "Checkpoints can be read, have the right version and count, and tell what was so at some "
         "time and still holds."},
    [CRASHTEST_NO_TORN_FILE] =
        {"no_torn_file",
         "No file is torn under its final name; files left half written are removed or ignored."},
    [CRASHTEST_INDEX_TRUE] =
        {"index_true", "The index opens or is made anew, and then equals one made from nothing."},
    [CRASHTEST_LOOKUPS_EXACT] =
        {"lookups_exact", "Looking up an offset or a time gives what a scan of all batches gives."},
    [CRASHTEST_RECOVERY_IDEMPOTENT] =
        {"recovery_idempotent", "A second recovery changes no byte and finds the same positions."},
    [CRASHTEST_RECOVERY_REPEATABLE] =
        {"recovery_repeatable",
         "A recovery that was interrupted anywhere, done again, ends as it should."},
    [CRASHTEST_SERVED_IS_DURABLE] =
        {"served_is_durable", "What a recovery serves is durable: another crash takes none of it."},
    [CRASHTEST_WORK_GOES_ON] =
        {"work_goes_on",
         "Appending, syncing, rolling, cutting and reading work after a recovery, from the log end "
         "on."},
    [CRASHTEST_NOTHING_BEHIND_END] =
        {"nothing_behind_end",
         "Behind the log end there are zeros or bytes that no reader takes for a batch."},
    [CRASHTEST_READERS_BOUNDED] = {"readers_bounded",
                                   "No reader sees anything at or above the log end."},
    [CRASHTEST_PRODUCERS_REPLAYED] =
        {"producers_replayed",
         "State of idempotent producers equals a replay of the log.  Not kept yet: nothing to "
         "compare."},
    [CRASHTEST_CLEAN_MARKER_TRUE] =
        {"clean_marker_true",
         "The mark of a clean close is there only when all was closed, and goes before the first "
         "write."},
    [CRASHTEST_RECOVERY_BOUNDED] =
        {"recovery_bounded",
         "A recovery reads and rewrites no more than the segments that it did not know to be "
         "durable; after a clean close, nothing."},
    [CRASHTEST_FULL_DISK_OPENS] =
        {"full_disk_opens",
         "With no room on the disk the engine opens, reads all that was acknowledged, refuses what "
         "has no room, and goes on once there is some."},
    [CRASHTEST_FAILED_SYNC_LATCHES] =
        {"failed_sync_latches",
         "After a failed sync a log acknowledges nothing until it has been opened again."},
    [CRASHTEST_ONE_WRITER] =
        {"one_writer", "A second writer is refused, and the lock of a process that died is free."},
    [CRASHTEST_DETERMINISTIC] = {"deterministic", "Equal disks give equal results: looking first, "
                                                  "read-only, tells what recovery then does."},
};

static_assert(sizeof INVARIANTS / sizeof INVARIANTS[0] == CRASHTEST_INVARIANT_END,
              "each invariant has a name");

const char *
crashtest_invariant_name(enum crashtest_invariant invariant)
{
    strand_assert(invariant >= CRASHTEST_ACKNOWLEDGED_PRESENT &&
                  invariant < CRASHTEST_INVARIANT_END);
    return INVARIANTS[invariant].name;
}

const char *
crashtest_invariant_sentence(enum crashtest_invariant invariant)
{
    strand_assert(invariant >= CRASHTEST_ACKNOWLEDGED_PRESENT &&
                  invariant < CRASHTEST_INVARIANT_END);
    return INVARIANTS[invariant].sentence;
}

enum crashtest_invariant
crashtest_invariant_find(const char *name)
{
    enum crashtest_invariant invariant = CRASHTEST_ACKNOWLEDGED_PRESENT;

    while (invariant < CRASHTEST_INVARIANT_END && strcmp(INVARIANTS[invariant].name, name) != 0)
        invariant++;
    return invariant < CRASHTEST_INVARIANT_END ? invariant : (enum crashtest_invariant)0;
}
