/* engine/data_directory.c -- Classify first, lock second, look again under the lock, then change.
 */
#include "engine/data_directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/format_file.h"
#include "recovery/checkpoint.h"
#include "recovery/frontier.h"
#include "storage/topic_name.h"
#include "strandline/engine.h"

enum { LOCK_TEXT_SIZE_MAX = 256 };

enum owner { OWNER_NOBODY, OWNER_STRANDLINE, OWNER_KAFKA, OWNER_STRANGER };

struct contents {
    enum owner owner;
    bool has_format;
    bool has_kafka_clean;
    bool has_takeover;
    char example[STRAND_FILE_NAME_SIZE_MAX]; /* of what is neither ours nor Kafka's */
};

/* ---- Whose it is ---- */

static bool
is_kafkas_file(const char *name)
{
    static const char *const names[] = {
        "meta.properties",      STRAND_KAFKA_CLEAN_NAME, STRAND_RECOVERY_POINT_NAME,
        STRAND_LOG_START_NAME,  STRAND_COMMITTED_NAME,   "cleaner-offset-checkpoint",
        "bootstrap.checkpoint",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* A partition holds segments; a directory that is merely named like one does not make it Kafka's.
 */
static int
holds_segments(const struct strand_fs *fs, const char *directory, const char *name, bool *out_holds)
{
    char path[STRAND_PATH_SIZE_MAX];
    struct strand_names names = {0};
    int64_t base_offset;
    int kind = 0;

    *out_holds = false;
    int status = strand_path_join(path, directory, name);
    if (status == STRAND_OK)
        status = strand_path_kind(fs, path, &kind);
    if (status != STRAND_OK || kind != STRAND_FS_DIRECTORY)
        return status;
    status = strand_path_list(fs, path, &names);
    for (size_t i = 0; i < names.count && !*out_holds; i++)
        *out_holds = strand_segment_name_parse(names.names[i], &base_offset);
    strand_names_free(&names);
    /* One that cannot be read is no evidence; beside other evidence it is a log that has failed. */
    return status == STRAND_ERR_PERMISSION || status == STRAND_ERR_IO ? STRAND_OK : status;
}

static int
classify_name(const struct strand_fs *fs, const char *directory, const char *name,
              struct contents *contents, bool *out_is_partition)
{
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1];
    int32_t partition;

    *out_is_partition = false;
    int status = STRAND_OK;
    bool is_ours = strcmp(name, STRAND_LOCK_NAME) == 0 || strcmp(name, "lost+found") == 0 ||
                   strncmp(name, "strandline.", strlen("strandline.")) == 0;

    if (strcmp(name, STRAND_FORMAT_NAME) == 0) {
        contents->has_format = true;
    } else if (strcmp(name, STRAND_TAKEOVER_NAME) == 0) {
        contents->has_takeover = true;
    } else if (is_kafkas_file(name)) {
        contents->has_kafka_clean |= strcmp(name, STRAND_KAFKA_CLEAN_NAME) == 0;
        contents->owner = OWNER_KAFKA;
    } else if (!is_ours) {
        if (strand_partition_name_parse(name, topic, &partition))
            status = holds_segments(fs, directory, name, out_is_partition);
        if (!*out_is_partition && contents->example[0] == '\0')
            (void)snprintf(contents->example, sizeof contents->example, "%s", name);
    }
    return status;
}

static int
classify(const struct strand_fs *fs, const char *directory, struct contents *out_contents)
{
    struct contents contents = {.owner = OWNER_NOBODY};
    struct strand_names names = {0};
    bool has_partitions = false;

    int status = strand_path_list(fs, directory, &names);
    for (size_t i = 0; status == STRAND_OK && i < names.count; i++) {
        bool is_partition = false;
        status = classify_name(fs, directory, names.names[i], &contents, &is_partition);
        has_partitions |= is_partition;
    }
    strand_names_free(&names);
    if (status != STRAND_OK)
        return status;

    if (contents.has_format)
        contents.owner = OWNER_STRANDLINE;
    else if (has_partitions)
        contents.owner = OWNER_KAFKA;
    else if (contents.owner == OWNER_NOBODY && contents.example[0] != '\0')
        contents.owner = OWNER_STRANGER;
    *out_contents = contents;
    return STRAND_OK;
}

/* ---- The lock ---- */

static int
in_use(struct strand_data_directory *directory)
{
    char text[LOCK_TEXT_SIZE_MAX];
    size_t size = 0;

    if (strand_file_read(&directory->lock, text, sizeof text - 1, 0, &size) != STRAND_OK)
        size = 0;
    text[size] = '\0';
    size = strcspn(text, "\n");
    while (size > 0 && text[size - 1] == ' ') /* the owner's name is padded */
        size--;
    text[size] = '\0';
    return strand_fail(STRAND_ERR_IN_USE, "open %s: in use by %s", directory->path,
                       text[0] != '\0' ? text : "another process");
}

/* What .lock, which is open as FILE, says of the last writer; zeros where it says nothing. */
static void
read_last_writer(const struct strand_file *file, char out_boot[STRAND_FS_BOOT_ID_SIZE],
                 uint8_t out_opening[STRAND_OPENING_SIZE])
{
    char text[LOCK_TEXT_SIZE_MAX];
    char hex[2 * STRAND_OPENING_SIZE + 1] = "";
    size_t size = 0;

    out_boot[0] = '\0';
    memset(out_opening, 0, STRAND_OPENING_SIZE);
    if (strand_file_read(file, text, sizeof text - 1, 0, &size) != STRAND_OK)
        return;
    text[size] = '\0';
    int found = sscanf(text, "%*[^\n]\nboot %36s\nopening %32[0-9a-f]", out_boot, hex);
    if (found != 2 || strlen(hex) != sizeof hex - 1)
        return;
    for (size_t i = 0; i < STRAND_OPENING_SIZE; i++) {
        const char byte[] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out_opening[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
}

/* Whether the last writer ran in the boot LAST, which is this one.  What is not known may be. */
static bool
is_same_boot(const struct strand_data_directory *directory, const char *last)
{
    char boot[STRAND_FS_BOOT_ID_SIZE];

    return directory->fs->boot_id(directory->fs->context, boot) != 0 || last[0] == '\0' ||
           strcmp(last, boot) == 0;
}

/* One size always, for the name and for all of it: a full disk cannot stop a later opening. */
enum { LOCK_NAME_SIZE = 128 };

static void
format_lock_name(const struct strand_fs *fs, char out_name[LOCK_NAME_SIZE + 1])
{
    char who[LOCK_NAME_SIZE] = "";

    if (fs->process(fs->context, who, sizeof who) != 0)
        (void)snprintf(who, sizeof who, "an unknown process");
    int size = snprintf(out_name, LOCK_NAME_SIZE + 1, "%-127s\n", who);
    strand_assert(size == LOCK_NAME_SIZE);
}

static int
write_lock_text(struct strand_data_directory *directory)
{
    const struct strand_fs *fs = directory->fs;
    char text[LOCK_TEXT_SIZE_MAX];
    char name[LOCK_NAME_SIZE + 1];
    char boot[STRAND_FS_BOOT_ID_SIZE] = "";
    char hex[2 * STRAND_OPENING_SIZE + 1];

    format_lock_name(fs, name);
    if (fs->boot_id(fs->context, boot) != 0)
        boot[0] = '\0';
    for (size_t i = 0; i < STRAND_OPENING_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", directory->opening[i]);
    int size = snprintf(text, sizeof text, "%sboot %-36s\nopening %s\n", name, boot, hex);
    strand_assert(size > 0 && (size_t)size < sizeof text);
    return strand_file_write(&directory->lock, text, (size_t)size, 0, NULL);
}

static int
take_lock(struct strand_data_directory *directory)
{
    const struct strand_fs *fs = directory->fs;
    int status = strand_file_open(fs, directory->lock_path, STRAND_FS_WRITE | STRAND_FS_CREATE,
                                  &directory->lock);

    if (status != STRAND_OK)
        return status;
    int result = fs->lock(directory->lock.handle);
    if (result == -EAGAIN)
        return in_use(directory);
    if (result < 0)
        return strand_fail_code(-result, "lock %s", directory->lock_path);
    int named = fs->is_named(directory->lock.handle, fs->context, directory->lock_path);
    if (named < 0)
        return strand_fail_code(-named, "look at %s", directory->lock_path);
    if (named == 0)
        return strand_fail(STRAND_ERR_IN_USE, "lock %s: the file was replaced meanwhile",
                           directory->lock_path);
    return STRAND_OK;
}

int
strand_data_directory_lock(struct strand_data_directory *directory)
{
    char name[LOCK_NAME_SIZE + 1];

    strand_assert(directory->lock.handle == NULL);
    int status = take_lock(directory);
    if (status != STRAND_OK) {
        strand_file_discard(&directory->lock);
        return status;
    }
    char boot[STRAND_FS_BOOT_ID_SIZE];
    read_last_writer(&directory->lock, boot, directory->last_opening);
    /* What else it says of the last writer stays.  Without our name whoever is refused is told
     * another. */
    format_lock_name(directory->fs, name);
    (void)strand_file_write(&directory->lock, name, LOCK_NAME_SIZE, 0, NULL);
    return STRAND_OK;
}

/* No lock file: nobody has written here but a broker. */
int
strand_data_directory_look_for_writer(struct strand_data_directory *directory)
{
    struct strand_file lock = {0};

    int status = strand_file_open(directory->fs, directory->lock_path, 0, &lock);
    if (status == STRAND_ERR_NOT_FOUND)
        return STRAND_OK;
    if (status != STRAND_OK)
        return status;
    char boot[STRAND_FS_BOOT_ID_SIZE];
    read_last_writer(&lock, boot, directory->last_opening);
    int result = directory->fs->is_locked(lock.handle);
    strand_file_discard(&lock);
    if (result < 0)
        return strand_fail_code(-result, "look at the lock of %s", directory->path);
    directory->has_writer = result != 0;
    return STRAND_OK;
}

/* ---- Opening ---- */

static int
sync_parent(const struct strand_fs *fs, const char *path)
{
    char parent[STRAND_PATH_SIZE_MAX];

    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        return STRAND_OK;
    slash[slash == parent ? 1 : 0] = '\0';
    return strand_path_sync_directory(fs, parent);
}

static int
create_if_missing(const struct strand_fs *fs, const char *path, uint32_t flags)
{
    int kind = 0;
    int status = strand_path_kind(fs, path, &kind);

    if (status != STRAND_OK || kind == STRAND_FS_DIRECTORY)
        return status;
    if (kind != 0)
        return strand_fail(STRAND_ERR_INVALID, "open %s: it is not a directory", path);
    if ((flags & (STRAND_ENGINE_READ_ONLY | STRAND_ENGINE_MUST_EXIST)) != 0)
        return strand_fail(STRAND_ERR_NOT_FOUND, "open %s: no such directory", path);
    status = strand_path_make_directory(fs, path);
    return status == STRAND_OK ? sync_parent(fs, path) : status;
}

static int
check_volume(const struct strand_fs *fs, const char *path, uint32_t flags)
{
    struct strand_fs_volume volume;
    int result = fs->volume(fs->context, path, &volume);

    if (result < 0)
        return strand_fail_code(-result, "look at the file system of %s", path);
    if (volume.is_network != 0 && (flags & STRAND_ENGINE_NETWORK_FS) == 0)
        return strand_fail(STRAND_ERR_FILE_SYSTEM,
                           "open %s: it is on a network file system (%s), where locks and syncs "
                           "may not hold; STRAND_ENGINE_NETWORK_FS allows it",
                           path, volume.type);
    return STRAND_OK;
}

static int
refuse_stranger(const char *path, const struct contents *contents)
{
    return strand_fail(STRAND_ERR_FOREIGN,
                       "open %s: neither Strandline's nor Kafka's: it holds \"%s\"", path,
                       contents->example);
}

static int
initialise(struct strand_data_directory *directory)
{
    int status = strand_frontier_initialise(directory->fs, directory->path);

    if (status == STRAND_OK) /* the host may have made the directory just now */
        status = sync_parent(directory->fs, directory->path);
    return status == STRAND_OK ? strand_format_file_write(directory->fs, directory->path) : status;
}

/* A marker that cannot be believed is none. */
static int
load_clean_marker(struct strand_data_directory *directory)
{
    int status = strand_clean_marker_load(directory->fs, directory->path, &directory->clean);

    return status == STRAND_ERR_NOT_FOUND || status == STRAND_ERR_CORRUPT ? STRAND_OK : status;
}

static int
remove_clean_marker(const struct strand_data_directory *directory)
{
    char path[STRAND_PATH_SIZE_MAX];

    int status = strand_path_join(path, directory->path, STRAND_CLEAN_NAME);
    return status == STRAND_OK ? strand_path_remove(directory->fs, path) : status;
}

/* The broker's marker vouches for files that we are about to change.  That a broker was here has to
 * be known until every log is recovered, also if the power goes meanwhile: one rename does both. */
static int
take_over(struct strand_data_directory *directory, struct contents *contents)
{
    const struct strand_fs *fs = directory->fs;
    char from[STRAND_PATH_SIZE_MAX];
    char to[STRAND_PATH_SIZE_MAX];

    int status = strand_path_join(from, directory->path, STRAND_KAFKA_CLEAN_NAME);
    if (status == STRAND_OK)
        status = strand_path_join(to, directory->path, STRAND_TAKEOVER_NAME);
    if (status == STRAND_OK && contents->has_kafka_clean) {
        status = strand_path_rename(fs, from, to);
        contents->has_kafka_clean = status != STRAND_OK; /* once, though all is done twice */
    }
    return status == STRAND_OK ? strand_path_sync_directory(fs, directory->path) : status;
}

int
strand_data_directory_begin_takeover(struct strand_data_directory *directory)
{
    if (directory->is_taken_over)
        return STRAND_OK;
    int status = strand_file_replace(directory->fs, directory->path, STRAND_TAKEOVER_NAME, "", 0);
    directory->is_taken_over = status == STRAND_OK;
    directory->is_same_boot |= directory->is_taken_over; /* as below */
    return status;
}

int
strand_data_directory_end_takeover(const struct strand_data_directory *directory)
{
    char path[STRAND_PATH_SIZE_MAX];

    int status = strand_path_join(path, directory->path, STRAND_TAKEOVER_NAME);
    return status == STRAND_OK ? strand_path_remove(directory->fs, path) : status;
}

/* Of a broker's directory the frontier is made anew: whatever slots it held are stale. */
static int
prepare_for_writing(struct strand_data_directory *directory, struct contents *contents)
{
    int status = write_lock_text(directory);

    if (status == STRAND_OK && contents->has_format && directory->was_kafkas)
        status = strand_frontier_initialise(directory->fs, directory->path);
    if (status == STRAND_OK && !contents->has_format)
        status = initialise(directory);
    if (status == STRAND_OK)
        status = remove_clean_marker(directory);
    return status == STRAND_OK ? take_over(directory, contents) : status;
}

/* With the ballast gone where the disk is full: each step may be done twice. */
static int
prepare_in_any_room(struct strand_data_directory *directory, struct contents *contents)
{
    const struct strand_fs *fs = directory->fs;
    char boot[STRAND_FS_BOOT_ID_SIZE];

    read_last_writer(&directory->lock, boot, directory->last_opening);
    /* A broker leaves no word on when it wrote. */
    directory->is_same_boot = directory->is_taken_over || is_same_boot(directory, boot);
    int failed = fs->random(fs->context, directory->opening, sizeof directory->opening);
    if (failed != 0)
        return strand_fail_code(-failed, "open %s: draw a number", directory->path);
    int status = prepare_for_writing(directory, contents);

    if (strand_ballast_release(&directory->ballast, status))
        status = prepare_for_writing(directory, contents);
    if (status == STRAND_OK)
        strand_ballast_take(&directory->ballast);
    return status;
}

static int
open_contents(struct strand_data_directory *directory, uint32_t flags)
{
    const struct strand_fs *fs = directory->fs;
    struct contents contents;

    int status = classify(fs, directory->path, &contents);
    if (status == STRAND_OK && contents.owner == OWNER_STRANGER)
        return refuse_stranger(directory->path, &contents);
    if (status == STRAND_OK && contents.owner == OWNER_NOBODY &&
        (flags & (STRAND_ENGINE_READ_ONLY | STRAND_ENGINE_MUST_EXIST)) != 0)
        return strand_fail(STRAND_ERR_NOT_FOUND, "open %s: the directory holds no logs",
                           directory->path);
    if (status == STRAND_OK && (flags & STRAND_ENGINE_READ_ONLY) == 0) {
        status = take_lock(directory);
        if (status == STRAND_OK)
            status = classify(fs, directory->path, &contents);
    }
    if (status == STRAND_OK && contents.has_format)
        status = strand_format_file_check(fs, directory->path);
    if (status != STRAND_OK)
        return status;
    directory->was_kafkas = contents.owner == OWNER_KAFKA || contents.has_kafka_clean;
    directory->is_taken_over = directory->was_kafkas || contents.has_takeover;
    status = load_clean_marker(directory);
    if (status != STRAND_OK || (flags & STRAND_ENGINE_READ_ONLY) != 0)
        return status;
    return prepare_in_any_room(directory, &contents);
}

int
strand_data_directory_open(const struct strand_fs *fs, const char *path, uint32_t flags,
                           struct strand_data_directory *out_directory)
{
    char absolute[STRAND_PATH_SIZE_MAX];
    char lock_path[STRAND_PATH_SIZE_MAX];

    int result = fs->absolute(fs->context, path, absolute, sizeof absolute);
    if (result < 0)
        return strand_fail_code(-result, "open %s", path);
    int status = strand_path_join(lock_path, absolute, STRAND_LOCK_NAME);
    if (status != STRAND_OK)
        return status;

    struct strand_data_directory directory = {
        .fs = fs, .path = strdup(absolute), .lock_path = strdup(lock_path)};
    if (directory.path == NULL || directory.lock_path == NULL)
        status = strand_fail(STRAND_ERR_NO_MEMORY, "open %s: out of memory", path);
    strand_ballast_init(&directory.ballast, fs, directory.path);
    strand_clean_marker_init(&directory.clean);
    if (status == STRAND_OK)
        status = create_if_missing(fs, absolute, flags);
    if (status == STRAND_OK)
        status = check_volume(fs, absolute, flags);
    if (status == STRAND_OK)
        status = open_contents(&directory, flags);
    if (status != STRAND_OK) {
        strand_file_discard(&directory.lock);
        strand_clean_marker_deinit(&directory.clean);
        free(directory.path);
        free(directory.lock_path);
        return status;
    }
    *out_directory = directory;
    return STRAND_OK;
}

int
strand_data_directory_close(struct strand_data_directory *directory)
{
    int status = STRAND_OK;

    if (directory->lock.handle != NULL)
        status = strand_file_close(&directory->lock);
    strand_clean_marker_deinit(&directory->clean);
    free(directory->path);
    free(directory->lock_path);
    *directory = (struct strand_data_directory){0};
    return status;
}
