/* Memory for large arrays, of which nothing is kept when it is freed. */
#include "large.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE 131072 /* less is left to malloc() */

static int is_large(size_t size)
{
    return size >= LARGE;
}

void *hdpy_large_alloc(size_t size)
{
    void *memory;

    if (!is_large(size))
        return malloc(size ? size : 1);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *hdpy_large_resize(void *memory, size_t size, size_t new_size)
{
    void *resized;

    if (memory && is_large(size) && is_large(new_size)) {
        resized = mremap(memory, size, new_size, MREMAP_MAYMOVE);
        return resized == MAP_FAILED ? NULL : resized;
    }
    if (!is_large(size) && !is_large(new_size))
        return realloc(memory, new_size ? new_size : 1);
    resized = hdpy_large_alloc(new_size);
    if (resized && memory) {
        memcpy(resized, memory, size < new_size ? size : new_size);
        hdpy_large_free(memory, size);
    }
    return resized;
}

void hdpy_large_free(void *memory, size_t size)
{
    if (memory && is_large(size))
        munmap(memory, size);
    else
        free(memory);
}
