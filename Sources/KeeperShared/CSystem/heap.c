// malloc for one thread, in place of musl's in release builds.
//
// musl's own is made for safety and many threads: with it a keeper takes 1.2 times as long to start and a `write` 1.4
// times (200 pairs each, x86-64), and an idle keeper has 47 KiB of private memory instead of 39. Debug builds hold it
// under other names for its test.
//
// Blocks lie one after the other in the memory between the end of the program and the "break"; what is free is kept in
// 64 lists by size, joined with free neighbours, and the smallest list that has something to offer serves. Blocks from
// 128 KiB on are mappings of their own and go back to the system when they are freed.
#include "csystem.h"

#include <stdint.h>

#ifdef KEEPER_MUSL
#define OWN(name) name
#else
#define OWN(name) csys_own_##name
#endif

// The compiler must not take malloc and memset in the body of calloc for a call of calloc.
#define PLAIN __attribute__((no_builtin))

// The size counts the header (8 bytes) and is a multiple of 16. A free block has links and, in its last 8 bytes, its
// size once more, where the next block finds it.
struct block {
    size_t size; // and the flags below
    struct block *next, *previous;
};
enum { is_free = 1, follows_free = 2, is_mapped = 4, flags = 15 };
enum { header = sizeof(size_t), least = 32, page = 4096, list_count = 64 };
enum { growth = 64 * 1024, most_spare = 256 * 1024, mapped_from = 128 * 1024 };

static struct block *lists[list_count];
static uint64_t filled;   // a bit for each list that isn't empty
static char *top, *limit; // from top on nothing was handed out; memory ends at limit

static inline size_t size_of(const struct block *block) { return block->size & ~(size_t)flags; }
static inline struct block *after(struct block *block) { return (struct block *)((char *)block + size_of(block)); }
static inline size_t *last_word(struct block *block) { return (size_t *)after(block) - 1; }

// One list for each size below 512, then four for each power of two.
static int list_for(size_t size) {
    if (size < 512)
        return (int)(size / 16);
    int power = 63 - __builtin_clzl(size);
    int list = 32 + (power - 9) * 4 + (int)(size >> (power - 2) & 3);
    return list < list_count ? list : list_count - 1;
}

static void insert(struct block *block) {
    int list = list_for(size_of(block));
    block->size |= is_free;
    *last_word(block) = size_of(block);
    block->previous = NULL;
    block->next = lists[list];
    if (block->next)
        block->next->previous = block;
    lists[list] = block;
    filled |= 1UL << list;
}

static void removed(struct block *block) {
    if (block->next)
        block->next->previous = block->previous;
    if (block->previous) {
        block->previous->next = block->next;
    } else {
        int list = list_for(size_of(block));
        lists[list] = block->next;
        if (!block->next)
            filled &= ~(1UL << list);
    }
    block->size &= ~(size_t)is_free;
}

static struct block *find(size_t size) {
    int list = list_for(size);
    // Blocks of one list differ in size from the 32nd on. A few are looked at; of the last, all.
    int tries = list == list_count - 1 ? INT_MAX : 8;
    for (struct block *block = lists[list]; block && tries > 0; block = block->next, tries--)
        if (size_of(block) >= size)
            return block;
    uint64_t larger = list == list_count - 1 ? 0 : filled & (~0UL << (list + 1));
    return larger ? lists[__builtin_ctzl(larger)] : NULL;
}

static char *system_break(char *wanted);

static int grow(size_t size) {
    if (!top) {
        char *start = system_break(NULL);
        limit = start;
        // Headers lie 8 bytes before a multiple of 16, so that what they precede lies on one.
        top = (char *)(((uintptr_t)start + 15) & ~(uintptr_t)15) + header;
    }
    size_t missing = (size_t)(top - limit) + size + header;
    char *wanted = limit + (missing + growth - 1) / growth * growth;
    if (system_break(wanted) != wanted)
        return 0;
    limit = wanted;
    return 1;
}

// A mapping: what lies before the bytes handed out has its size in the last word but one, then the distance to its
// start with the flag.
static void *map(size_t size, size_t alignment) {
    size_t lead = alignment > 16 ? alignment : 16;
    if (size > PTRDIFF_MAX - lead - page)
        return NULL;
    size_t whole = (size + lead + page - 1) & ~(size_t)(page - 1);
    char *start = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t *words = (size_t *)(start + lead);
    words[-2] = whole;
    words[-1] = lead | is_mapped;
    return words;
}

PLAIN void *OWN(malloc)(size_t count) {
    if (count >= mapped_from) {
        void *bytes = map(count, 16);
        if (!bytes)
            errno = ENOMEM;
        return bytes;
    }
    size_t size = (count + header + 15) & ~(size_t)15;
    if (size < least)
        size = least;
    struct block *block = find(size);
    if (block) {
        removed(block);
        size_t rest = size_of(block) - size;
        if (rest >= least) {
            block->size -= rest;
            struct block *other = after(block);
            other->size = rest;
            insert(other);
        } else {
            after(block)->size &= ~(size_t)follows_free;
        }
        return &block->next;
    }
    if ((!top || (size_t)(limit - top) < size + header) && !grow(size)) {
        void *bytes = map(count, 16); // something is in the break's way
        if (!bytes)
            errno = ENOMEM;
        return bytes;
    }
    block = (struct block *)top;
    block->size = size;
    top += size;
    return &block->next;
}

PLAIN void OWN(free)(void *bytes) {
    if (!bytes)
        return;
    struct block *block = (struct block *)((char *)bytes - header);
    if (block->size & is_mapped) {
        size_t lead = block->size & ~(size_t)flags, *words = bytes;
        int code = errno; // free must not change it
        munmap((char *)bytes - lead, words[-2]);
        errno = code;
        return;
    }
    if (block->size & is_free)
        __builtin_trap(); // freed twice
    if (block->size & follows_free) {
        struct block *before = (struct block *)((char *)block - ((size_t *)block)[-1]);
        removed(before);
        before->size += size_of(block);
        block = before;
    }
    struct block *next = after(block);
    if ((char *)next == top) {
        top = (char *)block;
        char *lower = (char *)(((uintptr_t)top + growth) & ~(uintptr_t)(page - 1));
        if (limit - top > most_spare && system_break(lower) == lower)
            limit = lower;
        return;
    }
    if (next->size & is_free) {
        removed(next);
        block->size += size_of(next);
        next = after(block);
    }
    next->size |= follows_free;
    insert(block);
}

PLAIN void *OWN(calloc)(size_t count, size_t size) {
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole)) {
        errno = ENOMEM;
        return NULL;
    }
    void *bytes = OWN(malloc)(whole);
    // A mapping is empty.
    return bytes && !(((struct block *)((char *)bytes - header))->size & is_mapped) ? memset(bytes, 0, whole) : bytes;
}

PLAIN void *OWN(realloc)(void *bytes, size_t count) {
    if (!bytes)
        return OWN(malloc)(count);
    struct block *block = (struct block *)((char *)bytes - header);
    const size_t held = block->size & is_mapped ? ((size_t *)bytes)[-2] - (block->size & ~(size_t)flags)
                                                : size_of(block) - header;
    if (count <= held && count >= held / 2)
        return bytes;
    void *other = OWN(malloc)(count);
    if (!other)
        return NULL;
    memcpy(other, bytes, count < held ? count : held);
    OWN(free)(bytes);
    return other;
}

PLAIN int OWN(posix_memalign)(void **result, size_t alignment, size_t count) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) || alignment > page)
        return EINVAL;
    int code = errno;
    // Nothing here asks for more than 16; it would get a mapping.
    *result = alignment <= 16 ? OWN(malloc)(count) : map(count, alignment);
    errno = code;
    return *result ? 0 : ENOMEM;
}

// Gives whole pages that are free back to the system. What the program may use stays as large.
PLAIN int OWN(malloc_trim)(size_t kept) {
    const uintptr_t page = (uintptr_t)getpagesize(), mask = ~(page - 1);
    if (top) {
        uintptr_t from = ((uintptr_t)top + kept + page - 1) & mask;
        if (from < (uintptr_t)limit)
            madvise((void *)from, (uintptr_t)limit - from, MADV_DONTNEED);
    }
    for (int list = list_for(page); list < list_count; list++) {
        for (struct block *block = lists[list]; block; block = block->next) {
            uintptr_t from = ((uintptr_t)(block + 1) + page - 1) & mask, to = (uintptr_t)last_word(block) & mask;
            if (from < to)
                madvise((void *)from, to - from, MADV_DONTNEED);
        }
    }
    return 1;
}

#ifdef KEEPER_MUSL
// The new break, or the old one if it could not be moved. musl's own brk always fails.
static char *system_break(char *wanted) { return (char *)syscall(SYS_brk, wanted); }
#else
// The test's heap is an array: the system's C library owns the break.
static char *system_break(char *wanted) {
    static _Alignas(16) char array[8 * 1024 * 1024];
    static char *now = array;
    if (wanted && wanted >= array && wanted <= array + sizeof array)
        now = wanted;
    return now;
}
#endif
