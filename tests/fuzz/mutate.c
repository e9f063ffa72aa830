/* tests/fuzz/mutate.c -- A fuzz target as a test that needs no fuzzer: all files of a corpus, then
 * each of them damaged, the same way each time.
 *
 *     fuzz_mutate_<target> [ROUNDS [DIRECTORY...]]   so many damaged inputs in all
 *     fuzz_mutate_<target> --seeds DIRECTORY         writes what a corpus begins with
 *     fuzz_mutate_<target> --one FILE                that file alone; printed for each that goes
 * wrong
 *
 * The target's own seeds are always among the inputs.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

enum {
    INPUTS_MAX = 4096,
    INPUT_SIZE_MAX = 256 << 10,
    PAGE = 4096,
    HEAD = 160,
    ROUNDS = 4000,
    SECONDS_MAX = 60
};

static struct strand_buffer inputs[INPUTS_MAX];
static size_t input_count;
static uint64_t state = 1;

static uint32_t
random_below(size_t bound)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((state >> 33) % bound);
}

/* ---- Inputs ---- */

static void
add_file(const char *path)
{
    static uint8_t data[INPUT_SIZE_MAX];
    FILE *stream = fopen(path, "rb");

    FUZZ_MUST(stream != NULL);
    size_t size = fread(data, 1, sizeof data, stream);
    (void)fclose(stream); /* nothing was written */
    FUZZ_MUST(input_count < INPUTS_MAX);
    fuzz_put(&inputs[input_count++], data, size);
}

static int
is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
add_directory(const char *directory)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_file, alphasort);

    FUZZ_MUST(count > 0);
    for (int i = 0; i < count; i++) {
        char path[4096];

        (void)snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        add_file(path);
        free(entries[i]);
    }
    free(entries);
}

static void
add_seeds(void)
{
    FUZZ_MUST(input_count < INPUTS_MAX);
    for (unsigned number = 0; fuzz_make_seed(number, &inputs[input_count]); number++)
        FUZZ_MUST(++input_count < INPUTS_MAX);
}

static int
write_seeds(const char *directory)
{
    for (size_t i = 0; i < input_count; i++) {
        char path[4096];

        (void)snprintf(path, sizeof path, "%s/seed-%02zu", directory, i);
        FILE *stream = fopen(path, "wb");
        FUZZ_MUST(stream != NULL);
        FUZZ_MUST(fwrite(inputs[i].data, 1, inputs[i].size, stream) == inputs[i].size);
        FUZZ_MUST(fclose(stream) == 0);
    }
    return 0;
}

/* ---- The input that a program dies of ---- */

static const uint8_t *current;
static size_t current_size;
static char failed_path[64]; /* made beforehand: a signal handler may do little */
static char failed_text[128];

static void
keep_input(int number)
{
    int file = open(failed_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t written = write(file, current, current_size);

    written += write(STDERR_FILENO, failed_text, strlen(failed_text));
    (void)written; /* there is nobody left to tell */
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void
keep_inputs_of_deaths(const char *program)
{
    (void)snprintf(failed_path, sizeof failed_path, "/tmp/fuzz-input.%ld", (long)getpid());
    (void)snprintf(failed_text, sizeof failed_text, "again: %.40s --one %s\n", program,
                   failed_path);
    (void)signal(SIGABRT, keep_input);
    (void)signal(SIGSEGV, keep_input);
    (void)signal(SIGBUS, keep_input);
    (void)signal(SIGALRM, keep_input);
}

static void
run(const uint8_t *data, size_t size)
{
    current = data;
    current_size = size;
    (void)alarm(SECONDS_MAX);
    (void)LLVMFuzzerTestOneInput(data, size);
}

/* ---- Damage ---- */

/* Of a large input mostly the beginnings of pages. */
static size_t
some_byte(size_t size)
{
    if (size < 2 * PAGE || random_below(3) == 0)
        return random_below(size);
    return random_below(size / PAGE) * (size_t)PAGE + random_below(HEAD);
}

/* A number that is often wrong to believe, in one of the sizes and orders. */
static void
put_number(uint8_t *data, size_t size, size_t at)
{
    static const uint64_t numbers[] = {0,        1,          0x7f,       0x80,  0xff,
                                       0x7fff,   0x8000,     0xffff,     61,    49,
                                       1U << 30, 0x7fffffff, 0x80000000, ~0ULL, 0x7fffffffffffffff};
    uint64_t number = numbers[random_below(sizeof numbers / sizeof *numbers)];
    size_t width = (size_t)1 << random_below(4);
    bool is_big = random_below(2) == 0;

    for (size_t i = 0; i < width && at + i < size; i++)
        data[at + i] = (uint8_t)(number >> 8 * (is_big ? width - 1 - i : i));
}

/* A piece of OTHER goes over, or into, what stands in DATA. */
static size_t
splice(uint8_t *data, size_t size, size_t at, const struct strand_buffer *other)
{
    size_t from = random_below(other->size);
    size_t length = 1 + random_below(random_below(4) == 0 ? PAGE : 64);

    length = length > other->size - from ? other->size - from : length;
    if (random_below(2) == 0 && size + length <= INPUT_SIZE_MAX) {
        memmove(data + at + length, data + at, size - at);
        memcpy(data + at, other->data + from, length);
        return size + length;
    }
    length = length > size - at ? size - at : length;
    memcpy(data + at, other->data + from, length);
    return size;
}

static size_t
damage(uint8_t *data, size_t size)
{
    const struct strand_buffer *other = &inputs[random_below(input_count)];
    size_t at = size > 0 ? some_byte(size) : 0;
    size_t page = at / PAGE * PAGE;
    uint32_t choice = random_below(12);

    if (size == 0)
        return other->size > 0 ? splice(data, size, 0, other) : 0;
    if (choice == 0)
        return random_below(size + 1);
    if (choice == 1) {
        size_t length = 1 + random_below(size - at < 64 ? size - at : 64);
        memmove(data + at, data + at + length, size - at - length);
        return size - length;
    }
    if (choice == 2 && size >= 2 * PAGE && page + PAGE <= size) { /* a page is another one */
        size_t whole = random_below(2) == 0 ? 0 : 8;              /* and has the right number */
        size_t from = random_below(size / PAGE) * (size_t)PAGE;
        memmove(data + page + whole, data + from + whole, PAGE - whole);
    } else if (choice <= 3 && other->size > 0) {
        return splice(data, size, at, other);
    } else if (choice <= 5) {
        put_number(data, size, at);
    } else if (choice <= 7) {
        data[at] = (uint8_t)random_below(256);
    } else {
        data[at] ^= (uint8_t)(1U << random_below(8));
    }
    return size;
}

static void
run_damaged(const struct strand_buffer *input)
{
    static uint8_t data[INPUT_SIZE_MAX + PAGE];
    size_t size = input->size;

    if (size > 0)
        memcpy(data, input->data, size);
    for (uint32_t times = 1 + random_below(3); times > 0; times--)
        size = damage(data, size);
    uint8_t *exact = malloc(size > 0 ? size : 1); /* so that a read beyond the end is seen */
    FUZZ_MUST(exact != NULL);
    memcpy(exact, data, size);
    run(exact, size);
    free(exact);
}

/* ---- All of them ---- */

static void
free_inputs(void)
{
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
}

int
main(int argc, char **argv)
{
    bool is_seeding = argc == 3 && strcmp(argv[1], "--seeds") == 0;
    bool is_one = argc == 3 && strcmp(argv[1], "--one") == 0;
    long rounds = is_seeding || is_one ? 0 : argc > 1 ? atol(argv[1]) : ROUNDS;

    const char *slash = strrchr(argv[0], '/');
    keep_inputs_of_deaths(slash != NULL ? slash + 1 : argv[0]);
    if (is_one)
        add_file(argv[2]);
    else
        add_seeds();
    for (int i = 2; i < argc && !is_seeding && !is_one; i++)
        add_directory(argv[i]);
    FUZZ_MUST(input_count > 0);
    for (size_t i = 0; i < input_count && !is_seeding; i++)
        run(inputs[i].data, inputs[i].size);
    for (long round = 0; round < rounds; round++)
        run_damaged(&inputs[(size_t)round % input_count]);
    int result = is_seeding ? write_seeds(argv[2]) : 0;
    (void)printf("%zu inputs, %ld damaged ones\n", input_count, rounds);
    free_inputs();
    return result;
}
