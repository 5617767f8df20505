/* Fuzzes the reading of archives: whatever the bytes are, it ends, within them, and what it gives
 * agrees.
 *
 * Built without Apache by setup/fuzz.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../../apache/archive/encoding.h"
#include "../../apache/archive/names.h"
#include "../../apache/archive/reader.h"
#include "../../apache/archive/version.h"
#include "../../apache/archive/zip.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define SIZE_MAX_READ (1 << 20) /* larger members are not unpacked */
#define MEMBERS_MAX 64

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static int read_bytes(void *version, void *data, size_t length, uint64_t offset)
{
    return hdpy_version_read(version, data, length, offset);
}

/* A version as hdpy_version_load() makes it of a small file; the copy is of the exact size. */
static hdpy_version *version_of(const unsigned char *data, size_t size)
{
    hdpy_version *version = calloc(1, sizeof(*version));
    unsigned char *copy = malloc(size ? size : 1);
    hdpy_zip_error error;

    memcpy(copy, data, size);
    version->references = 1;
    version->fd = -1;
    version->is_settled = 1;
    version->copy = copy;
    version->stamp.size = size;
    version->source = (hdpy_zip_source){read_bytes, version, size};
    version->zip = hdpy_zip_read(&version->source, &error);
    return version;
}

/* All of a member, in pieces; NULL if it is wrong. */
static unsigned char *read_all(hdpy_version *version, hdpy_zip_member *member, int unpacks,
                               size_t length, size_t piece)
{
    hdpy_reader *reader = hdpy_reader_new(version, member, unpacks);
    unsigned char *all = malloc(length ? length : 1);
    int status = length ? 0 : hdpy_reader_read(reader, all, 0, 0);

    for (size_t at = 0; !status && at < length; at += piece)
        status = hdpy_reader_read(reader, all + at, length - at < piece ? length - at : piece, at);
    hdpy_reader_free(reader);
    if (!status)
        return all;
    free(all);
    return NULL;
}

static void check_ranges(hdpy_version *version, hdpy_zip_member *member, const unsigned char *plain)
{
    hdpy_reader *reader = hdpy_reader_new(version, member, member->method == HDPY_ZIP_DEFLATED);
    size_t size = (size_t)member->size, places[] = {size / 2, size / 3, size - 1, 0};
    unsigned char part[16];

    for (int i = 0; size && i < 4; i++) {
        size_t length = size - places[i] < sizeof(part) ? size - places[i] : sizeof(part);

        CHECK(!hdpy_reader_read(reader, part, length, places[i]));
        CHECK(!memcmp(part, plain + places[i], length));
    }
    hdpy_reader_free(reader);
}

static void check_data(hdpy_version *version, hdpy_zip_member *member, size_t piece)
{
    int is_deflated = member->method == HDPY_ZIP_DEFLATED;
    unsigned char *plain, *packed;

    if (member->size > SIZE_MAX_READ || (!is_deflated && member->method != HDPY_ZIP_STORED))
        return;
    plain = read_all(version, member, is_deflated, (size_t)member->size, piece);
    member->is_sound = 0;
    packed = read_all(version, member, 0, (size_t)member->packed, piece);
    CHECK(!plain == !packed); /* both are compared with the sum */
    if (plain) {
        CHECK(crc32(0, plain, (uInt)member->size) == member->crc);
        CHECK(member->is_sound);
        check_ranges(version, member, plain);
    }
    free(plain);
    free(packed);
}

static void check_member(hdpy_version *version, hdpy_zip_member *member, size_t piece)
{
    const char *name = hdpy_zip_name(version->zip, member);
    size_t length = member->name_length;
    int is_directory = name[length - 1] == '/';
    hdpy_zip_error error;

    CHECK(hdpy_name_is_safe(name, length));
    CHECK(hdpy_zip_find(version->zip, name, length) == (is_directory ? NULL : member));
    for (size_t i = 1; i < length; i++)
        if (name[i] == '/')
            CHECK(hdpy_zip_is_directory(version->zip, name, i));
    if (hdpy_zip_locate(version->zip, member, &version->source, &error))
        return;
    CHECK(member->data <= version->stamp.size);
    CHECK(member->packed <= version->stamp.size - member->data);
    check_data(version, member, piece);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    hdpy_version *version = version_of(data, size);
    char *text = calloc(1, size + 1);

    memcpy(text, data, size);
    hdpy_prefers_gzip(text);
    free(text);
    for (uint32_t i = 0; version->zip && i < hdpy_zip_count(version->zip) && i < MEMBERS_MAX; i++)
        check_member(version, hdpy_zip_at(version->zip, i), 1 + size % 1000);
    hdpy_version_release(version);
    return 0;
}
