/* engine/format_file.c -- Four lines of text, read as strictly as they are written. */
#include "engine/format_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"

enum { FORMAT_SIZE_MAX = 4096, DIRECTORY_ID_SIZE = 16 };

static int
bad_format(const char *directory, const char *why)
{
    return strand_fail(STRAND_ERR_CORRUPT, "read %s/%s: %s", directory, STRAND_FORMAT_NAME, why);
}

static int
check_format_text(const char *directory, const char *text)
{
    static const char FIRST[] = "strandline ", LAST[] = "\ncrc32c ";
    const char *last = strstr(text, LAST);
    char features[64] = "";
    char *end = NULL;

    if (strncmp(text, FIRST, strlen(FIRST)) != 0)
        return bad_format(directory, "it does not begin with \"strandline VERSION\"");
    unsigned long version = strtoul(text + strlen(FIRST), &end, 10);
    if (*end != '\n')
        return bad_format(directory, "it does not begin with \"strandline VERSION\"");
    if (version != STRAND_FORMAT_VERSION)
        return strand_fail(STRAND_ERR_VERSION,
                           "open %s: %s says version %lu; this library knows version %d", directory,
                           STRAND_FORMAT_NAME, version, STRAND_FORMAT_VERSION);
    if (last == NULL)
        return bad_format(directory, "it has no checksum");
    unsigned long stored = strtoul(last + strlen(LAST), &end, 16);
    if (*end != '\n' || stored != strand_crc32c(0, text, (size_t)(last + 1 - text)))
        return bad_format(directory, "its checksum is wrong");
    if (sscanf(text, "strandline %*u\ndirectory %*32[0-9a-f]\nfeatures %63s\n", features) != 1)
        return bad_format(directory, "it has no line \"features\"");
    if (strcmp(features, "-") != 0)
        return strand_fail(STRAND_ERR_VERSION,
                           "open %s: it needs the feature \"%s\", which this library lacks",
                           directory, features);
    return STRAND_OK;
}

int
strand_format_file_check(const struct strand_fs *fs, const char *directory)
{
    char path[STRAND_PATH_SIZE_MAX];
    char *text = NULL;
    size_t size = 0;

    int status = strand_path_join(path, directory, STRAND_FORMAT_NAME);
    if (status == STRAND_OK)
        status = strand_path_read(fs, path, FORMAT_SIZE_MAX, &text, &size);
    if (status == STRAND_OK)
        status = check_format_text(directory, text);
    free(text);
    return status;
}

int
strand_format_file_write(const struct strand_fs *fs, const char *directory)
{
    uint8_t id[DIRECTORY_ID_SIZE];
    char hex[2 * DIRECTORY_ID_SIZE + 1];
    char text[256];
    int failed = fs->random(fs->context, id, sizeof id);

    if (failed != 0)
        return strand_fail_code(-failed, "draw an id for %s", directory);
    for (size_t i = 0; i < sizeof id; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id[i]);
    int size = snprintf(text, sizeof text, "strandline %d\ndirectory %s\nfeatures -\n",
                        STRAND_FORMAT_VERSION, hex);
    size += snprintf(text + size, sizeof text - (size_t)size, "crc32c %08" PRIx32 "\n",
                     strand_crc32c(0, text, (size_t)size));
    return strand_file_replace(fs, directory, STRAND_FORMAT_NAME, text, (size_t)size);
}
