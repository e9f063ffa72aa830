/* crashtest/snapshot.h -- Which files a directory of a simulated disk holds, and a CRC of each. */
#ifndef STRAND_CRASHTEST_SNAPSHOT_H
#define STRAND_CRASHTEST_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

struct strand_fs;

enum { CRASHTEST_SNAPSHOT_PATH_SIZE = 128 };

struct crashtest_snapshot_file {
    char path[CRASHTEST_SNAPSHOT_PATH_SIZE]; /* below the directory; a longer one is cut */
    int64_t size;
    uint32_t crc;
};

struct crashtest_snapshot {
    struct crashtest_snapshot_file *files; /* owned; ascending by directory and name */
    size_t count;
    size_t capacity;
};

/* All files in DIRECTORY and in the directories in it, as the page cache of the disk below FS has
 * them; but .lock, strandline.ballast and strandline.frontier.tmp, of which nothing is read.  All
 * zeros before; memory is used again. */
void crashtest_snapshot_take(const struct strand_fs *fs, const char *directory,
                             struct crashtest_snapshot *snapshot);
void crashtest_snapshot_free(struct crashtest_snapshot *snapshot);

/* The path of the first file that is not the same in both; NULL: they are equal. */
const char *crashtest_snapshot_compare(const struct crashtest_snapshot *one,
                                       const struct crashtest_snapshot *other);

#endif
