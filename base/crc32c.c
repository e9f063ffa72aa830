/* base/crc32c.c -- CRC-32C as fast as the processor at hand allows.
 *
 * The crc32 instruction takes one word per cycle but answers after three, so a single chain of them
 * runs at a third of its speed.  On x86-64 three neighbouring stretches of the data are therefore
 * summed side by side and then joined: the CRC of a stretch with N bytes behind it is moved over
 * them by multiplying with x^(8N) modulo the polynomial, which is one carry-less multiplication.
 *
 * Where a register holds four carry-less products, the data itself is folded instead (Gopal and
 * others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", 2009): 256
 * bytes are moved over the next 256 and added to them, until what is left is so little that the
 * crc32 instruction sums it.
 */
#include "base/crc32c.h"

#include <stdatomic.h>
#include <stdbool.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "base/assert.h"
#include "base/bytes.h"
#include "base/thread.h" /* pthread_once */

enum { SLICE_COUNT = 8 };

static const uint32_t POLYNOMIAL = 0x82f63b78;

/* tables[k][b]: the CRC of byte B with K zero bytes behind it. */
static uint32_t tables[SLICE_COUNT][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void
fill_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
        tables[0][byte] = crc;
    }
    for (int slice = 1; slice < SLICE_COUNT; slice++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t shorter = tables[slice - 1][byte];
            tables[slice][byte] = (shorter >> 8) ^ tables[0][shorter & 0xff];
        }
    }
}

static uint32_t
step_by_8(uint32_t crc, const uint8_t *from)
{
    uint32_t low = crc ^ strand_get_le32(from);
    uint32_t high = strand_get_le32(from + 4);

    return tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
           tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^
           tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
}

static uint32_t
crc32c_table(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *from = data;
    int result = pthread_once(&tables_once, fill_tables);

    strand_assert(result == 0);
    crc = ~crc;
    for (; size >= 8; from += 8, size -= 8)
        crc = step_by_8(crc, from);
    for (; size > 0; from++, size--)
        crc = (crc >> 8) ^ tables[0][(crc ^ *from) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)

#define TARGET_X86 __attribute__((target("sse4.2,pclmul")))

/* Three stretches of SIZE bytes each.  Factors for moving over one and over two stretches:
 * x^(8N - 33) modulo the polynomial, reflected, for N of 1 and 2 times SIZE bytes.  Of the missing
 * 33, the crc32 instruction that reduces the product supplies 32, and one comes from the
 * multiplication of reflected numbers, whose product is one bit short. */
struct stretch {
    size_t size;
    uint32_t over_one;
    uint32_t over_two;
};

static const struct stretch STRETCHES[] = {
    {1024, 0x170076fa, 0xa51b6135},
    {256, 0xb9e02b86, 0xdd7e3b0c},
    {64, 0x9e4addf8, 0x0d3b6092},
};

enum { STRETCH_COUNT = sizeof STRETCHES / sizeof STRETCHES[0] };

TARGET_X86 static inline uint64_t
multiply(uint64_t crc, uint32_t factor)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi32_si128((int)factor), 0);

    return (uint64_t)_mm_cvtsi128_si64(product);
}

TARGET_X86 static inline uint64_t
sum_three_stretches(uint64_t crc, const uint8_t *from, const struct stretch *stretch)
{
    size_t size = stretch->size;
    uint64_t second = 0;
    uint64_t third = 0;

    for (size_t i = 0; i < size; i += 8) {
        crc = _mm_crc32_u64(crc, strand_get_le64(from + i));
        second = _mm_crc32_u64(second, strand_get_le64(from + size + i));
        third = _mm_crc32_u64(third, strand_get_le64(from + 2 * size + i));
    }
    uint64_t moved = multiply(crc, stretch->over_two) ^ multiply(second, stretch->over_one);
    return _mm_crc32_u64(0, moved) ^ third;
}

TARGET_X86 static uint32_t
crc32c_x86(uint32_t initial, const void *data, size_t size)
{
    const uint8_t *from = data;
    uint64_t crc = (uint32_t)~initial;

    for (int i = 0; i < STRETCH_COUNT; i++) {
        const struct stretch *stretch = &STRETCHES[i];
        for (; size >= 3 * stretch->size; from += 3 * stretch->size, size -= 3 * stretch->size)
            crc = sum_three_stretches(crc, from, stretch);
    }
    for (; size >= 8; from += 8, size -= 8)
        crc = _mm_crc32_u64(crc, strand_get_le64(from));
    for (; size > 0; from++, size--)
        crc = _mm_crc32_u8((uint32_t)crc, *from);
    return (uint32_t)~crc;
}

#define TARGET_AVX512 __attribute__((target("sse4.2,pclmul,avx512f,vpclmulqdq")))

enum { FOLD_SIZE = 256, FOLD_MIN = 2 * FOLD_SIZE }; /* below that the streams are as fast */

/* For moving 16 bytes over DISTANCE bits: x^(DISTANCE + 63) and x^(DISTANCE - 1) modulo the
 * polynomial, reflected; the first is for the 8 bytes in front.  The missing bit is that of the
 * multiplication of reflected numbers. */
struct fold {
    uint64_t front;
    uint64_t back;
};

static const struct fold FOLD_2048 = {0xe9a5d8be00000000, 0x1426a81500000000};
static const struct fold FOLD_512 = {0x1c19243b00000000, 0x75bba45b00000000};
static const struct fold FOLD_128 = {0x3743f7bd00000000, 0x3171d43000000000};

/* Move the four times 16 bytes of BYTES, and add NEXT. */
TARGET_AVX512 static inline __m512i
fold_512(__m512i bytes, __m512i next, const struct fold *fold)
{
    __m512i factors = _mm512_set4_epi64((long long)fold->back, (long long)fold->front,
                                        (long long)fold->back, (long long)fold->front);
    __m512i front = _mm512_clmulepi64_epi128(bytes, factors, 0x00);
    __m512i back = _mm512_clmulepi64_epi128(bytes, factors, 0x11);

    return _mm512_ternarylogic_epi64(front, back, next, 0x96); /* exclusive or of all three */
}

TARGET_AVX512 static inline __m128i
fold_128(__m128i bytes, __m128i next)
{
    __m128i factors = _mm_set_epi64x((long long)FOLD_128.back, (long long)FOLD_128.front);
    __m128i front = _mm_clmulepi64_si128(bytes, factors, 0x00);
    __m128i back = _mm_clmulepi64_si128(bytes, factors, 0x11);

    return _mm_xor_si128(_mm_xor_si128(front, back), next);
}

/* The sum of the 64 bytes of BYTES. */
TARGET_AVX512 static inline uint32_t
reduce(__m512i bytes)
{
    __m128i rest = _mm512_castsi512_si128(bytes);

    rest = fold_128(rest, _mm512_extracti32x4_epi32(bytes, 1));
    rest = fold_128(rest, _mm512_extracti32x4_epi32(bytes, 2));
    rest = fold_128(rest, _mm512_extracti32x4_epi32(bytes, 3));
    uint64_t crc = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(rest));
    return (uint32_t)_mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(rest, 1));
}

/* Four registers by name: in an array compilers would keep them in memory. */
TARGET_AVX512 static uint32_t
crc32c_avx512(uint32_t initial, const void *data, size_t size)
{
    const uint8_t *from = data;

    if (size < FOLD_MIN)
        return crc32c_x86(initial, data, size);
    __m512i first = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~initial));
    first = _mm512_xor_si512(first, _mm512_loadu_si512(from));
    __m512i second = _mm512_loadu_si512(from + 64);
    __m512i third = _mm512_loadu_si512(from + 128);
    __m512i fourth = _mm512_loadu_si512(from + 192);
    for (from += FOLD_SIZE, size -= FOLD_SIZE; size >= FOLD_SIZE;
         from += FOLD_SIZE, size -= FOLD_SIZE) {
        first = fold_512(first, _mm512_loadu_si512(from), &FOLD_2048);
        second = fold_512(second, _mm512_loadu_si512(from + 64), &FOLD_2048);
        third = fold_512(third, _mm512_loadu_si512(from + 128), &FOLD_2048);
        fourth = fold_512(fourth, _mm512_loadu_si512(from + 192), &FOLD_2048);
    }
    second = fold_512(first, second, &FOLD_512);
    third = fold_512(second, third, &FOLD_512);
    fourth = fold_512(third, fourth, &FOLD_512);
    return crc32c_x86(~reduce(fourth), from, size);
}

strand_crc32c_fn *
strand_crc32c_implementation(size_t number)
{
    bool has_streams = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
    bool can_fold =
        has_streams && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");

    if (number == 0)
        return crc32c_table;
    if (number == 1 && has_streams)
        return crc32c_x86;
    return number == 2 && can_fold ? crc32c_avx512 : NULL;
}

#elif defined(__aarch64__)

enum { HWCAP_HAS_CRC32 = 1 << 7 }; /* HWCAP_CRC32 of <asm/hwcap.h> */

/* In assembly, because gcc and clang disagree on how a function asks for the intrinsics. */
static inline uint32_t
step_by_8_arm(uint32_t crc, uint64_t word)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    return crc;
}

static inline uint32_t
step_by_1_arm(uint32_t crc, uint8_t byte)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)byte));
    return crc;
}

static uint32_t
crc32c_arm(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *from = data;

    crc = ~crc;
    for (; size >= 8; from += 8, size -= 8)
        crc = step_by_8_arm(crc, strand_get_le64(from));
    for (; size > 0; from++, size--)
        crc = step_by_1_arm(crc, *from);
    return ~crc;
}

strand_crc32c_fn *
strand_crc32c_implementation(size_t number)
{
    if (number == 0)
        return crc32c_table;
    return number == 1 && (getauxval(AT_HWCAP) & HWCAP_HAS_CRC32) != 0 ? crc32c_arm : NULL;
}

#else

strand_crc32c_fn *
strand_crc32c_implementation(size_t number)
{
    return number == 0 ? crc32c_table : NULL;
}

#endif

static uint32_t choose_and_sum(uint32_t crc, const void *data, size_t size);

/* Atomic, relaxed: threads that race through the first call store the same value, which publishes
 * nothing but itself. */
static _Atomic(strand_crc32c_fn *) chosen = choose_and_sum;

static uint32_t
choose_and_sum(uint32_t crc, const void *data, size_t size)
{
    strand_crc32c_fn *best = crc32c_table;

    for (size_t i = 1; strand_crc32c_implementation(i) != NULL; i++)
        best = strand_crc32c_implementation(i);
    atomic_store_explicit(&chosen, best, memory_order_relaxed);
    return best(crc, data, size);
}

uint32_t
strand_crc32c(uint32_t crc, const void *data, size_t size)
{
    return atomic_load_explicit(&chosen, memory_order_relaxed)(crc, data, size);
}
