#include "standalone.h"

#ifdef KEEPER_STANDALONE
pid_t getpid(void) { return (pid_t)CALL(SYS_getpid); }
pid_t getppid(void) { return (pid_t)CALL(SYS_getppid); }
pid_t getpgid(pid_t pid) { return (pid_t)CALL(SYS_getpgid, pid); }
pid_t getsid(pid_t pid) { return (pid_t)CALL(SYS_getsid, pid); }
pid_t setsid(void) { return (pid_t)CALL(SYS_setsid); }
int setpgid(pid_t pid, pid_t group) { return (int)CALL(SYS_setpgid, pid, group); }
int kill(pid_t pid, int signal) { return (int)CALL(SYS_kill, pid, signal); }
int execve(const char *path, char *const argv[], char *const envp[]) {
    return (int)CALL(SYS_execve, path, argv, envp);
}
int execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags) {
    return (int)CALL(SYS_execveat, directory, path, argv, envp, flags);
}
int waitid(idtype_t type, id_t id, siginfo_t *info, int options) {
    return (int)CALL(SYS_waitid, type, id, info, options, NULL);
}
pid_t waitpid(pid_t pid, int *status, int options) { return (pid_t)CALL(SYS_wait4, pid, status, options, NULL); }
int getrlimit(__rlimit_resource_t resource, struct rlimit *limit) {
    return (int)CALL(SYS_prlimit64, 0, resource, NULL, limit);
}
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) {
    return (int)CALL(SYS_prlimit64, 0, resource, limit, NULL);
}
int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *limit, struct rlimit *old) {
    return (int)CALL(SYS_prlimit64, pid, resource, limit, old);
}

// int clone(int (*function)(void *), void *stack, int flags, void *argument, pid_t *parent, void *tls, pid_t *child):
// function and argument wait on the new stack; in the child the call of the kernel returns there.
__asm__(".globl clone\n"
        ".type clone, @function\n"
        "clone:\n"
        "    and $-16, %rsi\n"
        "    sub $16, %rsi\n"
        "    mov %rdi, (%rsi)\n"
        "    mov %rcx, 8(%rsi)\n"
        "    movslq %edx, %rdi\n"
        "    mov %r8, %rdx\n"
        "    mov %r9, %r8\n"
        "    mov 8(%rsp), %r10\n"
        "    mov $56, %eax\n" // SYS_clone
        "    syscall\n"
        "    test %rax, %rax\n"
        "    jz 1f\n"
        "    js 2f\n"
        "    ret\n"
        "1:  xor %ebp, %ebp\n"
        "    pop %rax\n"
        "    pop %rdi\n"
        "    call *%rax\n"
        "    mov %eax, %edi\n"
        "    call _exit\n"
        "2:  mov %rax, %rdi\n"
        "    jmp csys_failed\n");

__attribute__((used)) static int csys_failed(long result) {
    errno = (int)-result;
    return -1;
}

// The kernel's set has 64 signals; that of the C library has room for 1,024.
enum { set_size = 8 };

int sigemptyset(sigset_t *set) {
    memset(set, 0, sizeof *set);
    return 0;
}
int sigfillset(sigset_t *set) {
    memset(set, 0xff, sizeof *set);
    return 0;
}
int sigaddset(sigset_t *set, int signal) {
    if (signal < 1 || signal >= NSIG) {
        errno = EINVAL;
        return -1;
    }
    set->__val[0] |= 1UL << (signal - 1);
    return 0;
}
int sigprocmask(int how, const sigset_t *set, sigset_t *old) {
    return (int)CALL(SYS_rt_sigprocmask, how, set, old, set_size);
}
int signalfd(int fd, const sigset_t *set, int flags) {
    return (int)CALL(SYS_signalfd4, fd, set, set_size, flags);
}

// Where a handler returns to.
__asm__(".type csys_handled, @function\n"
        "csys_handled:\n"
        "    mov $15, %eax\n" // SYS_rt_sigreturn
        "    syscall\n");
void csys_handled(void) __attribute__((visibility("hidden")));

sighandler_t signal(int number, sighandler_t handler) {
    struct {
        sighandler_t handler;
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } new = {handler, SA_RESTART | 0x04000000 /* SA_RESTORER */, csys_handled, 0}, old;
    return CALL(SYS_rt_sigaction, number, &new, &old, set_size) < 0 ? SIG_ERR : old.handler;
}

// "0-3,6" are five.
static long listed(const char *text) {
    long count = 0;
    while (*text >= '0' && *text <= '9') {
        long bounds[2] = {0, 0};
        int bound = 0;
        for (; (*text >= '0' && *text <= '9') || *text == '-'; text++) {
            if (*text == '-')
                bound = 1;
            else
                bounds[bound] = bounds[bound] * 10 + (*text - '0');
        }
        count += bound ? bounds[1] - bounds[0] + 1 : 1;
        text += *text == ',';
    }
    return count;
}

// These two alone. The first is the same on every Linux of this architecture.
long sysconf(int name) {
    if (name == _SC_CLK_TCK)
        return 100;
    if (name == _SC_NPROCESSORS_ONLN) {
        char text[512] = "";
        int fd = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            read(fd, text, sizeof text - 1);
            close(fd);
        }
        long count = listed(text);
        return count > 0 ? count : 1;
    }
    errno = EINVAL;
    return -1;
}
int getpagesize(void) { return 4096; }
#endif
