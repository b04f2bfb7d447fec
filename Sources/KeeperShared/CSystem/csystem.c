#include "csystem.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <stddef.h>
#include <stdint.h>

static int saved_argc;
static char **saved_argv;

#ifdef KEEPER_MUSL
// musl's constructors get no arguments. On the stack, as the kernel leaves it: argc, argv, NULL, environment, NULL.
__attribute__((constructor)) static void save_arguments(void) {
    saved_argv = environ - 1;
    while (((intptr_t *)saved_argv)[-1] != saved_argc) {
        saved_argv--;
        saved_argc++;
    }
}

// What Swift seeds its hash tables with.
void arc4random_buf(void *bytes, size_t count) {
    if (getentropy(bytes, count) < 0) // 256 bytes at most, which is plenty
        abort();
}

int malloc_trim(size_t kept);
#else
#include <malloc.h>

__attribute__((constructor)) static void save_arguments(int argc, char **argv) {
    saved_argc = argc;
    saved_argv = argv;
}
#endif

int csys_argc(void) { return saved_argc; }
const char *csys_argv(int i) { return i >= 0 && i < saved_argc ? saved_argv[i] : NULL; }
char **csys_arguments(void) { return saved_argv; }
char **csys_environ(void) { return environ; }

void csys_fill_standard_streams(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            _exit(125);
}

void csys_release_memory(void) {
    malloc_trim(0);
    // The stack below this frame and that of madvise, down to where the kernel begins it: 128 KiB below the strings of
    // the arguments, of which the first is the lowest; their array is up to 8 KiB lower, at random. No keeper goes
    // deeper; a range that isn't all there would be an error.
    const uintptr_t page = (uintptr_t)getpagesize(), start = 128 * 1024;
    const uintptr_t lowest = ((uintptr_t)saved_argv[0] - start + page) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - 512) & ~(page - 1);
    if (saved_argc > 0 && lowest < end)
        madvise((void *)lowest, end - lowest, MADV_DONTNEED);
}

static int unix_address(struct sockaddr_un *address, const char *path) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address->sun_path, path);
    return 0;
}

int csys_bind_unix(int fd, const char *path) {
    struct sockaddr_un address;
    return unix_address(&address, path) < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
}

int csys_connect_unix(int fd, const char *path) {
    struct sockaddr_un address;
    return unix_address(&address, path) < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
}

union inet_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

int csys_listen_tcp(const char *address, int port) {
    union inet_address at = {0};
    socklen_t size = sizeof at.v4;
    if (inet_pton(AF_INET, address, &at.v4.sin_addr) == 1) {
        at.v4.sin_family = AF_INET;
        at.v4.sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, address, &at.v6.sin6_addr) == 1) {
        at.v6.sin6_family = AF_INET6;
        at.v6.sin6_port = htons((uint16_t)port);
        size = sizeof at.v6;
    } else {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (at.any.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(fd, &at.any, size) < 0 || listen(fd, 4096) < 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

void csys_serve_tcp(int fd) {
    const int yes = 1, seconds = 25, probes = 2;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

int csys_own_address(int fd, char *text, size_t size) {
    union inet_address at = {0};
    socklen_t length = sizeof at;
    if (getsockname(fd, &at.any, &length) < 0) return -1;
    switch (at.any.sa_family) {
    case AF_INET: return inet_ntop(AF_INET, &at.v4.sin_addr, text, size) ? ntohs(at.v4.sin_port) : -1;
    case AF_INET6: return inet_ntop(AF_INET6, &at.v6.sin6_addr, text, size) ? ntohs(at.v6.sin6_port) : -1;
    case AF_UNIX:
        snprintf(text, size, "%.*s", (int)sizeof at.local.sun_path, at.local.sun_path);
        return 0;
    default: errno = EAFNOSUPPORT; return -1;
    }
}

int csys_peer_address(int fd, char *text, size_t size) {
    union inet_address at = {0};
    socklen_t length = sizeof at;
    if (getpeername(fd, &at.any, &length) < 0) return -1;
    if (at.any.sa_family == AF_INET) return inet_ntop(AF_INET, &at.v4.sin_addr, text, size) ? 0 : -1;
    if (at.any.sa_family == AF_INET6) return inet_ntop(AF_INET6, &at.v6.sin6_addr, text, size) ? 0 : -1;
    return -1;
}

int csys_bind_notes(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(name);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path + 1, name, length);
    const int yes = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

ssize_t csys_receive_note(int fd, void *buffer, size_t size, uid_t *user) {
    union {
        char space[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec part = {buffer, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    // Descriptors that somebody sends along are never received: there is no room for them.
    const ssize_t count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *user = (uid_t)-1;
    for (struct cmsghdr *item = count < 0 ? NULL : CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item))
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_CREDENTIALS)
            *user = ((struct ucred *)CMSG_DATA(item))->uid;
    return count;
}

int csys_open_below(int dir, const char *path) {
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0x08 | 0x04}; // RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS
    int fd = (int)syscall(437, dir, path, &how, sizeof how);     // SYS_openat2 on every architecture
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    return openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
}

int csys_lock(int fd, short type, off_t start, off_t length, int wait) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
}

int csys_lock_test(int fd, off_t start, off_t length) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, F_OFD_GETLK, &lock) < 0 ? -1 : lock.l_type != F_UNLCK;
}

int csys_waitid(idtype_t type, id_t id, int options, struct csys_ended *ended) {
    siginfo_t info = {.si_pid = 0};
    if (waitid(type, id, &info, options) < 0)
        return -1;
    *ended = (struct csys_ended){.pid = info.si_pid, .code = info.si_code, .status = info.si_status};
    return 0;
}

// A system call that leaves errno alone, which two processes have in common while one runs in the memory of the other:
// the result, or -errno.
static long quiet_call(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
    register long fourth __asm__("r10") = d, fifth __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return number;
#else
    register long call __asm__("x8") = number;
    register long first __asm__("x0") = a, second __asm__("x1") = b, third __asm__("x2") = c;
    register long fourth __asm__("x3") = d, fifth __asm__("x4") = e;
    __asm__ volatile("svc 0"
                     : "+r"(first)
                     : "r"(call), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                     : "memory");
    return first;
#endif
}
#define QUIET_6(number, a, b, c, d, e, ...) quiet_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define QUIET(...) QUIET_6(__VA_ARGS__, 0, 0, 0, 0, 0)

// A script without #! is for the shell, as execvpe has it. Returns what went wrong.
static int execute_path(const char *path, const struct csys_spawn *spawn) {
    const int error = (int)-QUIET(SYS_execve, path, spawn->argv, spawn->envp);
    if (error != ENOEXEC)
        return error;
    size_t count = 0;
    while (spawn->argv[count])
        count++;
    const char *argv[count + 3];
    argv[0] = "/bin/sh";
    argv[1] = path;
    size_t next = 2;
    for (size_t i = 1; i < count; i++)
        argv[next++] = spawn->argv[i];
    argv[next] = NULL;
    return (int)-QUIET(SYS_execve, argv[0], argv, spawn->envp);
}

// execvpe, but a directory of PATH that lacks the file costs a look there and not a failed exec, which is ten times
// as dear. Returns the error that execvpe would give.
static int execute(const struct csys_spawn *spawn) {
    if (spawn->executes_extra)
        return (int)-QUIET(SYS_execveat, spawn->extra, "", spawn->argv, spawn->envp, AT_EMPTY_PATH);
    if (!*spawn->file || strchr(spawn->file, '/'))
        return execute_path(spawn->file, spawn);
    const char *next = getenv("PATH");
    if (!next)
        next = "/bin:/usr/bin";
    char path[PATH_MAX];
    int found = ENOENT;
    for (int more = 1; more;) {
        size_t length = strcspn(next, ":");
        const char *directory = next;
        more = next[length] != 0;
        next += length + 1;
        if (length + 2 + strlen(spawn->file) >= sizeof path)
            continue;
        memcpy(path, directory, length);
        strcpy(path + length, length ? "/" : "./"); // an empty entry is the working directory
        strcat(path, spawn->file);
        if (QUIET(SYS_faccessat, AT_FDCWD, path, F_OK) < 0)
            continue;
        const int error = execute_path(path, spawn);
        if (error == EACCES)
            found = EACCES;
        else if (error != ENOENT && error != ENOTDIR)
            return error;
    }
    return found;
}

void csys_become(const char *file, char *const *argv, char *const *envp) {
    errno = execute(&(const struct csys_spawn){.file = file, .argv = argv, .envp = envp});
}

// A call that must succeed between clone and exec.
#define MUST(name, ...)                                                                             \
    do {                                                                                            \
        const long result_ = QUIET(__VA_ARGS__);                                                    \
        if (result_ < 0)                                                                            \
            fail(spawn, name, (int)-result_);                                                       \
    } while (0)

__attribute__((noreturn)) static void fail(struct csys_spawn *spawn, const char *name, int error) {
    spawn->error = error;
    spawn->failed = name;
    for (;;)
        QUIET(SYS_exit_group, 127);
}

// Runs in the parent's memory, beside the parent (CLONE_VM): only calls that touch nothing but the stack and the
// kernel.
static int child_main(void *argument) {
    struct csys_spawn *spawn = argument;
    // The kernel clears the mark, and wakes who waits for it, when this process leaves the memory: by exec or its end.
    // Not by a flag of clone, which newer versions of musl refuse.
    QUIET(SYS_set_tid_address, &spawn->is_running);
    // exec does it for handlers; what is ignored would stay so. The C library's own sigaction refuses the signals that
    // it keeps for itself.
    const struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        unsigned long mask;
    } standard = {0};
    for (int signal = 1; signal < NSIG && !spawn->keeps_signals; signal++)
        QUIET(SYS_rt_sigaction, signal, &standard, NULL, sizeof standard.mask);
    MUST("setsid", SYS_setsid);
    if (spawn->control_group >= 0)
        QUIET(SYS_write, spawn->control_group, "0", 1); // where it is will do as well
    if (spawn->directory >= 0)
        MUST("chdir", SYS_fchdir, spawn->directory);
    if (spawn->death_signal) {
        MUST("prctl", SYS_prctl, PR_SET_PDEATHSIG, spawn->death_signal);
        if (QUIET(SYS_getppid) != spawn->parent)
            fail(spawn, "prctl", ESRCH); // the parent died before the line above
    }
    for (int i = 0; i < spawn->limit_count; i++) {
        const struct rlimit limit = {spawn->limits[i].soft, spawn->limits[i].hard};
        MUST("limit", SYS_prlimit64, 0, spawn->limits[i].resource, &limit);
    }
    // Move everything out of the way first, so that no dup overwrites a source.
    const int extra = spawn->descriptors[3] < 0 ? 2 : spawn->extra;
    long sources[4];
    for (int i = 0; i < 4; i++) {
        sources[i] = spawn->descriptors[i];
        if (sources[i] < 0 || sources[i] > extra)
            continue;
        sources[i] = QUIET(SYS_fcntl, sources[i], F_DUPFD, extra + 1);
        if (sources[i] < 0)
            fail(spawn, "fcntl", (int)-sources[i]);
    }
    for (int i = 0; i < 4; i++) {
        if (sources[i] >= 0)
            MUST("dup", SYS_dup3, sources[i], i < 3 ? i : extra);
        else if (i < 3)
            QUIET(SYS_close, i);
    }
    if (spawn->terminal)
        MUST("terminal", SYS_ioctl, 0, TIOCSCTTY);
    if (extra > 3)
        MUST("dup", SYS_close_range, 3, extra - 1);
    MUST("dup", SYS_close_range, extra + 1, ~0U);
    QUIET(SYS_umask, spawn->mask);
    const unsigned long none = 0;
    QUIET(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
    fail(spawn, "exec", execute(spawn));
}

pid_t csys_spawn(struct csys_spawn *spawn) {
    // exec of a script without #! copies argv onto the stack. A guard page: below it is the parent's memory.
    const size_t page = 4096;
    size_t count = 0;
    while (spawn->argv[count])
        count++;
    const size_t size = (64 * 1024 + (count + 8) * sizeof(char *) + 2 * page - 1) / page * page;
    void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -1;
    mprotect(stack, page, PROT_NONE);
    spawn->stack = stack;
    spawn->stack_size = size;
    spawn->error = 0;
    spawn->failed = NULL;
    spawn->pidfd = -1;
    spawn->is_running = 1;
    // A handler that runs in the child would run on the parent's memory. The kernel's own mask: musl's functions leave
    // out the first real-time signals, which would then be unblocked below.
    unsigned long all = ~0UL, before;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    spawn->pid = clone(child_main, (char *)stack + size, CLONE_VM | CLONE_PIDFD | SIGCHLD, spawn, &spawn->pidfd);
    const int code = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    if (spawn->pid < 0)
        munmap(stack, size);
    errno = code;
    return spawn->pid;
}

void csys_finish_spawn(struct csys_spawn *spawn) {
    // One that was killed before its first call left the mark as it is.
    const struct timespec patience = {.tv_nsec = 100 * 1000 * 1000};
    siginfo_t end = {.si_pid = 0};
    while (__atomic_load_n(&spawn->is_running, __ATOMIC_ACQUIRE) && !end.si_pid)
        if (syscall(SYS_futex, &spawn->is_running, 0 /* FUTEX_WAIT */, 1, &patience, NULL, 0) < 0 && errno == ETIMEDOUT)
            waitid(P_PID, (id_t)spawn->pid, &end, WEXITED | WNOHANG | WNOWAIT);
    munmap(spawn->stack, spawn->stack_size);
    if (!spawn->error)
        return;
    while (waitpid(spawn->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(spawn->pidfd);
    spawn->pidfd = -1;
}
