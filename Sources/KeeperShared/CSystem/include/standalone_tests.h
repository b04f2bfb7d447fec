// What debug builds hold of the functions that release builds have in place of the C library (../standalone), for tests
// to compare with the real ones.
#ifndef STANDALONE_TESTS_H
#define STANDALONE_TESTS_H
#include "csystem.h"

double csys_own_ceil(double value);
char *csys_own_strerror(int number);
int csys_own_strncmp(const char *first, const char *second, size_t most);
char *csys_own_strchr(const char *text, int wanted);
size_t csys_own_strcspn(const char *text, const char *unwanted);
void *csys_own_memmem(const void *haystack, size_t count, const void *needle, size_t size);

#ifdef __x86_64__
void *csys_own_memcpy(void *target, const void *source, size_t count);
void *csys_own_memmove(void *target, const void *source, size_t count);
void *csys_own_memset(void *target, int value, size_t count);
int csys_own_memcmp(const void *first, const void *second, size_t count);
int csys_own_bcmp(const void *first, const void *second, size_t count);
void *csys_own_memchr(const void *bytes, int wanted, size_t count);
void *csys_own_memrchr(const void *bytes, int wanted, size_t count);
size_t csys_own_strlen(const char *text);
void *csys_own_malloc(size_t count);
void csys_own_free(void *bytes);
int csys_own_posix_memalign(void **result, size_t alignment, size_t count);
int csys_own_malloc_trim(size_t kept);
#endif
#endif
