/* tests/compat/kafka_checkpoints.c -- Our checkpoint files and our history of leader epochs, to be
 * held against Kafka's; class Checkpoints in tests/compat/kafka does and prints the same with its.
 *
 *     kafka_checkpoints write DIR COUNT SEED    random files in DIR/0, DIR/1, ...
 *     kafka_checkpoints read DIR COUNT          print them
 *     kafka_checkpoints orders COUNT SEED       lines to obey, at random
 *     kafka_checkpoints epochs                  obey the lines on standard input
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "recovery/checkpoint.h"
#include "recovery/leader_epoch.h"
#include "support/golden_batch.h"

enum { EXIT_USAGE = 64, ORDER_SIZE = 16, TOPIC_SIZE_MAX = 249 };

static const char *const OFFSET_FILES[] = {STRAND_RECOVERY_POINT_NAME, STRAND_LOG_START_NAME,
                                           STRAND_COMMITTED_NAME};
enum { OFFSET_FILE_COUNT = sizeof OFFSET_FILES / sizeof *OFFSET_FILES };

static uint64_t state;

static uint64_t
below(uint64_t limit)
{
    return golden_random(&state) % limit;
}

static void
require(int status)
{
    if (status == STRAND_OK)
        return;
    fprintf(stderr, "kafka_checkpoints: %s\n", strand_error_message());
    exit(1);
}

static void
format_directory(const char *base, int number, char directory[STRAND_PATH_SIZE_MAX])
{
    char name[16];

    (void)snprintf(name, sizeof name, "%d", number);
    require(strand_path_join(directory, base, name));
}

/* ---- Writing ---- */

static void
write_epochs(const char *directory)
{
    struct strand_leader_epochs epochs;
    int32_t epoch = (int32_t)below(3);
    int64_t offset = (int64_t)below(3);
    bool is_changed;

    strand_leader_epochs_init(&epochs);
    for (uint64_t count = below(20); count > 0; count--) {
        require(strand_leader_epochs_assign(&epochs, epoch, offset, &is_changed));
        epoch += 1 + (int32_t)below(UINT64_C(1) << below(26));
        offset += 1 + (int64_t)below(UINT64_C(1) << below(58));
    }
    if (below(4) == 0)
        require(strand_leader_epochs_assign(&epochs, INT32_MAX, INT64_MAX, &is_changed));
    require(strand_leader_epochs_store(strand_fs_posix(), directory, &epochs));
    strand_leader_epochs_deinit(&epochs);
}

static void
write_offsets(const char *directory, const char *name)
{
    static const char letters[] = "abcXYZ019._-";
    struct strand_checkpoint checkpoint;

    strand_checkpoint_init(&checkpoint);
    for (uint64_t count = below(30); count > 0; count--) {
        char topic[TOPIC_SIZE_MAX + 1] = "t";
        size_t size = 1 + below(count == 1 ? TOPIC_SIZE_MAX : 8);
        int64_t offset = below(9) == 0 ? INT64_MAX : (int64_t)below(UINT64_C(1) << below(62));

        for (size_t i = 1; i < size; i++)
            topic[i] = letters[below(sizeof letters - 1)];
        require(strand_checkpoint_set(&checkpoint, topic, (int32_t)below(UINT64_C(1) << below(31)),
                                      offset));
    }
    require(strand_checkpoint_store(strand_fs_posix(), directory, name, &checkpoint));
    strand_checkpoint_deinit(&checkpoint);
}

static void
write_all(const char *base, int count)
{
    for (int i = 0; i < count; i++) {
        char directory[STRAND_PATH_SIZE_MAX];

        format_directory(base, i, directory);
        require(strand_path_make_directory(strand_fs_posix(), directory));
        write_epochs(directory);
        for (int file = 0; file < OFFSET_FILE_COUNT; file++)
            write_offsets(directory, OFFSET_FILES[file]);
    }
}

/* ---- Reading ---- */

static void
print_offsets(const char *directory, const char *name)
{
    struct strand_checkpoint checkpoint;

    strand_checkpoint_init(&checkpoint);
    require(strand_checkpoint_load(strand_fs_posix(), directory, name, &checkpoint));
    for (size_t i = 0; i < checkpoint.count; i++)
        printf("%s %010" PRId32 " %" PRId64 "\n", checkpoint.entries[i].topic,
               checkpoint.entries[i].partition, checkpoint.entries[i].offset);
    strand_checkpoint_deinit(&checkpoint);
}

static void
read_all(const char *base, int count)
{
    for (int i = 0; i < count; i++) {
        struct strand_leader_epochs epochs;
        char directory[STRAND_PATH_SIZE_MAX];

        format_directory(base, i, directory);
        strand_leader_epochs_init(&epochs);
        require(strand_leader_epochs_load(strand_fs_posix(), directory, &epochs));
        printf("%d %s\n", i, STRAND_LEADER_EPOCH_NAME);
        for (size_t j = 0; j < epochs.count; j++)
            printf("%" PRId32 " %" PRId64 "\n", epochs.entries[j].epoch,
                   epochs.entries[j].start_offset);
        strand_leader_epochs_deinit(&epochs);
        for (int file = 0; file < OFFSET_FILE_COUNT; file++) {
            printf("%d %s\n", i, OFFSET_FILES[file]);
            print_offsets(directory, OFFSET_FILES[file]);
        }
    }
}

/* ---- The history ---- */

/* Small numbers, so that they meet; a new history now and then. */
static void
print_orders(int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t what = below(100);
        int epoch = (int)below(14);
        int offset = (int)below(40);

        if (what < 45)
            printf("assign %d %d\n", epoch, offset);
        else if (what < 65)
            printf("end %d %d\n", epoch - 1, offset + 40);
        else if (what < 80)
            printf("epoch %d 0\n", offset - 1);
        else if (what < 90)
            printf("cut-end %d 0\n", offset - 1);
        else if (what < 97)
            printf("cut-start %d 0\n", offset - 1);
        else
            printf("clear 0 0\n");
    }
}

static void
obey(struct strand_leader_epochs *epochs, const char *what, int64_t first, int64_t second)
{
    bool is_changed;
    int32_t epoch = -1;
    int64_t end_offset = -1;

    if (strcmp(what, "end") == 0) {
        strand_leader_epochs_end_offset(epochs, (int32_t)first, second, &epoch, &end_offset);
        printf("%" PRId32 ",%" PRId64, epoch, end_offset);
        return;
    }
    if (strcmp(what, "epoch") == 0) {
        printf("%" PRId32, strand_leader_epochs_for_offset(epochs, first));
        return;
    }
    if (strcmp(what, "assign") == 0)
        require(strand_leader_epochs_assign(epochs, (int32_t)first, second, &is_changed));
    else if (strcmp(what, "cut-end") == 0)
        (void)strand_leader_epochs_cut_from_end(epochs, first, false);
    else if (strcmp(what, "cut-start") == 0)
        (void)strand_leader_epochs_cut_from_start(epochs, first);
    else
        strand_leader_epochs_deinit(epochs);
    printf("%" PRId32, strand_leader_epochs_newest(epochs));
}

static void
obey_all(void)
{
    struct strand_leader_epochs epochs;
    char what[ORDER_SIZE];
    int64_t first, second;

    strand_leader_epochs_init(&epochs);
    while (scanf("%15s %" SCNd64 " %" SCNd64, what, &first, &second) == 3) {
        obey(&epochs, what, first, second);
        for (size_t i = 0; i < epochs.count; i++)
            printf(" %" PRId32 "@%" PRId64, epochs.entries[i].epoch,
                   epochs.entries[i].start_offset);
        printf("\n");
    }
    strand_leader_epochs_deinit(&epochs);
}

int
main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";

    if (strcmp(what, "write") == 0 && count == 5) {
        state = strtoull(arguments[4], NULL, 10) + 1;
        write_all(arguments[2], atoi(arguments[3]));
    } else if (strcmp(what, "read") == 0 && count == 4) {
        read_all(arguments[2], atoi(arguments[3]));
    } else if (strcmp(what, "orders") == 0 && count == 4) {
        state = strtoull(arguments[3], NULL, 10) + 1;
        print_orders(atoi(arguments[2]));
    } else if (strcmp(what, "epochs") == 0 && count == 2) {
        obey_all();
    } else {
        fprintf(stderr, "usage: kafka_checkpoints write DIR COUNT SEED | read DIR COUNT | "
                        "orders COUNT SEED | epochs\n");
        return EXIT_USAGE;
    }
    return 0;
}
