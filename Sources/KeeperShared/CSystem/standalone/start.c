#include "standalone.h"

#ifdef KEEPER_STANDALONE
#include <elf.h>

char **environ;

static Elf64_auxv_t *auxiliary;
static int error_number;

int *__errno_location(void) { return &error_number; }

// What %fs points to. The compiler's stack protector looks for its secret 40 bytes into it; there are no other
// thread-local variables.
static struct {
    void *self;
    uintptr_t unused[4];
    uintptr_t secret;
} thread;

unsigned long csys_auxiliary(unsigned long type) {
    for (const Elf64_auxv_t *entry = auxiliary; entry->a_type != AT_NULL; entry++)
        if (entry->a_type == type)
            return entry->a_un.a_val;
    return 0;
}

int main(int argc, char **argv, char **envp);
typedef void (*initializer)(int argc, char **argv, char **envp);
extern const initializer __init_array_start[], __init_array_end[];

// `stack` is as the kernel left it: argc, argv, NULL, the environment, NULL, the auxiliary vector.
__attribute__((used, noreturn, no_stack_protector)) static void start(long *stack) {
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    environ = argv + argc + 1;
    char **end = environ;
    while (*end)
        end++;
    auxiliary = (Elf64_auxv_t *)(end + 1);
    thread.self = &thread;
    const uintptr_t *random = (const uintptr_t *)csys_auxiliary(AT_RANDOM);
    // The lowest byte is zero, so that no string function can write the secret.
    thread.secret = random ? *random & ~(uintptr_t)0xff : 0;
    CALL(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, &thread);
    for (const initializer *next = __init_array_start; next < __init_array_end; next++)
        (*next)(argc, argv, environ);
    exit(main(argc, argv, environ));
}

__asm__(".globl _start\n"
        ".type _start, @function\n"
        "_start:\n"
        "    xor %ebp, %ebp\n" // the end of the chain of frames
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call start\n");

void _exit(int status) {
    for (;;)
        CALL(SYS_exit_group, status);
}

// Nothing is registered with atexit and nothing is buffered.
void exit(int status) { _exit(status); }

void abort(void) {
    kill(getpid(), SIGABRT);
    __builtin_trap();
}

// Called by functions whose stack was overwritten.
__attribute__((noreturn)) void __stack_chk_fail(void) {
    static const char text[] = "stack smashing detected\n";
    write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}
#endif
