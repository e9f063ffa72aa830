#include "support/scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[SCRATCH_PATH_SIZE / 2];
static char content[64 * 1024];

static void
require(int condition, const char *what)
{
    if (!condition) {
        perror(what);
        abort();
    }
}

const char *
scratch_create(void)
{
    const char *tmp = getenv("TMPDIR");
    int length =
        snprintf(directory, sizeof directory, "%s/strandline-XXXXXX", tmp != NULL ? tmp : "/tmp");

    require(length > 0 && (size_t)length < sizeof directory, "TMPDIR");
    require(mkdtemp(directory) != NULL, directory);
    return directory;
}

void
scratch_remove(void)
{
    char path[SCRATCH_PATH_SIZE + sizeof((struct dirent *)NULL)->d_name];
    DIR *dir = opendir(directory);

    if (dir == NULL)
        return;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (unlink(path) != 0)
            (void)rmdir(path); /* "." and ".." refuse */
    }
    (void)closedir(dir);
    (void)rmdir(directory);
}

void
scratch_path(char out_path[SCRATCH_PATH_SIZE], const char *name)
{
    int length = snprintf(out_path, SCRATCH_PATH_SIZE, "%s/%s", directory, name);

    require(length > 0 && length < SCRATCH_PATH_SIZE, name);
}

void
scratch_store(const char *path, const void *data, size_t size)
{
    FILE *stream = fopen(path, "wb");

    require(stream != NULL, path);
    require(fwrite(data, 1, size, stream) == size, path);
    require(fclose(stream) == 0, path);
}

const char *
scratch_content(const char *path, size_t *out_size)
{
    FILE *stream = fopen(path, "rb");

    if (stream == NULL)
        return NULL;
    *out_size = fread(content, 1, sizeof content - 1, stream);
    content[*out_size] = '\0';
    (void)fclose(stream);
    return content;
}
