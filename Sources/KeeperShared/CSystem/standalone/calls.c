#include "standalone.h"

#ifdef KEEPER_STANDALONE
#include <stdarg.h>
#include <sys/vfs.h>

static inline long kernel(long number, long a, long b, long c, long d, long e, long f) {
    register long fourth __asm__("r10") = d, fifth __asm__("r8") = e, sixth __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return number;
}

static long finish(long result) {
    if ((unsigned long)result <= -4096UL)
        return result;
    errno = (int)-result;
    return -1;
}

long csys_call(long number, long a, long b, long c, long d, long e) {
    return finish(kernel(number, a, b, c, d, e, 0));
}

long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    return finish(kernel(number, a, b, c, d, e, f));
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    return (void *)finish(kernel(SYS_mmap, (long)at, (long)size, protection, flags, fd, offset));
}

// One argument after the last that has a name, as the kernel wants it.
#define LAST(name)                                                                                  \
    va_list list;                                                                                   \
    va_start(list, name);                                                                           \
    long last = va_arg(list, long);                                                                 \
    va_end(list)

int open(const char *path, int flags, ...) {
    LAST(flags);
    return (int)CALL(SYS_open, path, flags, last);
}
int openat(int directory, const char *path, int flags, ...) {
    LAST(flags);
    return (int)CALL(SYS_openat, directory, path, flags, last);
}
int fcntl(int fd, int command, ...) {
    LAST(command);
    return (int)CALL(SYS_fcntl, fd, command, last);
}
int ioctl(int fd, unsigned long request, ...) {
    LAST(request);
    return (int)CALL(SYS_ioctl, fd, request, last);
}
int prctl(int option, ...) {
    va_list list;
    va_start(list, option);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long);
    va_end(list);
    return (int)CALL(SYS_prctl, option, a, b, c, d);
}
void *mremap(void *old, size_t old_size, size_t new_size, int flags, ...) {
    LAST(flags);
    return (void *)CALL(SYS_mremap, old, old_size, new_size, flags, last);
}

// Descriptors.
ssize_t read(int fd, void *bytes, size_t count) { return CALL(SYS_read, fd, bytes, count); }
ssize_t write(int fd, const void *bytes, size_t count) { return CALL(SYS_write, fd, bytes, count); }
ssize_t pread(int fd, void *bytes, size_t count, off_t at) { return CALL(SYS_pread64, fd, bytes, count, at); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return CALL(SYS_pwrite64, fd, bytes, count, at); }
off_t lseek(int fd, off_t offset, int from) { return CALL(SYS_lseek, fd, offset, from); }
int close(int fd) { return (int)CALL(SYS_close, fd); }
int dup2(int fd, int wanted) { return (int)CALL(SYS_dup2, fd, wanted); }
int pipe2(int fds[2], int flags) { return (int)CALL(SYS_pipe2, fds, flags); }
ssize_t splice(int from, off64_t *at, int to, off64_t *to_at, size_t count, unsigned flags) {
    return finish(kernel(SYS_splice, from, (long)at, to, (long)to_at, (long)count, flags));
}
ssize_t tee(int from, int to, size_t count, unsigned flags) { return CALL(SYS_tee, from, to, count, flags); }
int ftruncate(int fd, off_t size) { return (int)CALL(SYS_ftruncate, fd, size); }
int fsync(int fd) { return (int)CALL(SYS_fsync, fd); }
int memfd_create(const char *name, unsigned flags) { return (int)CALL(SYS_memfd_create, name, flags); }
int poll(struct pollfd *fds, nfds_t count, int timeout) { return (int)CALL(SYS_poll, fds, count, timeout); }
int epoll_create1(int flags) { return (int)CALL(SYS_epoll_create1, flags); }
int epoll_ctl(int set, int operation, int fd, struct epoll_event *event) {
    return (int)CALL(SYS_epoll_ctl, set, operation, fd, event);
}
int epoll_wait(int set, struct epoll_event *events, int count, int timeout) {
    return (int)CALL(SYS_epoll_wait, set, events, count, timeout);
}
int inotify_init1(int flags) { return (int)CALL(SYS_inotify_init1, flags); }
int inotify_add_watch(int fd, const char *path, uint32_t mask) {
    return (int)CALL(SYS_inotify_add_watch, fd, path, mask);
}
int inotify_rm_watch(int fd, int watch) { return (int)CALL(SYS_inotify_rm_watch, fd, watch); }

// Files and folders.
int access(const char *path, int mode) { return (int)CALL(SYS_access, path, mode); }
int fstat(int fd, struct stat *status) { return (int)CALL(SYS_fstat, fd, status); }
int stat(const char *path, struct stat *status) { return (int)CALL(SYS_stat, path, status); }
int lstat(const char *path, struct stat *status) { return (int)CALL(SYS_lstat, path, status); }
int fstatat(int directory, const char *path, struct stat *status, int flags) {
    return (int)CALL(SYS_newfstatat, directory, path, status, flags);
}
int fstatvfs(int fd, struct statvfs *status) {
    struct statfs kernel;
    if (CALL(SYS_fstatfs, fd, &kernel) < 0)
        return -1;
    *status = (struct statvfs){
        .f_bsize = (unsigned long)kernel.f_bsize, .f_frsize = (unsigned long)kernel.f_frsize, .f_blocks = kernel.f_blocks,
        .f_bfree = kernel.f_bfree, .f_bavail = kernel.f_bavail, .f_files = kernel.f_files, .f_ffree = kernel.f_ffree,
        .f_favail = kernel.f_ffree, .f_flag = (unsigned long)kernel.f_flags, .f_namemax = (unsigned long)kernel.f_namelen};
    return 0;
}
int fchmod(int fd, mode_t mode) { return (int)CALL(SYS_fchmod, fd, mode); }
int chmod(const char *path, mode_t mode) { return (int)CALL(SYS_chmod, path, mode); }
int mkdir(const char *path, mode_t mode) { return (int)CALL(SYS_mkdir, path, mode); }
int mkdirat(int directory, const char *path, mode_t mode) { return (int)CALL(SYS_mkdirat, directory, path, mode); }
int unlink(const char *path) { return (int)CALL(SYS_unlink, path); }
int unlinkat(int directory, const char *path, int flags) { return (int)CALL(SYS_unlinkat, directory, path, flags); }
int linkat(int from, const char *path, int to, const char *name, int flags) {
    return (int)CALL(SYS_linkat, from, path, to, name, flags);
}
int symlinkat(const char *target, int directory, const char *path) {
    return (int)CALL(SYS_symlinkat, target, directory, path);
}
int renameat(int from, const char *path, int to, const char *name) {
    return (int)CALL(SYS_renameat, from, path, to, name);
}
int renameat2(int from, const char *path, int to, const char *name, unsigned flags) {
    return (int)CALL(SYS_renameat2, from, path, to, name, flags);
}
ssize_t readlink(const char *path, char *bytes, size_t count) { return CALL(SYS_readlink, path, bytes, count); }
ssize_t readlinkat(int directory, const char *path, char *bytes, size_t count) {
    return CALL(SYS_readlinkat, directory, path, bytes, count);
}
int mkfifoat(int directory, const char *path, mode_t mode) {
    return (int)CALL(SYS_mknodat, directory, path, S_IFIFO | mode, 0);
}
// Into the caller's space alone.
char *getcwd(char *path, size_t size) {
    if (!path) {
        errno = EINVAL;
        return NULL;
    }
    if (CALL(SYS_getcwd, path, size) < 0)
        return NULL;
    if (*path == '/')
        return path;
    errno = ENOENT; // a directory that can't be reached from the root has no path
    return NULL;
}
ssize_t getdents64(int fd, void *bytes, size_t count) { return CALL(SYS_getdents64, fd, bytes, count); }
int chdir(const char *path) { return (int)CALL(SYS_chdir, path); }
int fchdir(int fd) { return (int)CALL(SYS_fchdir, fd); }
mode_t umask(mode_t mask) { return (mode_t)CALL(SYS_umask, mask); }

// Sockets.
int socket(int domain, int type, int protocol) { return (int)CALL(SYS_socket, domain, type, protocol); }
int socketpair(int domain, int type, int protocol, int fds[2]) {
    return (int)CALL(SYS_socketpair, domain, type, protocol, fds);
}
int bind(int fd, const struct sockaddr *address, socklen_t size) { return (int)CALL(SYS_bind, fd, address, size); }
int connect(int fd, const struct sockaddr *address, socklen_t size) {
    return (int)CALL(SYS_connect, fd, address, size);
}
int listen(int fd, int backlog) { return (int)CALL(SYS_listen, fd, backlog); }
int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
    return (int)CALL(SYS_accept4, fd, address, size, flags);
}
int shutdown(int fd, int direction) { return (int)CALL(SYS_shutdown, fd, direction); }
int getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
    return (int)CALL(SYS_getsockopt, fd, level, option, value, size);
}
int setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
    return (int)CALL(SYS_setsockopt, fd, level, option, value, size);
}
// With five arguments the sixth, the size of no address, is 0.
ssize_t recv(int fd, void *bytes, size_t count, int flags) { return CALL(SYS_recvfrom, fd, bytes, count, flags, NULL); }
ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    return CALL(SYS_sendto, fd, bytes, count, flags, NULL);
}
ssize_t sendto(int fd, const void *bytes, size_t count, int flags, const struct sockaddr *address, socklen_t size) {
    return finish(kernel(SYS_sendto, fd, (long)bytes, (long)count, flags, (long)address, size));
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return CALL(SYS_sendmsg, fd, message, flags); }
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return CALL(SYS_recvmsg, fd, message, flags); }

// Memory.
int munmap(void *at, size_t size) { return (int)CALL(SYS_munmap, at, size); }
int mprotect(void *at, size_t size, int protection) { return (int)CALL(SYS_mprotect, at, size, protection); }
int madvise(void *at, size_t size, int advice) { return (int)CALL(SYS_madvise, at, size, advice); }
ssize_t getrandom(void *bytes, size_t count, unsigned flags) { return CALL(SYS_getrandom, bytes, count, flags); }

// Users.
uid_t getuid(void) { return (uid_t)CALL(SYS_getuid); }
uid_t geteuid(void) { return (uid_t)CALL(SYS_geteuid); }
gid_t getegid(void) { return (gid_t)CALL(SYS_getegid); }
#endif
