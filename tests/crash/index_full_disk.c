/* tests/crash/index_full_disk.c -- The index on a disk that is really full, and on one that is
 * read-only: index_full_disk PATH.
 *
 * PATH is on a small file system of its own.  Commits go on until there is no room: that one is
 * refused, look-ups and a later removal go on, and what is freed is used again.  Then others take
 * every byte: opening a new index and an old one gives a status, not a signal.  At last nothing
 * may be written, and nothing is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/index.h"
#include "strandline/fs.h"

enum { PATH_SIZE = 4096, CHUNKS_A_COMMIT = 500 };

static const uint8_t directory_id[STRAND_INDEX_ID_SIZE] = "full";
static const uint8_t id[STRAND_INDEX_ID_SIZE] = "log";

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "FAILED: %s: %s\n", what, strand_error_message());
    exit(1);
}

static void
require(bool is_true, const char *what)
{
    if (!is_true)
        fail(what);
}

static int
open_index(const char *path, struct strand_index **out_index)
{
    struct strand_index_options options = {
        .fs = strand_fs_posix(), .path = path, .directory_id = directory_id, .is_suspect = true};

    return strand_index_open_lmdb(&options, out_index);
}

static int
commit_chunks(struct strand_index *index, int64_t first)
{
    struct strand_index_batch *batch;
    struct strand_sparse_entry pairs[STRAND_INDEX_CHUNK_MAX];

    int status = strand_index_begin(index, &batch);
    if (status != STRAND_OK)
        return status;
    for (uint32_t i = 0; i < STRAND_INDEX_CHUNK_MAX; i++)
        pairs[i] = (struct strand_sparse_entry){i, i * 4096};
    for (int64_t chunk = 0; status == STRAND_OK && chunk < CHUNKS_A_COMMIT; chunk++)
        status = strand_index_put_chunk(batch, id, (first + chunk) * STRAND_INDEX_CHUNK_MAX, pairs,
                                        STRAND_INDEX_CHUNK_MAX);
    return strand_index_commit(batch, strand_index_commit_number(index) + 1);
}

static void
check_last(struct strand_index *index, int64_t chunks)
{
    struct strand_index_place place;

    require(strand_index_find_offset(index, id, INT64_MAX, &place) == STRAND_OK, "look up");
    require(place.offset == chunks * STRAND_INDEX_CHUNK_MAX - 1, "the last commit is the last");
}

/* Take what is left, byte by byte at the end. */
static void
eat_disk(int fd)
{
    static char block[1 << 20];

    memset(block, 'x', sizeof block); /* zeros might be stored as nothing */
    for (size_t size = sizeof block; size > 0; size /= 2)
        while (write(fd, block, size) > 0)
            continue;
    (void)fsync(fd); /* as full as it can be is enough */
    close(fd);
}

/* Opened in a child, to see a signal. */
static void
open_on_full_disk(const char *path, const char *what)
{
    struct strand_index *index;
    int result;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int status = open_index(path, &index);
        if (status == STRAND_OK)
            strand_index_close(index);
        _exit(status == STRAND_OK ? 0 : -status);
    }
    require(waitpid(child, &result, 0) == child && WIFEXITED(result), what);
    printf("%s on a full disk: %s\n", what, strand_status_text(-WEXITSTATUS(result)));
    require(WEXITSTATUS(result) == 0 || WEXITSTATUS(result) == -STRAND_ERR_NO_SPACE, what);
}

static void
join(char out[PATH_SIZE], const char *path, const char *suffix)
{
    int length = snprintf(out, PATH_SIZE, "%s%s", path, suffix);

    require(length > 0 && length < PATH_SIZE, "path");
}

static void
open_read_only(const char *path)
{
    struct strand_index *index;
    char directory[PATH_SIZE];

    join(directory, path, "");
    *strrchr(directory, '/') = '\0';
    require(mount(NULL, directory, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0, "remount");
    require(open_index(path, &index) == STRAND_ERR_PERMISSION, "read-only");
    printf("read-only: %s\n", strand_error_message());
}

int
main(int argc, char **argv)
{
    struct strand_index *index;
    struct strand_index_batch *batch;
    char path[PATH_SIZE];
    int64_t chunks = 0;
    int status;

    if (argc != 2)
        return 2;
    join(path, argv[1], ".eater");
    int eater = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600); /* while there is an inode */
    require(eater >= 0, "open what eats the disk");
    require(open_index(argv[1], &index) == STRAND_OK, "open");
    while ((status = commit_chunks(index, chunks)) == STRAND_OK)
        chunks += CHUNKS_A_COMMIT;
    require(status == STRAND_ERR_NO_SPACE, "a full disk is lack of space");
    printf("full after %" PRId64 " chunks: %s\n", chunks, strand_error_message());
    check_last(index, chunks);
    require(commit_chunks(index, chunks) == STRAND_ERR_NO_SPACE, "and stays it");
    check_last(index, chunks);
    strand_index_close(index);
    require(open_index(argv[1], &index) == STRAND_OK, "open again");
    check_last(index, chunks);
    eat_disk(eater);
    strand_index_close(index);
    open_on_full_disk(argv[1], "an old index");
    join(path, argv[1], ".new");
    open_on_full_disk(path, "a new index");
    join(path, argv[1], ".eater");
    require(unlink(path) == 0, "unlink");
    require(open_index(argv[1], &index) == STRAND_OK, "open with room");
    check_last(index, chunks);
    require(strand_index_begin(index, &batch) == STRAND_OK, "begin");
    /* As much as there is room for on the side: the first tenth. */
    require(strand_index_remove_below(batch, id, chunks / 10 * STRAND_INDEX_CHUNK_MAX) == STRAND_OK,
            "remove");
    status = strand_index_commit(batch, strand_index_commit_number(index) + 1);
    printf("trim on a nearly full disk: %s\n", strand_status_text(status));
    require(status == STRAND_OK || status == STRAND_ERR_NO_SPACE, "trim");
    check_last(index, chunks);
    for (int i = 0; status == STRAND_OK && i < 3; i++) {
        status = commit_chunks(index, chunks);
        chunks += status == STRAND_OK ? CHUNKS_A_COMMIT : 0;
    }
    check_last(index, chunks);
    strand_index_close(index);
    open_read_only(argv[1]);
    return 0;
}
