/* The directory of a zip archive: what is in it, and where.
 *
 * The end of an archive names its central directory, that has a record for each member, which names
 * the member's local header, behind which its data is.  All offsets count from where the archive
 * began when it was made; what somebody has put before it is found by where the directory really
 * is.
 *
 * The index is one array in the order of names, over one block of all names.
 */
#include "zip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "cursor.h"
#include "large.h"
#include "names.h"

#define END_SIGNATURE 0x06054b50u
#define END_SIZE 22
#define COMMENT_MAX 65535
#define ENDS_MAX 64 /* so many places that look like the end are looked at */
#define END64_SIGNATURE 0x06064b50u
#define END64_SIZE 56
#define LOCATOR_SIGNATURE 0x07064b50u
#define LOCATOR_SIZE 20
#define RECORD_SIGNATURE 0x02014b50u
#define RECORD_SIZE 46
#define HEADER_SIGNATURE 0x04034b50u
#define HEADER_SIZE 30

#define FLAG_ENCRYPTED 0x0001
#define FLAG_UTF8 0x0800
#define MADE_ON_UNIX 3
#define UNIX_TYPE 0170000
#define UNIX_LINK 0120000
#define EXTRA_ZIP64 0x0001
#define EXTRA_TIMES 0x5455
#define EXTRA_NAME 0x7075

struct hdpy_zip {
    hdpy_zip_member *members; /* in the order of names */
    uint32_t count, room;     /* how many there are, and how many there is room for */
    char *names;
    size_t names_room;
    uint32_t left_out;
    char first_left_out[128];
};

/* The directory, as the end of the archive has it. */
typedef struct {
    uint64_t at, size, count, shift;
    int counts_all; /* not modulo 2^16 */
} directory;

/* While the directory is read. */
typedef struct {
    hdpy_zip *zip;
    hdpy_zip_member *members;
    uint64_t *headers; /* of all members, those that are left out as well */
    uint32_t count, seen, room;
    char *names;
    size_t names_length, names_room;
    uint32_t hour; /* of the last time that was converted, as DOS has it, and since 1970 */
    time_t hour_time;
} reading;

static int fail(hdpy_zip_error *error, const char *text)
{
    snprintf(error->text, sizeof(error->text), "%s", text);
    return -1;
}

static int fail_to_read(hdpy_zip_error *error, int number)
{
    snprintf(error->text, sizeof(error->text), "cannot be read: %s", strerror(number));
    return -1;
}

/* The bytes there, in large memory, or NULL with the error. */
static unsigned char *bytes(const hdpy_zip_source *source, uint64_t offset, size_t length,
                            hdpy_zip_error *error)
{
    unsigned char *data = hdpy_large_alloc(length);
    int number = data ? source->read(source->context, data, length, offset) : ENOMEM;

    if (!number)
        return data;
    fail_to_read(error, number);
    hdpy_large_free(data, length);
    return NULL;
}

/* ---- where the directory is ---------------------------------------------------------------- */

static int is_record_there(const hdpy_zip_source *source, uint64_t offset)
{
    unsigned char data[4];
    hdpy_cursor c = hdpy_cursor_over(data, sizeof(data));

    return !source->read(source->context, data, sizeof(data), offset)
        && hdpy_take_32(&c) == RECORD_SIGNATURE;
}

/* The larger end that the locator before `end` is about: 1 if it is there, 0 if there is none. */
static int read_end64(const hdpy_zip_source *source, uint64_t end, directory *found)
{
    unsigned char data[LOCATOR_SIZE + END64_SIZE];
    hdpy_cursor c = hdpy_cursor_over(data, LOCATOR_SIZE);
    uint64_t places[2];

    if (end < LOCATOR_SIZE + END64_SIZE
        || source->read(source->context, data, LOCATOR_SIZE, end - LOCATOR_SIZE)
        || hdpy_take_32(&c) != LOCATOR_SIGNATURE)
        return 0;
    hdpy_take(&c, 4);
    places[0] = end - LOCATOR_SIZE - END64_SIZE; /* where it is but for additions to it */
    places[1] = hdpy_take_64(&c);
    for (int i = 0; i < 2; i++) {
        uint32_t disk, first_disk;

        if (places[i] > end - LOCATOR_SIZE - END64_SIZE
            || source->read(source->context, data, END64_SIZE, places[i]))
            continue;
        c = hdpy_cursor_over(data, END64_SIZE);
        if (hdpy_take_32(&c) != END64_SIGNATURE)
            continue;
        hdpy_take(&c, 12);
        disk = hdpy_take_32(&c);
        first_disk = hdpy_take_32(&c);
        hdpy_take(&c, 8);
        found->count = hdpy_take_64(&c);
        found->size = hdpy_take_64(&c);
        found->at = hdpy_take_64(&c);
        found->counts_all = 1;
        if (disk || first_disk || found->size > places[i])
            return 0;
        found->shift = places[i] - found->size; /* for now: where it is */
        return 1;
    }
    return 0;
}

/* Whether what is at `end` is the archive's end: it agrees with what comes before. */
static int is_end(const hdpy_zip_source *source, uint64_t end, hdpy_cursor c, directory *found)
{
    uint32_t disks;

    hdpy_take(&c, 4);
    disks = hdpy_take_32(&c);
    hdpy_take(&c, 2);
    found->count = hdpy_take_16(&c);
    found->size = hdpy_take_32(&c);
    found->at = hdpy_take_32(&c);
    found->counts_all = 0;
    if (!c.ok)
        return 0;
    if (!read_end64(source, end, found)) {
        if (disks || found->size > end)
            return 0;
        found->shift = end - found->size;
    }
    if (found->shift < found->at || (!found->size && found->count))
        return 0;
    if (found->size && !is_record_there(source, found->shift))
        return 0;
    found->shift -= found->at;
    found->at += found->shift;
    return 1;
}

/* The end is the last one whose comment ends with the file, or else the last one: something may
 * have been put behind it. */
static int find_directory(const hdpy_zip_source *source, directory *found, hdpy_zip_error *error)
{
    uint64_t start = source->size > END_SIZE + COMMENT_MAX
                   ? source->size - END_SIZE - COMMENT_MAX : 0;
    size_t length = (size_t)(source->size - start);
    unsigned char *tail;
    int ends = 0;

    if (length < END_SIZE)
        return fail(error, "is no zip archive: it is too short");
    tail = bytes(source, start, length, error);
    if (!tail)
        return -1;
    for (int exact = 1; exact >= 0; exact--)
        for (size_t at = length - END_SIZE + 1; at-- > 0 && ends < ENDS_MAX;) {
            hdpy_cursor c = hdpy_cursor_over(tail + at, END_SIZE);
            size_t comment;

            if (tail[at] != 'P' || hdpy_take_32(&c) != END_SIGNATURE)
                continue;
            comment = (size_t)tail[at + 20] | (size_t)tail[at + 21] << 8;
            if (comment > length - at - END_SIZE || (comment == length - at - END_SIZE) != exact)
                continue;
            ends++;
            if (is_end(source, start + at, hdpy_cursor_over(tail + at, END_SIZE), found)) {
                hdpy_large_free(tail, length);
                return 0;
            }
        }
    hdpy_large_free(tail, length);
    return fail(error, ends ? "is damaged, or one part of several: its end does not say where the "
                              "directory is"
                            : "is no zip archive, or its end is missing");
}

/* ---- the records of the directory ----------------------------------------------------------- */

/* A time of DOS, in local time, since 1970; 0 for what is none. */
static uint32_t time_of_dos(reading *in, uint16_t date, uint16_t time)
{
    uint32_t hour = (uint32_t)date << 5 | time >> 11;
    time_t found;

    if (hour != in->hour) { /* mktime() is slow, and archives have many members of one hour */
        struct tm parts = {
            .tm_year = (date >> 9) + 80,
            .tm_mon = (date >> 5 & 15) - 1,
            .tm_mday = date & 31,
            .tm_hour = time >> 11,
            .tm_isdst = -1,
        };

        in->hour = hour;
        in->hour_time = parts.tm_mon >= 0 && parts.tm_mon < 12 && parts.tm_mday ? mktime(&parts)
                                                                                : 0;
    }
    if (in->hour_time <= 0)
        return 0;
    found = in->hour_time + (time >> 5 & 63) * 60 + (time & 31) * 2;
    return found > 0 && (uint64_t)found <= UINT32_MAX ? (uint32_t)found : 0;
}

/* What a record says beside its fixed fields. */
typedef struct {
    const unsigned char *name; /* NULL: as in the record */
    size_t name_length;
    uint32_t modified;
} additions;

static void take_name(hdpy_cursor *c, const unsigned char *raw, size_t raw_length, additions *found)
{
    uint64_t version = hdpy_take_number(c, 1);
    uint32_t crc = hdpy_take_32(c);

    /* it is about a name that somebody has changed, unless the sum is right */
    if (c->ok && version == 1 && crc == crc32(0, raw, (uInt)raw_length) && c->size > c->at) {
        found->name_length = c->size - c->at;
        found->name = hdpy_take(c, found->name_length);
    }
}

/* Look through the extra fields; those that do not add up are left alone, but for the larger
 * numbers, without which the member is nowhere. */
static int take_extra(hdpy_cursor extra, hdpy_zip_member *member, uint32_t disk,
                      const unsigned char *raw, size_t raw_length, additions *found)
{
    int needed = member->size == UINT32_MAX || member->packed == UINT32_MAX
              || member->header == UINT32_MAX;

    while (extra.size - extra.at >= 4) {
        uint16_t kind = hdpy_take_16(&extra);
        size_t length = hdpy_take_16(&extra);
        const unsigned char *data = hdpy_take(&extra, length);
        hdpy_cursor c;

        if (!data)
            break;
        c = hdpy_cursor_over(data, length);
        if (kind == EXTRA_ZIP64 && needed) {
            if (member->size == UINT32_MAX)
                member->size = hdpy_take_64(&c);
            if (member->packed == UINT32_MAX)
                member->packed = hdpy_take_64(&c);
            if (member->header == UINT32_MAX)
                member->header = hdpy_take_64(&c);
            if (!c.ok)
                return -1;
            needed = 0;
        } else if (kind == EXTRA_TIMES) {
            uint64_t flags = hdpy_take_number(&c, 1);
            uint32_t modified = hdpy_take_32(&c);

            if (c.ok && flags & 1)
                found->modified = modified;
        } else if (kind == EXTRA_NAME) {
            take_name(&c, raw, raw_length, found);
        }
    }
    return disk && disk != UINT16_MAX ? -1 : 0;
}

static int make_room_for_members(reading *in)
{
    uint32_t room = in->room ? in->room * 2 : 64;
    size_t size = in->room * sizeof(*in->members), new_size = room * sizeof(*in->members);
    hdpy_zip_member *members = hdpy_large_resize(in->members, size, new_size);
    uint64_t *headers = NULL;

    if (members)
        headers = hdpy_large_resize(in->headers, in->room * sizeof(*headers),
                                    room * sizeof(*headers));
    if (!headers) {
        hdpy_large_free(members ? members : in->members, members ? new_size : size);
        in->members = NULL;
        return -1;
    }
    in->members = members;
    in->headers = headers;
    in->room = room;
    return 0;
}

/* Room for one more member, and `length` more bytes of names. */
static int make_room(reading *in, size_t length)
{
    size_t room = in->names_room * 2 + length;
    char *names;

    if (in->seen == in->room && make_room_for_members(in))
        return -1;
    if (length <= in->names_room - in->names_length)
        return 0;
    names = hdpy_large_resize(in->names, in->names_room, room);
    if (!names)
        return -1;
    in->names = names;
    in->names_room = room;
    return 0;
}

static void leave_out(hdpy_zip *zip, const char *name, size_t length)
{
    size_t most = sizeof(zip->first_left_out) - 1;

    if (!zip->left_out++)
        memcpy(zip->first_left_out, name, length < most ? length : most);
}

/* One record: 0, or -1 if it does not add up. */
static int take_record(reading *in, hdpy_cursor *c, const directory *where)
{
    hdpy_zip_member *member;
    uint32_t signature = hdpy_take_32(c);
    uint16_t made_by = hdpy_take_16(c), flags, method, time, date;
    uint32_t crc, packed, size, disk, attributes, header;
    size_t raw_length, extra_length, comment_length, length;
    const unsigned char *raw, *extra;
    additions found = {0};
    char *name;

    hdpy_take(c, 2);
    flags = hdpy_take_16(c);
    method = hdpy_take_16(c);
    time = hdpy_take_16(c);
    date = hdpy_take_16(c);
    crc = hdpy_take_32(c);
    packed = hdpy_take_32(c);
    size = hdpy_take_32(c);
    raw_length = hdpy_take_16(c);
    extra_length = hdpy_take_16(c);
    comment_length = hdpy_take_16(c);
    disk = hdpy_take_16(c);
    hdpy_take(c, 2);
    attributes = hdpy_take_32(c);
    header = hdpy_take_32(c);
    raw = hdpy_take(c, raw_length);
    extra = hdpy_take(c, extra_length);
    hdpy_take(c, comment_length);
    if (!c->ok || signature != RECORD_SIGNATURE
        || make_room(in, (raw_length + extra_length) * HDPY_NAME_GROWTH))
        return -1;

    member = &in->members[in->count];
    memset(member, 0, sizeof(*member));
    member->header = header;
    member->packed = packed;
    member->size = size;
    member->crc = crc;
    member->method = method;
    member->is_encrypted = flags & FLAG_ENCRYPTED;
    member->is_link = made_by >> 8 == MADE_ON_UNIX && (attributes >> 16 & UNIX_TYPE) == UNIX_LINK;
    if (take_extra(hdpy_cursor_over(extra, extra_length), member, disk, raw, raw_length, &found))
        return -1;
    /* those that begin behind the directory are found out by hdpy_zip_locate() */
    member->header = member->header > where->at - where->shift ? UINT64_MAX
                                                               : member->header + where->shift;
    member->modified = found.modified ? found.modified : time_of_dos(in, date, time);
    member->is_renamed = found.name != NULL;
    if (method == HDPY_ZIP_DEFLATED && !member->packed && !member->size)
        member->method = HDPY_ZIP_STORED; /* no deflated data is nothing at all */
    in->headers[in->seen++] = member->header;

    name = in->names + in->names_length;
    length = found.name ? hdpy_name_decode(name, found.name, found.name_length, 1)
                        : hdpy_name_decode(name, raw, raw_length, flags & FLAG_UTF8);
    while (length > 2 && name[0] == '.' && name[1] == '/') {
        length -= 2;
        memmove(name, name + 2, length);
        member->is_renamed = 1;
    }
    if (in->names_length + length > UINT32_MAX)
        return -1;
    if (!hdpy_name_is_safe(name, length)) {
        leave_out(in->zip, name, length);
        return 0;
    }
    member->name = (uint32_t)in->names_length;
    member->name_length = (uint32_t)length;
    in->names_length += length;
    in->count++;
    return 0;
}

/* ---- the index ------------------------------------------------------------------------------ */

static int compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

    return order ? order : (a_length > b_length) - (a_length < b_length);
}

/* By name, and of one name in the order of the directory. */
static int compare_members(const void *a, const void *b, void *context)
{
    const reading *in = context;
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    const hdpy_zip_member *m = &in->members[one], *n = &in->members[other];
    int order = compare_bytes(in->names + m->name, m->name_length, in->names + n->name,
                              n->name_length);

    return order ? order : (one > other) - (one < other);
}

static int compare_offsets(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return (one > other) - (one < other);
}

/* Where what comes after the header begins: another header, or the directory. */
static uint64_t limit_of(const reading *in, uint64_t header, uint64_t directory_at)
{
    uint32_t low = 0, high = in->seen;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (in->headers[middle] > header)
            high = middle;
        else
            low = middle + 1;
    }
    return low < in->seen && in->headers[low] < directory_at ? in->headers[low] : directory_at;
}

static int is_same_name(const reading *in, const hdpy_zip_member *m, const hdpy_zip_member *n)
{
    return m->name_length == n->name_length
        && !memcmp(in->names + m->name, in->names + n->name, m->name_length);
}

/* Put the members in order, the last of each name only. */
static int make_index(reading *in, const directory *where)
{
    hdpy_zip *zip = in->zip;
    size_t order_size = in->count * sizeof(uint32_t);
    uint32_t *order = hdpy_large_alloc(order_size);
    char *names;

    zip->members = hdpy_large_alloc(in->count * sizeof(*zip->members));
    zip->room = in->count;
    if (!order || !zip->members) {
        hdpy_large_free(order, order_size);
        return -1;
    }
    if (in->seen)
        qsort(in->headers, in->seen, sizeof(*in->headers), compare_offsets);
    for (uint32_t i = 0; i < in->count; i++)
        order[i] = i;
    qsort_r(order, in->count, sizeof(*order), compare_members, in);
    for (uint32_t i = 0; i < in->count; i++) {
        hdpy_zip_member *member = &in->members[order[i]];

        if (i + 1 < in->count && is_same_name(in, member, &in->members[order[i + 1]]))
            continue;
        member->limit = limit_of(in, member->header, where->at);
        memcpy(&zip->members[zip->count++], member, sizeof(*member));
    }
    hdpy_large_free(order, order_size);
    names = hdpy_large_resize(in->names, in->names_room, in->names_length);
    zip->names = names ? names : in->names;
    zip->names_room = names ? in->names_length : in->names_room;
    in->names = NULL;
    return 0;
}

static int read_records(hdpy_zip *zip, const directory *where, const hdpy_zip_source *source,
                        hdpy_zip_error *error)
{
    unsigned char *data = bytes(source, where->at, (size_t)where->size, error);
    hdpy_cursor c = hdpy_cursor_over(data, (size_t)where->size);
    reading in = {.zip = zip, .hour = UINT32_MAX};
    uint64_t mask = where->counts_all ? UINT64_MAX : UINT16_MAX;
    int failed = 0;

    if (!data)
        return -1;
    if (make_room(&in, 1))
        failed = fail(error, "cannot be read: not enough memory");
    while (!failed && c.at < c.size)
        if (take_record(&in, &c, where)) {
            snprintf(error->text, sizeof(error->text), "is damaged: its directory does not add up "
                     "at member %u of %llu", in.seen + 1, (unsigned long long)where->count);
            failed = -1;
        }
    if (!failed && (in.seen & mask) != where->count) {
        snprintf(error->text, sizeof(error->text), "is damaged: its directory has %u members "
                 "instead of %llu", in.seen, (unsigned long long)where->count);
        failed = -1;
    }
    hdpy_large_free(data, (size_t)where->size);
    if (!failed && make_index(&in, where))
        failed = fail(error, "cannot be read: not enough memory");
    hdpy_large_free(in.members, in.room * sizeof(*in.members));
    hdpy_large_free(in.headers, in.room * sizeof(*in.headers));
    hdpy_large_free(in.names, in.names_room);
    return failed;
}

hdpy_zip *hdpy_zip_read(const hdpy_zip_source *source, hdpy_zip_error *error)
{
    directory where = {0};
    hdpy_zip *zip;

    if (find_directory(source, &where, error))
        return NULL;
    if (where.size > HDPY_ZIP_DIRECTORY_MAX) {
        snprintf(error->text, sizeof(error->text), "has a directory of %llu bytes, and at most "
                 "%llu are read; divide it", (unsigned long long)where.size,
                 (unsigned long long)HDPY_ZIP_DIRECTORY_MAX);
        return NULL;
    }
    zip = calloc(1, sizeof(*zip));
    if (!zip) {
        fail(error, "cannot be read: not enough memory");
        return NULL;
    }
    if (read_records(zip, &where, source, error)) {
        hdpy_zip_free(zip);
        return NULL;
    }
    return zip;
}

void hdpy_zip_free(hdpy_zip *zip)
{
    if (!zip)
        return;
    hdpy_large_free(zip->members, zip->room * sizeof(*zip->members));
    hdpy_large_free(zip->names, zip->names_room);
    free(zip);
}

/* ---- asking -------------------------------------------------------------------------------- */

uint32_t hdpy_zip_count(const hdpy_zip *zip)
{
    return zip->count;
}

uint32_t hdpy_zip_left_out(const hdpy_zip *zip, const char **first)
{
    *first = zip->first_left_out;
    return zip->left_out;
}

hdpy_zip_member *hdpy_zip_at(const hdpy_zip *zip, uint32_t n)
{
    return &zip->members[n];
}

const char *hdpy_zip_name(const hdpy_zip *zip, const hdpy_zip_member *member)
{
    return zip->names + member->name;
}

/* The first member that does not come before the name. */
static uint32_t first_from(const hdpy_zip *zip, const char *name, size_t length)
{
    uint32_t low = 0, high = zip->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const hdpy_zip_member *member = &zip->members[middle];

        if (compare_bytes(hdpy_zip_name(zip, member), member->name_length, name, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

hdpy_zip_member *hdpy_zip_find(const hdpy_zip *zip, const char *name, size_t length)
{
    uint32_t n = first_from(zip, name, length);
    hdpy_zip_member *member = &zip->members[n];

    if (n == zip->count || !length || name[length - 1] == '/' || member->name_length != length
        || memcmp(hdpy_zip_name(zip, member), name, length))
        return NULL;
    return member;
}

int hdpy_zip_is_directory(const hdpy_zip *zip, const char *name, size_t length)
{
    if (!length)
        return 1;
    for (uint32_t low = 0, high = zip->count; low < high;) { /* for the name with a slash */
        uint32_t middle = low + (high - low) / 2;
        const hdpy_zip_member *member = &zip->members[middle];
        const char *own = hdpy_zip_name(zip, member);
        int order = compare_bytes(own, member->name_length < length ? member->name_length : length,
                                  name, length);

        if (!order)
            order = member->name_length == length ? -1 : (unsigned char)own[length] - '/';
        if (!order)
            return 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* Whether the name in the local header, which is decoded as that says, is the member's. */
static int has_name(const hdpy_zip *zip, const hdpy_zip_member *member, const unsigned char *raw,
                    size_t length, uint16_t flags)
{
    char *name;
    int is_same;

    if (member->is_renamed)
        return 1;
    name = malloc(length * HDPY_NAME_GROWTH + 1);
    if (!name)
        return 0;
    length = hdpy_name_decode(name, raw, length, flags & FLAG_UTF8);
    is_same = length == member->name_length && !memcmp(name, hdpy_zip_name(zip, member), length);
    free(name);
    return is_same;
}

int hdpy_zip_locate(const hdpy_zip *zip, hdpy_zip_member *member, const hdpy_zip_source *source,
                    hdpy_zip_error *error)
{
    unsigned char fixed[HEADER_SIZE], *raw;
    hdpy_cursor c = hdpy_cursor_over(fixed, sizeof(fixed));
    size_t name_length, extra_length;
    uint64_t data;
    uint16_t flags;
    int number, is_own;

    if (atomic_load_explicit(&member->data, memory_order_relaxed))
        return 0;
    if (member->method == HDPY_ZIP_STORED && member->packed != member->size)
        return fail(error, "it is stored, but with two sizes");
    if (member->header > member->limit || member->limit - member->header < HEADER_SIZE)
        return fail(error, "its header is not where the directory says");
    number = source->read(source->context, fixed, sizeof(fixed), member->header);
    if (number)
        return number;
    if (hdpy_take_32(&c) != HEADER_SIGNATURE)
        return fail(error, "its header is not where the directory says");
    hdpy_take(&c, 2);
    flags = hdpy_take_16(&c);
    hdpy_take(&c, 18);
    name_length = hdpy_take_16(&c);
    extra_length = hdpy_take_16(&c);
    data = member->header + HEADER_SIZE + name_length + extra_length;
    if (data > member->limit || member->packed > member->limit - data)
        return fail(error, "it overlaps with what comes after it");
    raw = malloc(name_length + 1);
    if (!raw)
        return ENOMEM;
    number = source->read(source->context, raw, name_length, member->header + HEADER_SIZE);
    is_own = !number && has_name(zip, member, raw, name_length, flags);
    free(raw);
    if (number)
        return number;
    if (!is_own)
        return fail(error, "its header has another name");
    atomic_store_explicit(&member->data, data, memory_order_relaxed);
    return 0;
}
