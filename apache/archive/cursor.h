/* A reader of little-endian fields that never leaves its bytes: after the first field that is not
 * all there, every one is 0 and ok is not set.  Ask once, at the end. */
#ifndef HTTPDAPY_CURSOR_H
#define HTTPDAPY_CURSOR_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const unsigned char *data;
    size_t size, at;
    int ok;
} hdpy_cursor;

static inline hdpy_cursor hdpy_cursor_over(const unsigned char *data, size_t size)
{
    return (hdpy_cursor){data, size, 0, 1};
}

/* The next bytes, or NULL. */
static inline const unsigned char *hdpy_take(hdpy_cursor *c, size_t length)
{
    const unsigned char *data = c->data + c->at;

    if (!c->ok || length > c->size - c->at) {
        c->ok = 0;
        return NULL;
    }
    c->at += length;
    return data;
}

static inline uint64_t hdpy_take_number(hdpy_cursor *c, size_t length)
{
    const unsigned char *data = hdpy_take(c, length);
    uint64_t number = 0;

    for (size_t i = length; data && i; i--)
        number = number << 8 | data[i - 1];
    return number;
}

static inline uint16_t hdpy_take_16(hdpy_cursor *c)
{
    return (uint16_t)hdpy_take_number(c, 2);
}

static inline uint32_t hdpy_take_32(hdpy_cursor *c)
{
    return (uint32_t)hdpy_take_number(c, 4);
}

static inline uint64_t hdpy_take_64(hdpy_cursor *c)
{
    return hdpy_take_number(c, 8);
}

#endif
