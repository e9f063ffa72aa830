#include "support/hold_fs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 256, HOLDS_MAX = 8, PATH_SIZE = 256, TRACE_SIZE = 8192 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const struct strand_fs *inner;
    struct {
        struct strand_fs_file *file; /* NULL: a free place */
        char path[PATH_SIZE];
    } files[FILES_MAX];
    struct {
        const char *part; /* NULL: a free place */
        enum hold_fs_kind kind;
        int held;
    } holds[HOLDS_MAX];
    enum hold_fs_kind traced;
    char trace[TRACE_SIZE];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static const char *
path_of(const struct strand_fs_file *file)
{
    for (int i = 0; i < FILES_MAX; i++)
        if (state.files[i].file == file)
            return state.files[i].path;
    return "";
}

/* The place of the hold that PATH waits for; -1: none. */
static int
hold_of(enum hold_fs_kind kind, const char *path)
{
    for (int i = 0; i < HOLDS_MAX; i++)
        if (state.holds[i].part != NULL && state.holds[i].kind == kind &&
            strstr(path, state.holds[i].part) != NULL)
            return i;
    return -1;
}

/* What the trace calls PATH: the directory of a segment; "" for a file that is not traced. */
static void
name_of(const char *path, char name[PATH_SIZE])
{
    const char *end = strrchr(path, '/');
    const char *start = end;

    name[0] = '\0';
    if (strstr(path, "strandline.frontier") != NULL)
        (void)snprintf(name, PATH_SIZE, "frontier");
    else if (strstr(path, "/recovery-point-offset-checkpoint") != NULL)
        (void)snprintf(name, PATH_SIZE, "checkpoint");
    else if (end != NULL && strcmp(path + strlen(path) - 4, ".log") == 0) {
        while (start > path && start[-1] != '/')
            start--;
        (void)snprintf(name, PATH_SIZE, "%.*s", (int)(end - start), start);
    }
}

static void
note(enum hold_fs_kind kind, const char *path, int parts)
{
    char name[PATH_SIZE];
    size_t used = strlen(state.trace);

    name_of(path, name);
    if (kind != state.traced || name[0] == '\0')
        return;
    if (kind == HOLD_FS_WRITE && strstr(path, ".log") == NULL)
        return;
    if (kind == HOLD_FS_WRITE)
        (void)snprintf(state.trace + used, sizeof state.trace - used, "%s*%d ", name, parts);
    else
        (void)snprintf(state.trace + used, sizeof state.trace - used, "%s ", name);
}

/* Wait until nothing holds a call of KIND on FILE. */
static void
pass(enum hold_fs_kind kind, const struct strand_fs_file *file, int parts)
{
    int hold;

    (void)pthread_mutex_lock(&state.lock);
    const char *path = path_of(file);
    while ((hold = hold_of(kind, path)) >= 0) {
        state.holds[hold].held++;
        (void)pthread_cond_broadcast(&state.changed);
        (void)pthread_cond_wait(&state.changed, &state.lock);
        state.holds[hold].held--;
    }
    note(kind, path, parts);
    (void)pthread_mutex_unlock(&state.lock);
}

static int
hold_open(void *context, const char *path, uint32_t flags, struct strand_fs_file **out_file)
{
    int result = state.inner->open(context, path, flags, out_file);

    if (result != 0)
        return result;
    (void)pthread_mutex_lock(&state.lock);
    int place = 0;
    while (place < FILES_MAX && state.files[place].file != NULL)
        place++;
    if (place == FILES_MAX)
        abort();
    state.files[place].file = *out_file;
    (void)snprintf(state.files[place].path, PATH_SIZE, "%s", path);
    (void)pthread_mutex_unlock(&state.lock);
    return 0;
}

static int
hold_close(struct strand_fs_file *file)
{
    (void)pthread_mutex_lock(&state.lock);
    for (int i = 0; i < FILES_MAX; i++)
        if (state.files[i].file == file)
            state.files[i].file = NULL;
    (void)pthread_mutex_unlock(&state.lock);
    return state.inner->close(file);
}

static int64_t
hold_write_at(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
              int64_t position)
{
    pass(HOLD_FS_WRITE, file, count);
    return state.inner->write_at(file, parts, count, position);
}

static int
hold_sync_data(struct strand_fs_file *file)
{
    pass(HOLD_FS_SYNC, file, 0);
    return state.inner->sync_data(file);
}

static int
hold_sync_all(struct strand_fs_file *file)
{
    pass(HOLD_FS_SYNC, file, 0);
    return state.inner->sync_all(file);
}

const struct strand_fs *
hold_fs(const struct strand_fs *inner)
{
    static struct strand_fs seam;

    memset(state.files, 0, sizeof state.files);
    memset(state.holds, 0, sizeof state.holds);
    state.trace[0] = '\0';
    state.inner = inner;
    seam = *inner;
    seam.open = hold_open;
    seam.close = hold_close;
    seam.write_at = hold_write_at;
    seam.sync_data = hold_sync_data;
    seam.sync_all = hold_sync_all;
    return &seam;
}

/* The place of that hold; -1: there is none. */
static int
find_hold(enum hold_fs_kind kind, const char *part)
{
    for (int i = 0; i < HOLDS_MAX; i++)
        if (state.holds[i].part != NULL && state.holds[i].kind == kind &&
            strcmp(state.holds[i].part, part) == 0)
            return i;
    return -1;
}

void
hold_fs_hold(enum hold_fs_kind kind, const char *part)
{
    int place = 0;

    (void)pthread_mutex_lock(&state.lock);
    while (place < HOLDS_MAX && (state.holds[place].part != NULL || state.holds[place].held > 0))
        place++;
    if (place == HOLDS_MAX)
        abort();
    state.holds[place].part = part;
    state.holds[place].kind = kind;
    (void)pthread_mutex_unlock(&state.lock);
}

void
hold_fs_release(enum hold_fs_kind kind, const char *part)
{
    (void)pthread_mutex_lock(&state.lock);
    int place = find_hold(kind, part);
    if (place >= 0)
        state.holds[place].part = NULL;
    (void)pthread_cond_broadcast(&state.changed);
    (void)pthread_mutex_unlock(&state.lock);
}

int
hold_fs_held(enum hold_fs_kind kind, const char *part)
{
    (void)pthread_mutex_lock(&state.lock);
    int place = find_hold(kind, part);
    int held = place < 0 ? 0 : state.holds[place].held;
    (void)pthread_mutex_unlock(&state.lock);
    return held;
}

void
hold_fs_await(enum hold_fs_kind kind, const char *part, int count)
{
    (void)pthread_mutex_lock(&state.lock);
    int place = find_hold(kind, part);
    if (place < 0)
        abort();
    while (state.holds[place].held < count)
        (void)pthread_cond_wait(&state.changed, &state.lock);
    (void)pthread_mutex_unlock(&state.lock);
}

void
hold_fs_begin_trace(enum hold_fs_kind kind)
{
    (void)pthread_mutex_lock(&state.lock);
    state.traced = kind;
    state.trace[0] = '\0';
    (void)pthread_mutex_unlock(&state.lock);
}

const char *
hold_fs_trace(void)
{
    static char copy[TRACE_SIZE];

    (void)pthread_mutex_lock(&state.lock);
    memcpy(copy, state.trace, sizeof copy);
    (void)pthread_mutex_unlock(&state.lock);
    return copy;
}
