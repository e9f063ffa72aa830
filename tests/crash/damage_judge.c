/* tests/crash/damage_judge.c -- Is what a damaged directory answered true, told, or listed?
 *
 * A record that is not served was told to be damaged, or lay above the durable end and was cut with
 * a report.  Everything else that is different from the undamaged answer must have been told, too:
 * by the verdict, by the state of the log, by a warning.  What is different and was not told is
 * legal only where a line of the list below says that no evidence can show it.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "crash/damage_sweep.h"
#include "storage/batch_format.h"

enum difference {
    RECORD_EPOCH = 1, /* a record is served with another leader epoch */
    EPOCHS = 2,
    LOG_START = 4,
    WATERMARK = 8,
    TIME = 16, /* another record is found for a time */
    LOG_END = 32,
    HOLE = 64, /* told by a read, as the next by the report */
    TAIL = 128,
    NO_TRACE = 256, /* nothing is left of records above the durable end */
    STRANGER = 512, /* a record is served that was not appended there; the next: by a log that */
    TOLD_STRANGER = 1024, /* is quarantined or was salvaged */
    NEIGHBOUR = 2048,     /* a batch that is whole is told to be damaged, too */
};

static const char *const difference_names[] = {
    "epoch of a record", "epochs",    "log start", "watermark", "time",
    "log end",           "hole",      "tail",      "no trace",  "stranger",
    "told stranger",     "neighbour",
};

/* What no telling makes good. */
enum { NEVER_TOLD = RECORD_EPOCH | NO_TRACE | STRANGER | TOLD_STRANGER | NEIGHBOUR };

/* ---- What no evidence can catch ---- */

struct line {
    const char *name;
    const char *example;
    unsigned endings; /* 1 << enum sweep_ending */
    const char *path; /* ends in it */
    unsigned kinds;   /* 1 << enum sweep_kind */
    int from, to;     /* bytes of a batch; 0, 0: anywhere in the file */
    unsigned differences;
};

enum {
    ALL = 7,
    KILLED = 1 << SWEEP_KILLED,
    BIT = 1 << SWEEP_BIT,
    MISPLACED = 1 << SWEEP_MISPLACED_512 | 1 << SWEEP_MISPLACED_4096,
    STALE = 1 << SWEEP_STALE | 1 << SWEEP_STALE_512 | 1 << SWEEP_STALE_4096,
    ZERO = 1 << SWEEP_ZERO_512 | 1 << SWEEP_ZERO_4096,
    LENGTH = 1 << SWEEP_LENGTH,
    CUTS = LENGTH | 1 << SWEEP_REMOVED | 1 << SWEEP_STALE | ZERO,
};

/* The first that fits counts. */
static const struct line lines[] = {
    {"leader epoch of a batch that recovery does not read: outside the CRC",
     "closed orders-0/00000000000000000008.log bit 103", ALL, ".log", BIT,
     STRAND_BATCH_LEADER_EPOCH, STRAND_BATCH_MAGIC, RECORD_EPOCH},
    {"base offset or length of a batch, with nothing behind it to contradict: outside the CRC",
     "cut orders-0/00000000000000000012.log bit 2544", ALL, ".log", BIT, STRAND_BATCH_BASE_OFFSET,
     STRAND_BATCH_LEADER_EPOCH, TOLD_STRANGER | NEIGHBOUR},
    {"batches of another log, or of another place, whose offsets fit",
     "closed orders-0/00000000000000000012.log misplaced-512 2", ALL, ".log", MISPLACED, 0, 0,
     RECORD_EPOCH | STRANGER | TOLD_STRANGER | NEIGHBOUR},
    {"records above the durable end that are gone to the last byte",
     "killed orders-0/00000000000000000026.log length 0", KILLED, ".log", CUTS, 0, 0,
     LOG_END | NO_TRACE},
    {"epoch history with other numbers, which ascend",
     "closed orders-0/leader-epoch-checkpoint bit 33", ALL, "leader-epoch-checkpoint", BIT, 0, 0,
     EPOCHS},
    {"epoch history that ends inside its last number",
     "closed events-1/leader-epoch-checkpoint length 11", ALL, "leader-epoch-checkpoint", LENGTH, 0,
     0, EPOCHS},
    {"epoch history of another log", "closed orders-0/leader-epoch-checkpoint misplaced-512 3", ALL,
     "leader-epoch-checkpoint", MISPLACED, 0, 0, EPOCHS},
    {"epoch history that the batches contradict: which of the two is damaged",
     "cut orders-0/leader-epoch-checkpoint stale 0", ALL, "leader-epoch-checkpoint", BIT | STALE, 0,
     0, NEIGHBOUR},
    {"slot of the frontier as it was earlier", "closed strandline.frontier stale 0", ALL,
     "strandline.frontier", STALE, 0, 0, EPOCHS | LOG_START | WATERMARK | TIME},
};

const char *
sweep_list_name(size_t line)
{
    return line < sizeof lines / sizeof *lines ? lines[line].name : NULL;
}

const char *
sweep_list_example(size_t line)
{
    return lines[line].example;
}

static bool
ends_in(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* The damaged byte lies at [FROM, TO) of a batch. */
static bool
is_in_field(const struct sweep_damage *damage, int from, int to)
{
    for (size_t i = 0; i < damage->reference->batch_count; i++) {
        const struct sweep_batch *batch = &damage->reference->batches[i];
        int64_t at = damage->position / 8 - batch->position;

        if (batch->file == damage->file && at >= from && at < to)
            return true;
    }
    return false;
}

static bool
is_listed(const struct sweep_damage *damage, unsigned differences, size_t *out_line)
{
    const struct sweep_file *file = &damage->reference->files[damage->file];

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct line *line = &lines[i];
        bool has_field = line->to > 0;

        if ((line->endings & 1U << damage->reference->ending) != 0 &&
            ends_in(file->path, line->path) && (line->kinds & 1U << damage->kind) != 0 &&
            (differences & ~line->differences) == 0 &&
            (!has_field ||
             (damage->kind == SWEEP_BIT && is_in_field(damage, line->from, line->to)))) {
            *out_line = i;
            return true;
        }
    }
    return false;
}

/* ---- One log ---- */

struct judging {
    const struct sweep_damage *damage;
    const struct sweep_content *content;
    const struct sweep_opening *opening;
    const struct sweep_answers *good;
    struct sweep_answers *answers;
    struct strand_sim_disk *disk;
};

static bool
was_cut(const struct sweep_log_answers *found, int64_t offset)
{
    bool is_cut = found->verdict == STRAND_VERDICT_TORN || found->verdict == STRAND_VERDICT_SUSPECT;

    return is_cut && found->cut_first >= 0 && offset >= found->cut_first;
}

static unsigned
compare_records(const struct judging *judging, int log)
{
    const struct sweep_log_answers *found = &judging->answers->logs[log];
    const struct sweep_log *expected = &judging->damage->reference->logs[log];
    unsigned differences = 0;

    if (found->stranger[0] != '\0')
        differences |= found->verdict < STRAND_VERDICT_CORRUPT ? STRANGER : TOLD_STRANGER;
    for (int64_t offset = 0; offset < expected->end; offset++) {
        bool is_durable = offset < expected->durable_end;

        if (found->served[offset] == SWEEP_OTHER_EPOCH)
            differences |= RECORD_EPOCH;
        if (offset < expected->start && found->served[offset] != SWEEP_ABSENT)
            differences |= LOG_START;
        if (offset < expected->start || found->served[offset] != SWEEP_ABSENT)
            continue;
        if (found->is_told[offset] || found->state == STRAND_LOG_FAILED)
            differences |= HOLE;
        else if ((!is_durable && was_cut(found, offset)) ||
                 found->verdict == STRAND_VERDICT_SALVAGED)
            differences |= TAIL;
        else if (!is_durable)
            differences |= NO_TRACE;
        else
            sweep_violate(judging->answers, "%s: offset %" PRId64 " is missing, untold",
                          SWEEP_TOPICS[log], offset);
    }
    return differences;
}

static unsigned
compare_times(const struct sweep_log_answers *found, const struct sweep_log_answers *good)
{
    for (int64_t offset = 0; offset < SWEEP_OFFSETS; offset++) {
        int64_t expected = good->at_time[offset];
        bool is_there =
            expected < 0 || expected >= SWEEP_OFFSETS || found->served[expected] != SWEEP_ABSENT;

        if (found->at_time[offset] != expected && found->at_time[offset] != STRAND_ERR_CORRUPT &&
            is_there)
            return TIME;
    }
    return 0;
}

static bool
have_same_epochs(const struct sweep_log_answers *a, const struct sweep_log_answers *b)
{
    bool are_same = a->epoch_count == b->epoch_count;

    for (size_t i = 0; are_same && i < a->epoch_count && i < SWEEP_EPOCHS; i++)
        are_same = a->epochs[i].epoch == b->epochs[i].epoch &&
                   a->epochs[i].start_offset == b->epochs[i].start_offset;
    return are_same;
}

static unsigned
compare_positions(const struct judging *judging, int log)
{
    const struct sweep_log_answers *found = &judging->answers->logs[log];
    const struct sweep_log_answers *good = &judging->good->logs[log];
    const struct strand_positions *a = &found->positions;
    const struct strand_positions *b = &good->positions;
    int64_t durable_end = judging->damage->reference->logs[log].durable_end;
    unsigned differences = 0;

    if (!found->is_open)
        return HOLE;
    if (found->state == STRAND_LOG_HEALTHY && a->log_end < durable_end)
        sweep_violate(judging->answers,
                      "%s: healthy, and ends at %" PRId64 ", below the durable end %" PRId64,
                      SWEEP_TOPICS[log], a->log_end, durable_end);
    if (a->log_start != b->log_start)
        differences |= LOG_START;
    if (a->log_end != b->log_end)
        differences |= LOG_END;
    else if (a->high_watermark != b->high_watermark)
        differences |= WATERMARK;
    if (a->leader_epoch != b->leader_epoch || !have_same_epochs(found, good))
        differences |= EPOCHS;
    return differences;
}

static bool
is_told(const struct judging *judging, int log, unsigned differences)
{
    const struct sweep_log_answers *found = &judging->answers->logs[log];

    return found->state != STRAND_LOG_HEALTHY || found->verdict > STRAND_VERDICT_WHOLE ||
           judging->answers->notices[0] != '\0' || (differences & HOLE) != 0 ||
           ((differences & ~(unsigned)EPOCHS) == 0 && found->lost_epochs);
}

/* ---- Bytes ---- */

static bool
is_of_log(const struct sweep_file *file, int log)
{
    char directory[SWEEP_PATH];

    (void)snprintf(directory, sizeof directory, "%s-%d/", SWEEP_TOPICS[log], log);
    return strncmp(file->path, directory, strlen(directory)) == 0;
}

static const struct sweep_content *
damaged_content(const struct judging *judging, size_t file)
{
    return file == judging->damage->file ? judging->content
                                         : &judging->damage->reference->files[file].now;
}

static bool
is_unchanged(const struct judging *judging, size_t number)
{
    const struct sweep_file *file = &judging->damage->reference->files[number];
    const struct sweep_content *content = damaged_content(judging, number);
    char path[2 * SWEEP_PATH];
    int64_t size;

    (void)snprintf(path, sizeof path, SWEEP_DATA "/%s", file->path);
    const uint8_t *data = strand_sim_disk_content(judging->disk, path, &size);
    if (data == NULL || content->data == NULL)
        return data == NULL && content->data == NULL;
    return size == content->size && memcmp(data, content->data, (size_t)size) == 0;
}

/* What is corrupt is left as it is, and a reader leaves everything. */
static void
check_unchanged(const struct judging *judging)
{
    const struct sweep_reference *reference = judging->damage->reference;
    bool is_reader = (judging->opening->flags & STRAND_ENGINE_READ_ONLY) != 0;

    for (size_t i = 0; i < reference->file_count; i++) {
        bool must_stay = is_reader;

        for (int log = 0; log < SWEEP_LOGS; log++)
            must_stay |= judging->answers->logs[log].state == STRAND_LOG_QUARANTINED &&
                         is_of_log(&reference->files[i], log) &&
                         ends_in(reference->files[i].path, ".log");
        if (must_stay && !is_unchanged(judging, i))
            sweep_violate(judging->answers, "%s has changed", reference->files[i].path);
    }
}

/* SIZE bytes of DATA stand in a file of saved bytes of LOG. */
static bool
is_saved(const struct judging *judging, int log, const uint8_t *data, int64_t size)
{
    const struct strand_fs *fs = strand_sim_disk_fs(judging->disk);
    char directory[SWEEP_PATH];
    struct strand_names names = {0};
    bool is_found = false;

    (void)snprintf(directory, sizeof directory, SWEEP_DATA "/%s-%d", SWEEP_TOPICS[log], log);
    if (strand_path_list(fs, directory, &names) != STRAND_OK)
        return false;
    for (size_t i = 0; i < names.count && !is_found; i++) {
        char path[4 * SWEEP_PATH];
        int64_t saved_size;

        if (strncmp(names.names[i], "cut-", 4) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", directory, names.names[i]);
        const uint8_t *saved = strand_sim_disk_content(judging->disk, path, &saved_size);
        is_found = saved != NULL && memmem(saved, (size_t)saved_size, data, (size_t)size) != NULL;
    }
    strand_names_free(&names);
    return is_found;
}

/* A batch that stands where it stood is served, or saved; or at least it stands there still. */
static unsigned
check_intact(const struct judging *judging, const struct sweep_batch *batch)
{
    const struct sweep_reference *reference = judging->damage->reference;
    const struct sweep_log_answers *found = &judging->answers->logs[batch->log];
    const struct sweep_content *content = damaged_content(judging, batch->file);
    const uint8_t *data = reference->files[batch->file].now.data + batch->position;
    int64_t last = batch->end - 1;

    if (last < reference->logs[batch->log].start || found->served[last] != SWEEP_ABSENT ||
        found->state == STRAND_LOG_FAILED)
        return 0;
    if (content->data == NULL || content->size < batch->position + batch->size ||
        memcmp(content->data + batch->position, data, (size_t)batch->size) != 0)
        return 0;
    if ((judging->opening->flags & STRAND_ENGINE_READ_ONLY) == 0 &&
        is_saved(judging, batch->log, data, batch->size))
        return 0;
    if (found->is_told[last] && is_unchanged(judging, batch->file))
        return NEIGHBOUR;
    if ((judging->opening->flags & STRAND_ENGINE_READ_ONLY) == 0)
        sweep_violate(judging->answers,
                      "%s: the batch at offset %" PRId64
                      " is whole, and neither served, nor saved, nor there",
                      SWEEP_TOPICS[batch->log], batch->base);
    return 0;
}

/* ---- All together ---- */

static enum sweep_result
judge_refusal(const struct judging *judging)
{
    const char *path = judging->damage->reference->files[judging->damage->file].path;
    const char *slash = strrchr(path, '/');
    const char *sentence = judging->answers->sentence;
    char directory[SWEEP_PATH];

    (void)snprintf(directory, sizeof directory, "%.*s", (int)strcspn(path, "/"), path);
    if (strstr(sentence, slash != NULL ? directory : path) == NULL)
        sweep_violate(judging->answers, "the refusal does not name %s: %s", path, sentence);
    return judging->answers->violation[0] == '\0' ? SWEEP_DETECTED : SWEEP_WRONG;
}

static unsigned
judge_log(const struct judging *judging, int log)
{
    const struct sweep_log_answers *found = &judging->answers->logs[log];

    if (!found->is_listed) {
        sweep_violate(judging->answers, "%s is gone", SWEEP_TOPICS[log]);
        return 0;
    }
    unsigned differences = compare_records(judging, log) | compare_positions(judging, log);
    if (found->is_open)
        differences |= compare_times(found, &judging->good->logs[log]);
    return differences;
}

static void
violate_untold(const struct judging *judging, unsigned untold)
{
    char text[256] = "";

    for (size_t i = 0; i < sizeof difference_names / sizeof *difference_names; i++)
        if ((untold & 1U << i) != 0) {
            size_t used = strlen(text);

            (void)snprintf(text + used, sizeof text - used, "%s%s", used == 0 ? "" : ", ",
                           difference_names[i]);
        }
    sweep_violate(judging->answers, "what is different is neither told nor listed: %s", text);
}

/* A log whose directory is as it was answers as it did. */
static bool
is_neighbour(const struct sweep_damage *damage, int log)
{
    const struct sweep_file *file = &damage->reference->files[damage->file];

    return strchr(file->path, '/') != NULL && !is_of_log(file, log);
}

enum sweep_result
sweep_judge(const struct sweep_damage *damage, const struct sweep_content *content,
            const struct sweep_opening *opening, const struct sweep_answers *good,
            struct sweep_answers *answers, struct strand_sim_disk *disk, size_t *out_line)
{
    struct judging judging = {damage, content, opening, good, answers, disk};
    unsigned all = 0;
    unsigned untold = 0;

    if (answers->open_status != STRAND_OK)
        return judge_refusal(&judging);
    for (int log = 0; log < SWEEP_LOGS; log++) {
        unsigned differences = judge_log(&judging, log);

        if (differences != 0 && is_neighbour(damage, log))
            sweep_violate(judging.answers, "%s, which is not damaged, answers otherwise",
                          SWEEP_TOPICS[log]);
        all |= differences;
        untold |= is_told(&judging, log, differences) ? differences & NEVER_TOLD : differences;
    }
    check_unchanged(&judging);
    for (size_t i = 0; i < damage->reference->batch_count; i++)
        untold |= check_intact(&judging, &damage->reference->batches[i]);
    if (untold != 0 && !is_listed(damage, untold, out_line))
        violate_untold(&judging, untold);
    if (answers->violation[0] != '\0')
        return SWEEP_WRONG;
    if (untold != 0)
        return SWEEP_LISTED;
    return (all & TAIL) != 0 ? SWEEP_SAVED : all != 0 ? SWEEP_DETECTED : SWEEP_HARMLESS;
}

void
sweep_judge_again(const struct sweep_answers *first, struct sweep_answers *second)
{
    if (second->open_status != first->open_status)
        sweep_violate(second, "opened once more, the result is %d: %s", second->open_status,
                      second->sentence);
    for (int log = 0; log < SWEEP_LOGS && second->open_status == STRAND_OK; log++) {
        const struct sweep_log_answers *a = &first->logs[log];
        const struct sweep_log_answers *b = &second->logs[log];

        if (memcmp(a->served, b->served, sizeof a->served) != 0 || a->state != b->state ||
            a->positions.log_start != b->positions.log_start ||
            a->positions.log_end != b->positions.log_end || !have_same_epochs(a, b))
            sweep_violate(second, "opened once more, %s answers otherwise", SWEEP_TOPICS[log]);
    }
}
