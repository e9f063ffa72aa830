/* recovery/log_identity.c -- 32 bytes, replaced whole: a torn identity would make a log forget its
 * frontier slot. */
#include "recovery/log_identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"

enum identity_field {
    MAGIC = 0,
    VERSION = 4,
    ID = 8,
    FLAGS = 24,
    CRC = 28,
    IDENTITY_SIZE = 32,
};

enum { IDENTITY_VERSION = 1, FILE_SIZE_MAX = 4096 };

static const char MAGIC_TEXT[4] = {'S', 'T', 'I', 'D'};

_Static_assert((int)ID + (int)STRAND_LOG_ID_SIZE == (int)FLAGS, "the flags follow the id");

int
strand_log_identity_create(const struct strand_fs *fs, uint32_t flags,
                           struct strand_log_identity *out_identity)
{
    struct strand_log_identity identity = {.flags = flags};

    int result = fs->random(fs->context, identity.id, sizeof identity.id);
    if (result < 0)
        return strand_fail(STRAND_ERR_IO, "create log id: no randomness (error %d)", -result);
    *out_identity = identity;
    return STRAND_OK;
}

static int
decode(const char *directory, const uint8_t *data, size_t size,
       struct strand_log_identity *out_identity)
{
    static const char FORMAT[] = "read %s/" STRAND_LOG_IDENTITY_NAME ": %s";
    const char *cause = NULL;

    if (size != IDENTITY_SIZE)
        cause = "not 32 bytes";
    else if (memcmp(data + MAGIC, MAGIC_TEXT, sizeof MAGIC_TEXT) != 0)
        cause = "does not begin with STID";
    else if (strand_get_le32(data + CRC) != strand_crc32c(0, data, CRC))
        cause = "CRC does not match";
    else if (strand_get_le32(data + VERSION) != IDENTITY_VERSION)
        cause = "unknown version";
    if (cause != NULL)
        return strand_fail(STRAND_ERR_CORRUPT, FORMAT, directory, cause);

    memcpy(out_identity->id, data + ID, sizeof out_identity->id);
    out_identity->flags = strand_get_le32(data + FLAGS);
    return STRAND_OK;
}

int
strand_log_identity_read(const struct strand_fs *fs, const char *directory,
                         struct strand_log_identity *out_identity)
{
    char path[STRAND_PATH_SIZE_MAX];
    char *data;
    size_t size;

    int status = strand_path_join(path, directory, STRAND_LOG_IDENTITY_NAME);
    if (status != STRAND_OK)
        return status;
    status = strand_path_read(fs, path, FILE_SIZE_MAX, &data, &size);
    if (status == STRAND_ERR_TOO_LARGE)
        return strand_fail_context(STRAND_ERR_CORRUPT, "log identity");
    if (status != STRAND_OK)
        return status;
    status = decode(directory, (const uint8_t *)data, size, out_identity);
    free(data);
    return status;
}

int
strand_log_identity_write(const struct strand_fs *fs, const char *directory,
                          const struct strand_log_identity *identity)
{
    uint8_t data[IDENTITY_SIZE];

    memcpy(data + MAGIC, MAGIC_TEXT, sizeof MAGIC_TEXT);
    strand_put_le32(data + VERSION, IDENTITY_VERSION);
    memcpy(data + ID, identity->id, sizeof identity->id);
    strand_put_le32(data + FLAGS, identity->flags);
    strand_put_le32(data + CRC, strand_crc32c(0, data, CRC));
    return strand_file_replace(fs, directory, STRAND_LOG_IDENTITY_NAME, data, sizeof data);
}
