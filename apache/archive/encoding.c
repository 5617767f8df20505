/* Which content codings a client takes (RFC 9110, section 12.5.3). */
#include "encoding.h"

#include <string.h>
#include <strings.h>

#define UNSAID (-1)

static const char *skip_spaces(const char *s)
{
    return s + strspn(s, " \t");
}

/* The weight, in thousandths, that the parameters of an item have: 1000 without one, 0 for what is
 * none. */
static int weight(const char *s, const char *end)
{
    int value, digits = 100;

    while (s < end && *s == ';') {
        s = skip_spaces(s + 1);
        if (strncasecmp(s, "q=", 2)) {
            s += strcspn(s, ";,");
            continue;
        }
        s += 2;
        if (*s != '0' && *s != '1')
            return 0;
        value = (*s++ - '0') * 1000;
        if (*s == '.')
            for (s++; *s >= '0' && *s <= '9'; s++, digits /= 10)
                value += (*s - '0') * digits;
        return value > 1000 ? 1000 : value;
    }
    return 1000;
}

static int is_word(const char *s, size_t length, const char *word)
{
    return strlen(word) == length && !strncasecmp(s, word, length);
}

int hdpy_prefers_gzip(const char *accept_encoding)
{
    int gzip = UNSAID, identity = UNSAID, any = UNSAID;
    const char *s = accept_encoding ? accept_encoding : "";

    while (*s) {
        size_t length;
        const char *end;
        int q;

        s += strspn(s, " \t,");
        length = strcspn(s, " \t;,");
        end = s + strcspn(s, ",");
        q = weight(skip_spaces(s + length), end);
        if (is_word(s, length, "gzip") || is_word(s, length, "x-gzip"))
            gzip = q > gzip ? q : gzip;
        else if (is_word(s, length, "identity"))
            identity = q;
        else if (is_word(s, length, "*"))
            any = q;
        s = end;
    }
    if (gzip == UNSAID)
        gzip = any;
    return gzip > 0 && gzip >= identity;
}
