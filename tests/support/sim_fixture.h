/* tests/support/sim_fixture.h -- A simulated disk for each test, and short words for using it. */
#ifndef STRAND_TESTS_SIM_FIXTURE_H
#define STRAND_TESTS_SIM_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "simulation/sim_disk.h"

enum { SECTOR = 512, BLOCK = 4096 };

static struct strand_sim_disk *disk;
static const struct strand_fs *fs;

static inline void
open_disk_with(const struct strand_sim_disk_options *options)
{
    strand_sim_disk_destroy(disk);
    cr_assert_eq(strand_sim_disk_create(options, &disk), STRAND_OK);
    fs = strand_sim_disk_fs(disk);
}

static inline void
open_disk(void)
{
    open_disk_with(&(struct strand_sim_disk_options){.seed = 7});
}

static inline void
close_disk(void)
{
    strand_sim_disk_destroy(disk);
}

static inline struct strand_fs_file *
open_file(const char *path, uint32_t flags)
{
    struct strand_fs_file *file = NULL;
    int result = fs->open(fs->context, path, flags, &file);

    cr_assert_eq(result, 0, "open %s: %d", path, result);
    return file;
}

static inline struct strand_fs_file *
create_file(const char *path)
{
    return open_file(path, STRAND_FS_WRITE | STRAND_FS_CREATE);
}

static inline int64_t
write_text(struct strand_fs_file *file, const char *text, int64_t position)
{
    struct strand_fs_part part = {text, strlen(text)};

    return fs->write_at(file, &part, 1, position);
}

/* SIZE bytes of LETTER. */
static inline int64_t
write_fill(struct strand_fs_file *file, char letter, size_t size, int64_t position)
{
    char *data = malloc(size);

    cr_assert_not_null(data);
    memset(data, letter, size);
    struct strand_fs_part part = {data, size};
    int64_t result = fs->write_at(file, &part, 1, position);
    free(data);
    return result;
}

static inline void
sync_directory(const char *path)
{
    cr_assert_eq(fs->sync_directory(fs->context, path), 0);
}

/* PATH, durable in name and content. */
static inline void
store(const char *path, const char *text)
{
    cr_assert_eq(strand_sim_disk_store(disk, path, text, (int64_t)strlen(text)), STRAND_OK);
}

static inline const char *
text_of(const struct strand_sim_disk *looked_at, const char *path)
{
    return (const char *)strand_sim_disk_content(looked_at, path, NULL);
}

static inline bool
exists(const char *path)
{
    return fs->kind(fs->context, path) > 0;
}

#define expect_text(path, text) expect_text_on(disk, path, text, __LINE__)

static inline void
expect_text_on(const struct strand_sim_disk *looked_at, const char *path, const char *text,
               int line)
{
    int64_t size = -1;
    const char *found = (const char *)strand_sim_disk_content(looked_at, path, &size);

    if (text == NULL) {
        cr_expect_null(found, "line %d: %s is there", line, path);
        return;
    }
    cr_assert_not_null(found, "line %d: %s is not there", line, path);
    cr_expect_eq(size, (int64_t)strlen(text), "line %d: size of %s is %lld", line, path,
                 (long long)size);
    cr_expect_str_eq(found, text, "line %d: %s holds %s", line, path, found);
}

static inline void
cut(enum strand_sim_loss loss)
{
    strand_sim_disk_cut(disk, loss, 1);
}

/* A durable file rewritten, grown and renamed without any sync; a new one; one removed. */
static inline void
make_unsynced_changes(void)
{
    store("/old", "old");
    store("/removed", "removed");
    store("/target", "target");
    store("/temporary", "temporary");
    struct strand_fs_file *file = open_file("/old", STRAND_FS_WRITE);
    struct strand_fs_file *created = create_file("/created");

    cr_assert_eq(write_text(file, "newer", 0), 5);
    cr_assert_eq(write_text(created, "created", 0), 7);
    cr_assert_eq(fs->remove(fs->context, "/removed"), 0);
    cr_assert_eq(fs->rename(fs->context, "/temporary", "/target"), 0);
    cr_assert_eq(fs->close(file), 0);
    cr_assert_eq(fs->close(created), 0);
    cr_expect(strand_sim_disk_is_dirty(disk, "/"));
}

#endif
