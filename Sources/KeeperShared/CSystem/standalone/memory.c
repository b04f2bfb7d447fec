// memcpy and its relatives, and the few functions of strings that are called. Sixteen bytes at a time: every processor of
// this architecture can do that.
#include "standalone.h"

#ifdef __x86_64__
#include <emmintrin.h>

typedef __m128i lanes;

static inline lanes load(const void *from) { return _mm_loadu_si128(from); }
static inline void store(void *to, lanes value) { _mm_storeu_si128(to, value); }
// A bit for each byte that is the same in both.
static inline unsigned same(lanes a, lanes b) { return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)); }

// Memory that may overlap; at most 64 bytes, all of which are loaded before the first is stored.
PLAIN static inline void move_few(char *to, const char *from, size_t count) {
    if (count > 32) {
        lanes a = load(from), b = load(from + 16), c = load(from + count - 32), d = load(from + count - 16);
        store(to, a);
        store(to + 16, b);
        store(to + count - 32, c);
        store(to + count - 16, d);
    } else if (count >= 16) {
        lanes a = load(from), b = load(from + count - 16);
        store(to, a);
        store(to + count - 16, b);
    } else if (count >= 8) {
        lanes a = _mm_loadl_epi64((const void *)from), b = _mm_loadl_epi64((const void *)(from + count - 8));
        _mm_storel_epi64((void *)to, a);
        _mm_storel_epi64((void *)(to + count - 8), b);
    } else if (count >= 4) {
        lanes a = _mm_loadu_si32(from), b = _mm_loadu_si32(from + count - 4);
        _mm_storeu_si32(to, a);
        _mm_storeu_si32(to + count - 4, b);
    } else if (count > 0) {
        char a = from[0], b = from[count / 2], c = from[count - 1];
        to[0] = a;
        to[count / 2] = b;
        to[count - 1] = c;
    }
}

PLAIN void *OWN(memmove)(void *target, const void *source, size_t count) {
    char *to = target;
    const char *from = source;
    if (count <= 64) {
        move_few(to, from, count);
    } else if ((uintptr_t)to - (uintptr_t)from >= count) {
        // Upwards. The last 64 bytes are loaded first, because the loop may overwrite them, and stored last.
        const char *rest = from + count - 64;
        lanes a = load(rest), b = load(rest + 16), c = load(rest + 32), d = load(rest + 48);
        char *last = to + count - 64;
        // From 1 KiB on the processor's own copy is as fast as anything, except to a place right before.
        if (count >= 1024 && (uintptr_t)from - (uintptr_t)to >= 64) {
            size_t most = count - 64;
            __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(most) : : "memory");
        }
        for (; to < last; to += 64, from += 64) {
            lanes e = load(from), f = load(from + 16), g = load(from + 32), h = load(from + 48);
            store(to, e);
            store(to + 16, f);
            store(to + 32, g);
            store(to + 48, h);
        }
        store(last, a);
        store(last + 16, b);
        store(last + 32, c);
        store(last + 48, d);
    } else {
        lanes a = load(from), b = load(from + 16), c = load(from + 32), d = load(from + 48);
        while (count > 64) {
            count -= 64;
            const char *next = from + count;
            lanes e = load(next), f = load(next + 16), g = load(next + 32), h = load(next + 48);
            store(to + count, e);
            store(to + count + 16, f);
            store(to + count + 32, g);
            store(to + count + 48, h);
        }
        store(to, a);
        store(to + 16, b);
        store(to + 32, c);
        store(to + 48, d);
    }
    return target;
}
void *OWN(memcpy)(void *target, const void *source, size_t count) __attribute__((alias(TEXT_OF(OWN(memmove)))));

PLAIN void *OWN(memset)(void *target, int value, size_t count) {
    char *to = target, *end = to + count;
    if (count < 16) {
        for (; to < end; to++)
            *to = (char)value;
        return target;
    }
    if (count >= 1024) {
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
        return target;
    }
    lanes all = _mm_set1_epi8((char)value);
    for (; end - to > 16; to += 16)
        store(to, all);
    store(end - 16, all);
    return target;
}

// Big-endian numbers are ordered as their bytes are.
static inline int order(uint64_t a, uint64_t b) { return a == b ? 0 : __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1; }
static inline uint64_t eight(const unsigned char *from) {
    uint64_t value;
    __builtin_memcpy_inline(&value, from, sizeof value);
    return value;
}

PLAIN int OWN(memcmp)(const void *first, const void *second, size_t count) {
    const unsigned char *a = first, *b = second;
    if (count >= 16) {
        const unsigned char *last = a + count - 16, *at = a;
        unsigned different = 0;
        while (at < last && !(different = same(load(at), load(b + (at - a))) ^ 0xffff))
            at += 16;
        if (!different) {
            at = last;
            different = same(load(at), load(b + (at - a))) ^ 0xffff;
        }
        if (!different)
            return 0;
        at += __builtin_ctz(different);
        return *at - b[at - a];
    }
    if (count >= 8) {
        int result = order(eight(a), eight(b));
        return result ? result : order(eight(a + count - 8), eight(b + count - 8));
    }
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return a[i] - b[i];
    return 0;
}
int OWN(bcmp)(const void *first, const void *second, size_t count) __attribute__((alias(TEXT_OF(OWN(memcmp)))));

// The searches read whole aligned blocks, so that they may look at bytes before and after what was asked for. Such a
// block never reaches into another page.
static inline const char *aligned(const void *pointer) { return (const char *)((uintptr_t)pointer & ~(uintptr_t)15); }
static inline lanes block(const char *from) { return _mm_load_si128((const void *)from); }

PLAIN void *OWN(memchr)(const void *bytes, int wanted, size_t count) {
    if (count == 0)
        return NULL;
    const char *at = aligned(bytes), *end = (const char *)bytes + count;
    if (end < (const char *)bytes)
        end = (const char *)UINTPTR_MAX;
    const lanes all = _mm_set1_epi8((char)wanted);
    unsigned found = same(block(at), all) & (~0U << ((uintptr_t)bytes & 15));
    while (!found) {
        at += 16;
        if (at >= end)
            return NULL;
        // Aligned, because what lies behind the byte that is found may be out of reach: memchr(text, 0, SIZE_MAX).
        while (((uintptr_t)at & 63) == 0 && (uintptr_t)end - (uintptr_t)at >= 64) {
            lanes a = _mm_cmpeq_epi8(block(at), all), b = _mm_cmpeq_epi8(block(at + 16), all);
            lanes c = _mm_cmpeq_epi8(block(at + 32), all), d = _mm_cmpeq_epi8(block(at + 48), all);
            if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))))
                break;
            at += 64;
        }
        if (at >= end)
            return NULL;
        found = same(block(at), all);
    }
    at += __builtin_ctz(found);
    return at < end ? (void *)at : NULL;
}

PLAIN void *OWN(memrchr)(const void *bytes, int wanted, size_t count) {
    if (count == 0)
        return NULL;
    const char *start = bytes, *last = start + count - 1, *at = aligned(last);
    const lanes all = _mm_set1_epi8((char)wanted);
    unsigned found = same(block(at), all) & (0xffffU >> (15 - ((uintptr_t)last & 15)));
    while (!found) {
        if (at <= start)
            return NULL;
        while (at - start >= 64) {
            lanes a = _mm_cmpeq_epi8(block(at - 16), all), b = _mm_cmpeq_epi8(block(at - 32), all);
            lanes c = _mm_cmpeq_epi8(block(at - 48), all), d = _mm_cmpeq_epi8(block(at - 64), all);
            if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))))
                break;
            at -= 64;
        }
        if (at <= start)
            return NULL;
        at -= 16;
        found = same(block(at), all);
    }
    at += 31 - __builtin_clz(found);
    return at >= start ? (void *)at : NULL;
}

PLAIN size_t OWN(strlen)(const char *text) {
    const char *at = aligned(text);
    const lanes zero = _mm_setzero_si128();
    unsigned found = same(block(at), zero) & (~0U << ((uintptr_t)text & 15));
    while (!found) {
        at += 16;
        found = same(block(at), zero);
    }
    return (size_t)(at - text) + (size_t)__builtin_ctz(found);
}
#endif

#ifdef KEEPER_STANDALONE
size_t strnlen(const char *text, size_t most) {
    const char *end = memchr(text, 0, most);
    return end ? (size_t)(end - text) : most;
}
#endif

// Needle times haystack in the worst case; what is looked for here is short.
PLAIN void *OWN(memmem)(const void *haystack, size_t count, const void *needle, size_t size) {
    if (size == 0)
        return (void *)haystack;
    const char *at = haystack, *wanted = needle;
    while (count >= size) {
        const char *found = memchr(at, wanted[0], count - size + 1);
        if (!found)
            break;
        if (memcmp(found, wanted, size) == 0)
            return (void *)found;
        count -= (size_t)(found + 1 - at);
        at = found + 1;
    }
    return NULL;
}

PLAIN int OWN(strncmp)(const char *first, const char *second, size_t most) {
    for (; most > 0; first++, second++, most--)
        if (*first != *second || *first == 0)
            return (unsigned char)*first - (unsigned char)*second;
    return 0;
}

PLAIN char *OWN(strchr)(const char *text, int wanted) {
    for (; *text != (char)wanted; text++)
        if (*text == 0)
            return NULL;
    return (char *)text;
}

PLAIN size_t OWN(strcspn)(const char *text, const char *unwanted) {
    size_t length = 0;
    while (text[length] && !OWN(strchr)(unwanted, text[length]))
        length++;
    return length;
}

#ifdef KEEPER_STANDALONE
int strcmp(const char *first, const char *second) { return strncmp(first, second, SIZE_MAX); }

char *strcpy(char *to, const char *from) { return memcpy(to, from, strlen(from) + 1); }

char *strcat(char *to, const char *from) {
    strcpy(to + strlen(to), from);
    return to;
}

char *strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}
#endif
