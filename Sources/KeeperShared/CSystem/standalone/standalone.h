// What release executables have in place of a C library: the hundred functions that they and Embedded Swift call.
//
// A static glibc is 650 KB of each executable and half of the memory an idle keeper needs: whatever is called, its start-up
// brings stdio, locales, character sets and a dynamic loader along. None of it is wanted by programs of one thread that
// make system calls and move bytes. So release executables are linked with -nostdlib, and these files are all there is:
//   start.c    from the kernel to main, and the end      calls.c     system calls
//   memory.c   memcpy and its relatives, strings         heap.c      malloc
//   clock.c    the time without a system call            process.c   clone, signals, processors
//   errors.c   the texts of strerror                     terminal.c  struct termios
//   support.c  what Swift's own library calls            environment.c
// Headers are still the system's, and so are names and meanings: debug executables and tests, which use the system's C
// library, are built from the same sources. A function that is missing here is an error of the release link ("undefined
// symbol"); add it where it belongs. Left out on purpose: threads, locales, stdio, atexit, name service.
//
// Debug builds hold memory.c, heap.c and errors.c under other names, so that tests compare them with the system's.
#ifndef STANDALONE_H
#define STANDALONE_H
#include "../include/csystem.h"

#include <stdint.h>

#ifdef KEEPER_STANDALONE
#ifndef __x86_64__
#error "written for x86-64; Package.swift links the system's C library elsewhere"
#endif
#define OWN(name) name

// A system call; -1 and errno on failure.
long csys_call(long number, long a, long b, long c, long d, long e);
#define CALL_OF(number, a, b, c, d, e, ...)                                                         \
    csys_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define CALL(...) CALL_OF(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

// A value of the auxiliary vector (AT_…), or 0.
unsigned long csys_auxiliary(unsigned long type);
#else
#define OWN(name) csys_own_##name
#include "../include/standalone_tests.h"
#endif

#define TEXT_OF(name) TEXT(name)
#define TEXT(name) #name

// The compiler must not take the body of memcpy for a call of memcpy.
#define PLAIN __attribute__((no_builtin))

#endif
