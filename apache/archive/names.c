/* Names of members: in UTF-8, and such as a URL can have. */
#include "names.h"

#include <stdint.h>
#include <string.h>

/* Code page 437 from 0x80 on, in Unicode. */
static const uint16_t upper[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7,
    0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5,
    0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192,
    0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba,
    0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556,
    0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510,
    0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567,
    0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
    0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4,
    0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229,
    0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

static size_t put(char *out, uint32_t character)
{
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | character >> 12);
    out[1] = (char)(0x80 | (character >> 6 & 0x3f));
    out[2] = (char)(0x80 | (character & 0x3f));
    return 3;
}

size_t hdpy_name_decode(char *out, const unsigned char *raw, size_t length, int is_utf8)
{
    size_t written = 0;

    if (is_utf8) {
        memcpy(out, raw, length);
        return length;
    }
    for (size_t i = 0; i < length; i++)
        if (raw[i] < 0x80)
            out[written++] = (char)raw[i];
        else
            written += put(out + written, upper[raw[i] - 0x80]);
    return written;
}

/* Bytes of the character that begins here (RFC 3629, section 4), 0 for what is none. */
static size_t character_length(const unsigned char *s, size_t length)
{
    size_t more = s[0] < 0x80 ? 0 : s[0] < 0xc2 ? 4 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2
                : s[0] < 0xf5 ? 3 : 4;

    if (more == 4 || more >= length)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)
        || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return more + 1;
}

static int is_utf8_text(const char *text, size_t length)
{
    size_t step;

    for (size_t i = 0; i < length; i += step) {
        step = character_length((const unsigned char *)text + i, length - i);
        if (!step)
            return 0;
    }
    return 1;
}

/* Whether a component is one that paths have for something else. */
static int is_special(const char *component, size_t length)
{
    return length == 0 || (length == 1 && component[0] == '.')
        || (length == 2 && component[0] == '.' && component[1] == '.');
}

int hdpy_name_is_safe(const char *name, size_t length)
{
    size_t start = 0;

    if (!length || memchr(name, '\0', length) || memchr(name, '\\', length)
        || !is_utf8_text(name, length))
        return 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && name[i] != '/')
            continue;
        if (is_special(name + start, i - start) && !(i == length && start == length))
            return 0;
        start = i + 1;
    }
    return name[0] != '/';
}
