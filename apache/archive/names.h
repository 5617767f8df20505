/* Names of members: in UTF-8, and such as a URL can have. */
#ifndef HTTPDAPY_NAMES_H
#define HTTPDAPY_NAMES_H

#include <stddef.h>

/* Bytes that a name of so many needs in UTF-8, at most. */
#define HDPY_NAME_GROWTH 3

/* Write to `out` the name that an archive has as `raw`, in UTF-8 or else in code page 437; its
 * length. */
size_t hdpy_name_decode(char *out, const unsigned char *raw, size_t length, int is_utf8);

/* Whether a URL can ask for the name: relative, of UTF-8, without NUL, backslashes and components
 * that are empty, "." or "..".  A slash at its end is a directory's. */
int hdpy_name_is_safe(const char *name, size_t length);

#endif
