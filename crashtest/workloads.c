/* crashtest/workloads.c -- Small ones: most mistakes need few steps, and all that a crash may leave
 * of few steps can be looked at.  Records are of equal size, so that bytes of an earlier life stand
 * where a record would.
 */
#include "crashtest/workloads.h"

#include <string.h>

#define GO_ON                                                                                      \
    "create 0; append 0 1 durable; append 0 2 written; append 0 1 durable; truncate 0 end-1;"      \
    "append 0 1 durable; append 0 3 written"

const struct crashtest_workload crashtest_workloads[] = {
    {
        "append_and_roll",
        "durable appends over several segments",
        "open; create 0; 12*append 0 1 durable; close",
        GO_ON,
    },
    {
        "written_then_synced",
        "batches of one to three records, nobody waits, then all do",
        "open; create 0; 2*(append 0 1 written; append 0 2 written; append 0 3 written); sync;"
        "3*append 0 2 written; close",
        GO_ON,
    },
    {
        "several_unsynced_segments",
        "a round, an epoch and a cut come while two segments are not durable",
        "open; create 0; 4*append 0 3 written; append 0 3 durable; 2*append 0 3 written; epoch 0 4;"
        "4*append 0 3 written; truncate 0 24; 2*append 0 3 written; epoch 0 5; close",
        GO_ON,
    },
    {
        "truncate_and_append",
        "cuts within a segment and across segments, and other records in the same place",
        "open; create 0; 4*(append 0 3 written; append 0 3 durable); truncate 0 21;"
        "2*append 0 3 durable; truncate 0 18; 2*append 0 3 durable; truncate 0 9;"
        "2*append 0 3 durable; truncate 0 0; 2*append 0 3 durable; close",
        GO_ON,
    },
    {
        "truncate_under_readers",
        "a reader holds what is cut off: the rest goes into a new file",
        "pin; open; create 0; 3*(append 0 3 written; append 0 3 durable); truncate 0 10;"
        "append 0 3 durable; truncate 0 6; append 0 3 durable; truncate 0 2; append 0 3 durable;"
        "close",
        GO_ON,
    },
    {
        "trim_and_append",
        "the head is forgotten while the tail grows, and cut",
        "open; create 0; 5*append 0 2 durable; trim 0 9; 5*append 0 2 durable; trim 0 18;"
        "3*append 0 2 durable; truncate 0 20; append 0 2 durable; close",
        "create 0; append 0 1 durable; append 0 2 written; trim 0 end-3; append 0 1 durable",
    },
    {
        "reset_and_epochs",
        "leader epochs begin, with and without records, and the log starts anew",
        "open; create 0; append 0 2 written; append 0 2 durable; append 0 1 written; epoch 0 10;"
        "append 0 1 durable; append 0 2 written; epoch 0 20; append 0 1 durable; reset 0 200;"
        "append 0 2 durable; reset 0 4; append 0 1 durable; close",
        "create 0; append 0 1 durable; epoch 0 50; append 0 1 written; epoch 0 51;"
        "append 0 1 durable",
    },
    {
        "create_delete_create",
        "two logs; one is deleted and made again",
        "open; create 0; create 1; append 0 2 durable; append 1 2 durable; trim 0 1; delete 0;"
        "append 1 1 written; create 0; append 0 2 durable; append 1 2 durable; delete 0; create 0;"
        "append 0 1 durable; close",
        "create 0; create 1; append 0 1 durable; append 1 1 durable; delete 0; create 0;"
        "append 0 1 durable",
    },
    {
        "reopen_often",
        "closed and opened again, with a cut between",
        "open; create 0; append 0 1 written; append 0 1 durable; close;"
        "open; create 0; append 0 1 written; append 0 1 durable; append 0 1 written; truncate 0 4;"
        "close; open; create 0; append 0 1 durable; close",
        GO_ON "; close; open; create 0; append 0 1 durable",
    },
    {
        "checkpoints",
        "Kafka's files are replaced while the log grows, is cut and trimmed",
        "open; create 0; append 0 2 durable; checkpoint; append 0 2 durable; trim 0 2; checkpoint;"
        "truncate 0 3; append 0 2 written; run 6000; append 0 1 durable; close",
        GO_ON "; checkpoint",
    },
    {
        "follow_a_leader",
        "epochs and gaps as a leader sends them, within segments and between them; cuts into both",
        "open; replicate 0; follow 0 0 2 1 durable; follow 0 0 2 1 written;"
        "follow 0 3 2 1 durable; follow 0 0 2 2 written; follow 0 2 2 3 written; truncate 0 10;"
        "follow 0 1 2 4 durable; truncate 0 6; follow 0 0 2 5 durable; trim 0 3; close",
        "replicate 0; follow 0 0 1 60 durable; follow 0 2 2 60 written; follow 0 0 1 61 durable",
    },
    {
        "after_a_broker",
        "a Kafka broker has had the directory: what was known of it is not true any more",
        "open; create 0; 6*append 0 3 durable; close; broker 0; open; create 0;"
        "append 0 3 durable; truncate 0 4; append 0 3 durable; close",
        GO_ON,
    },
    {
        "zeros_in_front",
        "space is prepared with zeros: rolls to prepared files, cuts into prepared segments",
        "prepare zero; open; create 0; 3*(append 0 1 written; run 0; append 0 2 durable; run 0);"
        "truncate 0 end-1; append 0 2 durable; run 0; truncate 0 5; append 0 1 written; run 0;"
        "append 0 2 durable; run 0; run 11000; append 0 1 durable; close",
        GO_ON "; run 0; append 0 1 durable",
    },
    {
        "blocks_in_front",
        "space is prepared by allocating blocks",
        "prepare reserve; open; create 0; 3*(append 0 1 written; run 0; append 0 2 durable; run 0);"
        "truncate 0 5; append 0 2 durable; run 0; trim 0 4; run 11000; append 0 1 durable; close",
        GO_ON "; run 0; append 0 1 durable",
    },
    {
        "zeros_and_gaps",
        "what is only written reaches over prepared segments; a follower's gaps end them",
        "prepare zero; open; replicate 0; 2*(follow 0 0 2 2 written; run 0); follow 0 0 2 2 "
        "durable;"
        "run 0; follow 0 3 2 2 written; run 0; follow 0 0 2 3 written; run 0;"
        "follow 0 2 2 3 durable; run 0; close",
        "replicate 0; follow 0 0 1 60 durable; run 0; follow 0 2 2 60 written; run 0;"
        "follow 0 0 1 61 durable",
    },
    {
        "torn_batches",
        "batches that reach over sectors and pages; the header of one lies across two sectors",
        "segment 8192; open; create 0; 2*append 0 4 written; append 0 3 written;"
        "2*append 0 3 durable; append 0 16 written; append 0 16 durable; append 0 16 durable; "
        "close",
        "create 0; append 0 3 written; append 0 1 durable",
    },
    {
        "indexed_then_cut",
        "what the index has taken is cut off, and other records follow",
        "open; create 0; 4*append 0 3 durable; close; open; create 0; truncate 0 5;"
        "3*append 0 3 written; append 0 2 durable; close",
        "create 0; append 0 1 written; append 0 1 durable",
    },
    {
        "trimmed_epochs",
        "an epoch is forgotten with the segments that it began in",
        "open; create 0; 2*append 0 3 durable; epoch 0 4; 2*append 0 3 durable; trim 0 9; close",
        "create 0; append 0 1 durable",
    },
    {
        "truncated_epochs",
        "an epoch that began is the newest still when its records are cut off",
        "open; create 0; 2*append 0 3 durable; epoch 0 4; append 0 3 durable; truncate 0 4;"
        "append 0 1 durable; close",
        "create 0; append 0 1 durable",
    },
    {
        "gap_at_a_roll",
        "a leader's gap lies between segments, and the one in front of it was prepared",
        "prepare zero; open; replicate 0; follow 0 0 2 2 written; run 0; follow 0 0 2 2 durable;"
        "run 0; follow 0 3 2 2 durable; close",
        "replicate 0; follow 0 0 1 60 durable",
    },
    {
        "reset_after_a_broker",
        "a Kafka broker has left indexes beside all segments, and the log starts anew",
        "open; create 0; 4*append 0 3 durable; close; broker 0; open; create 0; reset 0 20;"
        "append 0 1 durable; close",
        "create 0; append 0 1 durable",
    },
    {
        "created_again",
        "a log is created under the name of one of which Kafka's files still tell",
        "open; create 0; append 0 2 durable; trim 0 2; checkpoint; delete 0; create 0;"
        "2*append 0 2 durable; close",
        "create 0; append 0 1 durable",
    },
    {
        "uneven_batches",
        "what does not fit any more is followed by what does",
        "open; create 0; 2*append 0 4 durable; append 0 1 durable; append 0 4 durable; close",
        "create 0; append 0 4 written; append 0 1 durable",
    },
    {
        "broker_and_back",
        "a Kafka broker has had the directory, and it is opened again; nothing else",
        "open; create 0; 4*append 0 3 durable; close; broker 0; open; create 0; close",
        "create 0; append 0 1 durable",
    },
    {
        "two_logs",
        "commit rounds of two logs, compressed, and read without maps",
        "codec lz4; copy; open; create 0; create 1; 2*(append 0 2 written; append 1 2 durable;"
        "append 0 1 durable; append 1 1 written); run 250; append 1 2 written; sync; close",
        "create 0; create 1; append 0 1 written; append 1 1 durable; append 0 1 durable",
    },
    {
        "full_then_written",
        "a prepared segment gets its exact size at the roll; the last batch is only written",
        "open; create 0; append 0 5 durable; run 0; append 0 3 durable; append 0 2 written",
        "create 0; append 0 1 durable",
    },
    {
        "new_epoch",
        "behind the crash three appends follow in a new epoch, where others may have stood",
        "open; create 0; append 0 1 durable; 4*append 0 1 written",
        "create 0; epoch 0 7; 3*append 0 1 durable",
    },
    {
        "gap_behind_a_cut",
        "recovery cuts a segment, and a leader's gap follows where it was cut",
        "segment 140; open; replicate 0; follow 0 0 1 1 durable; follow 0 0 1 2 durable;"
        "truncate 0 1",
        "replicate 0; follow 0 0 1 60 written; follow 0 2 1 61 durable",
    },
    {
        "gap_after_a_reset",
        "a reset was interrupted, and a leader's gap follows",
        "open; replicate 0; follow 0 1 2 1 durable; reset 0 8",
        "replicate 0; follow 0 1 1 70 written",
    },
    {
        "prepared_then_reset",
        "a log with a prepared file starts anew",
        "segment 700; open; replicate 0; 4*follow 0 0 4 1 durable; run 1100; reset 0 8;"
        "follow 0 0 3 4 durable; run 1100",
        "replicate 0; follow 0 0 1 60 durable",
    },
    {
        "indexed",
        "segments with many batches; the index hears of a cut, a trim and a deletion",
        "segment 9000; open; create 0; create 1; 3*append 1 16 durable; 12*append 0 16 durable;"
        "close; open; create 0; create 1; run 1100; truncate 0 130; 3*append 0 16 durable;"
        "delete 1; run 1100; trim 0 100; run 1100; append 0 1 durable; close",
        "create 0; append 0 1 durable; run 1100; append 0 2 durable",
    },
};

const size_t crashtest_workload_count = sizeof crashtest_workloads / sizeof *crashtest_workloads;

const struct crashtest_workload *
crashtest_workload_find(const char *name)
{
    for (size_t i = 0; i < crashtest_workload_count; i++)
        if (strcmp(crashtest_workloads[i].name, name) == 0)
            return &crashtest_workloads[i];
    return NULL;
}
