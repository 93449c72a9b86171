/* Counts what a program allocates, for tests/bench/run: built by it, preloaded into a server, and read while it runs.
   The count is the first eight bytes of the file named by ALLOCATIONS. glibc only. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static uint64_t before;
static uint64_t *count = &before;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("ALLOCATIONS");
    int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof before, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) count = page;
    close(file);
}

static void one(void) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) { return one(), __libc_malloc(size); }
void *calloc(size_t number, size_t size) { return one(), __libc_calloc(number, size); }
void *realloc(void *old, size_t size) { return one(), __libc_realloc(old, size); }
void *memalign(size_t align, size_t size) { return one(), __libc_memalign(align, size); }
void *aligned_alloc(size_t align, size_t size) { return one(), __libc_memalign(align, size); }
int posix_memalign(void **out, size_t align, size_t size) {
    one();
    *out = __libc_memalign(align, size);
    return *out ? 0 : 12;
}
