// The C side of keeper. A function is here only if Swift can't import it (variadic, a macro, or a
// GNU-only name) or if it runs between clone and exec. One prefix, csys_; -1 and errno on failure;
// no logging; one struct for spawning.
#ifndef CSYSTEM_H
#define CSYSTEM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// What musl's headers or musl itself lack.
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif
static inline int csys_renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}
static inline ssize_t csys_getdents(int fd, void *bytes, size_t count) {
    return syscall(SYS_getdents64, fd, bytes, count);
}

// Arguments and environment, taken in a constructor: Embedded Swift has no CommandLine.
int csys_argc(void);
const char *csys_argv(int i);
char **csys_arguments(void);
char **csys_environ(void);

static inline int csys_errno(void) { return errno; }
static inline void csys_set_errno(int code) { errno = code; }

// Variadic calls.
static inline int csys_openat(int dir, const char *path, int flags, mode_t mode) {
    return openat(dir, path, flags, mode);
}
static inline void *csys_mremap(void *old, size_t old_size, size_t new_size) {
    return mremap(old, old_size, new_size, MREMAP_MAYMOVE);
}
static inline int csys_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }
static inline int csys_prctl(int option, unsigned long argument) { return prctl(option, argument, 0, 0, 0); }
static inline void csys_ignore(int number) { signal(number, SIG_IGN); }
static inline void csys_restore(int number) { signal(number, SIG_DFL); }

// The type of a stream socket, an enumeration in glibc and an integer in musl. SOCK_NONBLOCK is O_NONBLOCK.
static const int csys_stream = SOCK_STREAM | SOCK_CLOEXEC;

// Socket addresses are a union type that Swift can't pass. ENAMETOOLONG over 107 bytes.
int csys_bind_unix(int fd, const char *path);
int csys_connect_unix(int fd, const char *path);
// A TCP socket that listens at a numeric address, IPv4 or IPv6.
int csys_listen_tcp(const char *address, int port);
// Where a socket listens: the port and the address in numbers, or 0 and the path of a Unix socket; -1 for others.
int csys_own_address(int fd, char *text, size_t size);
// For a TCP socket that listens: its connections have no delay for small packets, and end when the peer has vanished.
void csys_serve_tcp(int fd);
// The address at the other end of a TCP connection; -1 for other sockets.
int csys_peer_address(int fd, char *text, size_t size);
// A non-blocking datagram socket connected to one, in the abstract namespace when its name begins with @.
int csys_connect_datagrams(const char *path);
// One datagram, with a copy of a descriptor unless that is -1.
int csys_send_datagram(int fd, const char *text, size_t size, int descriptor);
// Two descriptors over a connection; those that are received are close-on-exec.
int csys_send_descriptors(int fd, int first, int second);
int csys_receive_descriptors(int fd, int *first, int *second);
// A datagram socket under an abstract name that tells who sent what (SO_PASSCRED).
int csys_bind_notes(const char *name);
// One datagram and its sender's user; -1 and EAGAIN when none is there. A longer one is cut.
ssize_t csys_receive_note(int fd, void *buffer, size_t size, uid_t *user);
static inline int csys_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

// Bytes that can be read now from a socket or pipe.
static inline int csys_readable(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) < 0 ? -1 : count;
}

// The limit's type is an enumeration in one mode of the C library and an integer in another.
static inline int csys_get_limit(int resource, struct rlimit *limit) { return getrlimit(resource, limit); }
static inline int csys_set_limit(int resource, const struct rlimit *limit) { return setrlimit(resource, limit); }

// The size of a terminal in characters.
static inline int csys_window_size(int fd, struct winsize *size) { return ioctl(fd, TIOCGWINSZ, size); }
static inline int csys_set_window_size(int fd, const struct winsize *size) { return ioctl(fd, TIOCSWINSZ, size); }

// The other end of a pseudo-terminal's master, which is unlocked first (TIOCGPTPEER, Linux 4.13): needs no path.
static inline int csys_open_peer(int master) {
    int locked = 0;
    return ioctl(master, TIOCSPTLCK, &locked) < 0 ? -1 : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

// fork, which Swift hides; for a process that only waits and then makes a few system calls.
static inline pid_t csys_fork(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

// Calls that the C library has no wrapper for in every supported version.
// Opens a path below a directory for reading and follows no link on the way (openat2, Linux 5.6; where that is
// missing or forbidden, none at its end).
int csys_open_below(int dir, const char *path);
static inline int csys_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int csys_pidfd_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
// Executes a program, found in PATH if it has no slash, in this process. Returns only with an error.
void csys_become(const char *file, char *const *argv, char *const *envp);
// Executes the program that a descriptor is open on, in this process.
static inline int csys_execute(int fd, char *const *argv, char *const *envp) {
    return (int)syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}
// A file in memory that can be sealed, and its seals.
static inline int csys_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }
static inline int csys_seal(int fd) {
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}
static inline int csys_is_sealed(int fd) {
    const int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    return (fcntl(fd, F_GET_SEALS) & all) == all;
}
static inline int csys_close_range(unsigned first, unsigned last) {
    return (int)syscall(SYS_close_range, first, last, 0);
}

// Opens /dev/null where 0, 1 or 2 is closed: the next file would become a standard stream.
void csys_fill_standard_streams(void);

// Gives the heap's and the stack's unused pages back to the system.
void csys_release_memory(void);

// One byte range of an open file description's lock; length 0 means to the end.
int csys_lock(int fd, short type, off_t start, off_t length, int wait);
// 1 when another description holds a lock that conflicts with a write lock there, 0 when none does.
int csys_lock_test(int fd, off_t start, off_t length);

// The fields of siginfo_t are macros. How a child ended, from waitid.
struct csys_ended {
    pid_t pid; // 0: none has ended
    int code;  // CLD_EXITED, CLD_KILLED, CLD_DUMPED
    int status;
};
int csys_waitid(idtype_t type, id_t id, int options, struct csys_ended *ended);

// One of setrlimit's limits.
struct csys_limit {
    int resource;
    unsigned long soft, hard;
};

// Starting a process: what happens between clone and exec.
struct csys_spawn {
    const char *file;
    char *const *argv;
    char *const *envp;
    int descriptors[4];     // become 0, 1, 2 and `extra`; -1 leaves that number closed
    int extra;              // 3 or more
    const struct csys_limit *limits;
    int limit_count;
    int directory;          // fchdir there, unless -1
    mode_t mask;            // umask
    int control_group;      // cgroup.procs of the group to move to, if that is allowed; -1: stay
    int death_signal;       // sent when the parent dies; 0: none
    int terminal;           // whether descriptor 0 becomes the controlling terminal
    pid_t parent;           // checked after death_signal is set
    int executes_extra;     // `extra` is the program: no path, and no shell for what is no program
    int keeps_signals;      // what is ignored stays ignored: the program sees to that itself
    // Results, when it is finished.
    pid_t pid;
    int pidfd;
    int error;              // errno of what failed, 0 when exec succeeded
    const char *failed;     // the call that failed
    // Until then.
    int is_running;
    void *stack;
    size_t stack_size;
};
// Starts a process, which runs in this one's memory until exec: until csys_finish_spawn, `spawn` and all that it points
// to stay as they are. Returns the PID, or -1 with errno.
pid_t csys_spawn(struct csys_spawn *spawn);
// Waits for exec. With `error` set the process is gone and reaped.
void csys_finish_spawn(struct csys_spawn *spawn);

// A file of the dashboard, embedded by the compiler, which Swift has no way for; NULL after the last.
struct csys_page_file {
    const char *name, *type;
    const unsigned char *bytes;
    size_t size;
};
const struct csys_page_file *csys_page(int i);

#ifndef KEEPER_MUSL
// heap.c as debug builds hold it, for its test.
void *csys_own_malloc(size_t count);
void *csys_own_calloc(size_t count, size_t size);
void *csys_own_realloc(void *bytes, size_t count);
void csys_own_free(void *bytes);
int csys_own_posix_memalign(void **result, size_t alignment, size_t count);
int csys_own_malloc_trim(size_t kept);
#endif

#endif
