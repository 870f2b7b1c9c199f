// The only program in the images of the recordings. A recording needs processes that start, not what they do: under a name of
// the list it ends at once with success, under any other name it waits for SIGTERM; so does an initializer that holds a volume
// open. No library, so that an image is a few kilobytes.
//
//     gcc -Os -s -static -nostdlib -ffreestanding -fno-pic -no-pie -Wl,--build-id=none -Wl,-z,noseparate-code -o actor actor.c

static const char *const ends_at_once[] = {"initializer", "setup", "check", "job", "test"};

static long call(long number, long a, long b, long c, long d) {
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
    return result;
}

static int equal(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

static int starts(const char *text, const char *start) {
    while (*start && *text == *start) text++, start++;
    return !*start;
}

__attribute__((used)) static void act(long *stack) {
    const char *name = (const char *)stack[1];
    for (const char *c = name; *c; c++)
        if (*c == '/') name = c + 1;
    int waits = 0, holds = equal(name, "initializer");
    for (char **variable = (char **)&stack[stack[0] + 2]; *variable; variable++)
        waits |= holds && starts(*variable, "CRYPTSETUP_DEVICE=");
    for (unsigned long i = 0; !waits && i < sizeof ends_at_once / sizeof *ends_at_once; i++)
        if (equal(name, ends_at_once[i])) call(60 /* exit */, 0, 0, 0, 0);
    unsigned long terminate = 1ul << (15 - 1);
    call(14 /* rt_sigprocmask */, 0 /* block */, (long)&terminate, 0, 8);
    while (call(128 /* rt_sigtimedwait */, (long)&terminate, 0, 0, 8) != 15) {}
    call(60 /* exit */, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call act\n hlt");
