/* Memory for large arrays, of which nothing is kept when it is freed: what malloc() is given back
 * it keeps in pieces for the thread, and after a directory of 100,000 members that is several times
 * the index. */
#ifndef HTTPDAPY_LARGE_H
#define HTTPDAPY_LARGE_H

#include <stddef.h>

/* NULL if there is no memory. */
void *hdpy_large_alloc(size_t size);
void *hdpy_large_resize(void *memory, size_t size, size_t new_size);

/* size: what it was made with. */
void hdpy_large_free(void *memory, size_t size);

#endif
