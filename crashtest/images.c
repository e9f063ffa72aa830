/* crashtest/images.c -- Files in, files out. */
#include "crashtest/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread.h"
#include "engine/indexer.h"

enum {
    IMAGE_SIZE_MAX = 64 << 20,
    PAGE_SIZE = 4096, /* LMDB's */
    WRONG_BYTES_MAX = 8,
};

struct image {
    char *data; /* owned */
    size_t size;
    size_t note_count; /* made when it was taken */
};

struct directory {
    char *path; /* owned */
    bool is_taken;
};

struct crashtest_images {
    char *ram_directory;      /* owned */
    struct strand_mutex lock; /* guards all below */
    struct image *images;     /* owned; by note count */
    size_t image_count;
    size_t image_capacity;
    struct directory **directories; /* owned, each: they stay where they are */
    size_t directory_count;
    size_t directory_capacity;
};

/* ---- Life ---- */

int
crashtest_images_create(const char *ram_directory, struct crashtest_images **out_images)
{
    struct crashtest_images *images = calloc(1, sizeof *images);

    if (images != NULL)
        images->ram_directory = strdup(ram_directory);
    if (images == NULL || images->ram_directory == NULL) {
        free(images);
        return strand_fail(STRAND_ERR_NO_MEMORY, "keep images of an index");
    }
    strand_mutex_init(&images->lock);
    *out_images = images;
    return STRAND_OK;
}

static void
free_directory(struct directory *directory)
{
    if (directory != NULL)
        free(directory->path);
    free(directory);
}

static void forget_images(struct crashtest_images *images) STRAND_REQUIRES(images->lock);

static void
forget_images(struct crashtest_images *images)
{
    for (size_t i = 0; i < images->image_count; i++)
        free(images->images[i].data);
    images->image_count = 0;
}

void
crashtest_images_destroy(struct crashtest_images *images)
{
    if (images == NULL)
        return;
    strand_mutex_lock(&images->lock);
    forget_images(images);
    for (size_t i = 0; i < images->directory_count; i++) {
        strand_assert(!images->directories[i]->is_taken);
        /* Tidying: what stays is in memory that the caller gives up. */
        (void)strand_path_remove_tree(strand_fs_posix(), images->directories[i]->path);
        free_directory(images->directories[i]);
    }
    strand_mutex_unlock(&images->lock);
    strand_mutex_deinit(&images->lock);
    free(images->images);
    free(images->directories);
    free(images->ram_directory);
    free(images);
}

/* ITEMS, with room for one more than COUNT; NULL: no memory. */
static void *
grow(void *items, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity)
        return items;
    size_t grown = *capacity == 0 ? 16 : 2 * *capacity;
    void *moved = realloc(items, grown * item_size);
    if (moved != NULL)
        *capacity = grown;
    return moved;
}

/* ---- Directories ---- */

/* NULL: no memory. */
static struct directory *
create_directory(const char *path)
{
    struct directory *directory = calloc(1, sizeof *directory);

    if (directory == NULL)
        return NULL;
    directory->path = strdup(path);
    if (directory->path != NULL)
        return directory;
    free(directory);
    return NULL;
}

static int make_directory(struct crashtest_images *images, struct directory **out_directory)
    STRAND_REQUIRES(images->lock);

static int
make_directory(struct crashtest_images *images, struct directory **out_directory)
{
    char path[STRAND_PATH_SIZE_MAX];
    int size =
        snprintf(path, sizeof path, "%s/index-%zu", images->ram_directory, images->directory_count);

    if (size < 0 || (size_t)size >= sizeof path)
        return strand_fail(STRAND_ERR_INVALID, "make a directory in %s: its path is too long",
                           images->ram_directory);
    struct directory **grown = grow(images->directories, &images->directory_capacity,
                                    images->directory_count, sizeof *images->directories);
    struct directory *directory = create_directory(path);
    if (grown != NULL)
        images->directories = grown;
    if (grown == NULL || directory == NULL) {
        free_directory(directory);
        return strand_fail(STRAND_ERR_NO_MEMORY, "make %s", path);
    }
    int status = strand_path_make_directory(strand_fs_posix(), path);
    if (status != STRAND_OK && status != STRAND_ERR_EXISTS) {
        free_directory(directory);
        return status;
    }
    grown[images->directory_count++] = directory;
    *out_directory = directory;
    return STRAND_OK;
}

int
crashtest_images_acquire(struct crashtest_images *images, const char **out_directory)
{
    struct directory *found = NULL;
    int status = STRAND_OK;

    strand_mutex_lock(&images->lock);
    for (size_t i = 0; i < images->directory_count && found == NULL; i++)
        if (!images->directories[i]->is_taken)
            found = images->directories[i];
    if (found == NULL)
        status = make_directory(images, &found);
    if (status == STRAND_OK) {
        found->is_taken = true;
        *out_directory = found->path;
    }
    strand_mutex_unlock(&images->lock);
    return status;
}

void
crashtest_images_release(struct crashtest_images *images, const char *directory)
{
    bool is_found = false;

    strand_mutex_lock(&images->lock);
    for (size_t i = 0; i < images->directory_count && !is_found; i++) {
        is_found = images->directories[i]->path == directory;
        if (is_found)
            images->directories[i]->is_taken = false;
    }
    strand_mutex_unlock(&images->lock);
    strand_assert(is_found);
}

/* ---- Taking ---- */

int
crashtest_images_begin(struct crashtest_images *images, const char *directory)
{
    char path[STRAND_PATH_SIZE_MAX];

    strand_mutex_lock(&images->lock);
    forget_images(images);
    strand_mutex_unlock(&images->lock);
    int status = strand_path_join(path, directory, STRAND_INDEX_NAME);
    return status == STRAND_OK ? strand_path_remove(strand_fs_posix(), path) : status;
}

static int keep(struct crashtest_images *images, char *data, size_t size, size_t note_count)
    STRAND_REQUIRES(images->lock);

/* Takes DATA over. */
static int
keep(struct crashtest_images *images, char *data, size_t size, size_t note_count)
{
    const struct image *last =
        images->image_count > 0 ? &images->images[images->image_count - 1] : NULL;

    strand_assert(last == NULL || last->note_count <= note_count);
    if (last != NULL && last->size == size && memcmp(last->data, data, size) == 0) {
        free(data);
        return STRAND_OK;
    }
    void *grown =
        grow(images->images, &images->image_capacity, images->image_count, sizeof *images->images);
    if (grown == NULL) {
        free(data);
        return strand_fail(STRAND_ERR_NO_MEMORY, "keep an image of an index");
    }
    images->images = grown;
    images->images[images->image_count++] = (struct image){data, size, note_count};
    return STRAND_OK;
}

int
crashtest_images_take(struct crashtest_images *images, const char *directory, size_t note_count)
{
    char path[STRAND_PATH_SIZE_MAX];
    char *data = NULL;
    size_t size = 0;

    int status = strand_path_join(path, directory, STRAND_INDEX_NAME);
    if (status == STRAND_OK)
        status = strand_path_read(strand_fs_posix(), path, IMAGE_SIZE_MAX, &data, &size);
    if (status == STRAND_ERR_NOT_FOUND)
        return STRAND_OK; /* nothing was opened yet */
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&images->lock);
    status = keep(images, data, size, note_count);
    strand_mutex_unlock(&images->lock);
    return status;
}

/* ---- Putting ---- */

static const struct image *find_image(const struct crashtest_images *images,
                                      enum crashtest_index kind, size_t note_count)
    STRAND_REQUIRES(images->lock);

/* NULL: nothing had been committed by then, or nothing is to be there. */
static const struct image *
find_image(const struct crashtest_images *images, enum crashtest_index kind, size_t note_count)
{
    size_t count = 0;

    while (count < images->image_count && images->images[count].note_count <= note_count)
        count++;
    if (count == 0 || kind == CRASHTEST_INDEX_GONE || kind == CRASHTEST_INDEX_MEMORY)
        return NULL;
    return &images->images[kind == CRASHTEST_INDEX_OLD ? (count - 1) / 2 : count - 1];
}

/* splitmix64 */
static uint64_t
next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* What happens to files: bytes that are others, a page that is zeros or of elsewhere, an end that
 * is missing. */
static size_t
damage(char *data, size_t size, uint64_t seed)
{
    size_t pages = size / PAGE_SIZE;
    uint64_t random = seed;
    uint64_t kind = next_random(&random) % 4;

    if (pages == 0)
        return size;
    size_t page = next_random(&random) % pages;
    size_t other = next_random(&random) % pages;
    if (kind == 0) {
        for (uint64_t i = 1 + next_random(&random) % WRONG_BYTES_MAX; i > 0; i--)
            data[next_random(&random) % size]++;
    } else if (kind == 1) {
        memset(data + page * PAGE_SIZE, 0, PAGE_SIZE);
    } else if (kind == 2) {
        memmove(data + page * PAGE_SIZE, data + other * PAGE_SIZE, PAGE_SIZE);
    } else {
        size = next_random(&random) % size;
    }
    return size;
}

static int
store(const char *path, const char *data, size_t size)
{
    struct strand_file file = {0};
    int status = strand_file_open(strand_fs_posix(), path,
                                  STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY, &file);

    if (status == STRAND_OK)
        status = strand_file_write(&file, data, size, 0, NULL);
    if (status == STRAND_OK)
        return strand_file_close(&file);
    strand_file_discard(&file);
    return status;
}

static int
store_damaged(const char *path, const struct image *image, uint64_t seed)
{
    char *copy = malloc(image->size + 1);

    if (copy == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "damage %s", path);
    memcpy(copy, image->data, image->size);
    int status = store(path, copy, damage(copy, image->size, seed));
    free(copy);
    return status;
}

int
crashtest_images_put(struct crashtest_images *images, enum crashtest_index kind, size_t note_count,
                     uint64_t seed, const char *directory)
{
    char path[STRAND_PATH_SIZE_MAX];

    int status = strand_path_join(path, directory, STRAND_INDEX_NAME);
    if (status != STRAND_OK)
        return status;
    strand_mutex_lock(&images->lock);
    const struct image *found = find_image(images, kind, note_count);
    struct image image = found != NULL ? *found : (struct image){NULL, 0, 0};
    strand_mutex_unlock(&images->lock);
    /* Images go only when another run begins, when nobody checks. */
    if (image.data == NULL)
        return strand_path_remove(strand_fs_posix(), path);
    return kind == CRASHTEST_INDEX_DAMAGED ? store_damaged(path, &image, seed)
                                           : store(path, image.data, image.size);
}
