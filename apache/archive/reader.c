/* Reads a member, or unpacks it, from any place on, and compares what it reads from the beginning
 * to the end with the member's sum. */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define INPUT 32768
#define RAW_DEFLATE (-MAX_WBITS)

struct hdpy_reader {
    hdpy_version *version;
    hdpy_zip_member *member;
    int failure;           /* of a reading before: there is no other one */
    int unpacks;
    int compares;          /* the member is not known to be sound */
    uint64_t at;           /* all up to here was read in order: offset of what is compared next */
    uint32_t crc;          /* of what is unpacked */
    uint64_t unpacked;
    z_stream *stream;      /* of a deflated member; NULL: not begun */
    uint64_t fed;          /* packed bytes that the stream was given */
    unsigned char *buffer; /* INPUT bytes: its input, or if that is read anyway, its output */
    int has_ended;
    hdpy_zip_error error;
};

hdpy_reader *hdpy_reader_new(hdpy_version *version, hdpy_zip_member *member, int unpacks)
{
    hdpy_reader *reader = malloc(sizeof(*reader));

    if (!reader)
        return NULL;
    memset(reader, 0, offsetof(hdpy_reader, error));
    reader->version = hdpy_version_hold(version);
    reader->member = member;
    reader->unpacks = unpacks;
    reader->compares = !version->is_settled
                    || !atomic_load_explicit(&member->is_sound, memory_order_relaxed);
    return reader;
}

static void end_stream(hdpy_reader *reader)
{
    if (reader->stream)
        inflateEnd(reader->stream);
    free(reader->stream);
    reader->stream = NULL;
}

void hdpy_reader_free(hdpy_reader *reader)
{
    end_stream(reader);
    free(reader->buffer);
    hdpy_version_release(reader->version);
    free(reader);
}

const hdpy_zip_error *hdpy_reader_error(const hdpy_reader *reader)
{
    return &reader->error;
}

const hdpy_version *hdpy_reader_version(const hdpy_reader *reader)
{
    return reader->version;
}

const hdpy_zip_member *hdpy_reader_member(const hdpy_reader *reader)
{
    return reader->member;
}

static int fail(hdpy_reader *reader, const char *text)
{
    snprintf(reader->error.text, sizeof(reader->error.text), "%s", text);
    return -1;
}

static uint64_t place(const hdpy_reader *reader, uint64_t offset)
{
    return atomic_load_explicit(&reader->member->data, memory_order_relaxed) + offset;
}

const unsigned char *hdpy_reader_in_memory(const hdpy_reader *reader, uint64_t offset)
{
    return reader->version->copy && !reader->compares && !reader->unpacks
         ? reader->version->copy + place(reader, offset) : NULL;
}

/* ---- unpacking ----------------------------------------------------------------------------- */

static int begin_stream(hdpy_reader *reader)
{
    end_stream(reader);
    reader->stream = calloc(1, sizeof(*reader->stream));
    if (!reader->buffer)
        reader->buffer = malloc(INPUT);
    if (!reader->stream || !reader->buffer)
        return ENOMEM;
    if (inflateInit2(reader->stream, RAW_DEFLATE) != Z_OK) {
        free(reader->stream);
        reader->stream = NULL;
        return ENOMEM;
    }
    reader->fed = reader->unpacked = 0;
    reader->crc = 0;
    reader->has_ended = 0;
    return 0;
}

/* Give the stream more of the member, at least a byte. */
static int feed(hdpy_reader *reader)
{
    uint64_t left = reader->member->packed - reader->fed;
    size_t length = left < INPUT ? (size_t)left : INPUT;
    const unsigned char *copy = reader->version->copy;
    int status;

    if (!left)
        return fail(reader, "it is unpacked to less than its size");
    if (copy) {
        length = left < UINT32_MAX ? (size_t)left : UINT32_MAX;
        reader->stream->next_in = (unsigned char *)copy + place(reader, reader->fed);
    } else {
        status = hdpy_version_read(reader->version, reader->buffer, length,
                                   place(reader, reader->fed));
        if (status)
            return status;
        reader->stream->next_in = reader->buffer;
    }
    reader->stream->avail_in = (unsigned)length;
    reader->fed += length;
    return 0;
}

/* One step of the stream with what it was given and room for `length` bytes; *got: how many
 * came. */
static int step(hdpy_reader *reader, unsigned char *data, size_t length, size_t *got)
{
    z_stream *stream = reader->stream;
    int result;

    stream->next_out = data;
    stream->avail_out = (unsigned)length;
    result = inflate(stream, Z_NO_FLUSH);
    *got = length - stream->avail_out;
    reader->unpacked += *got;
    if (result == Z_STREAM_END)
        reader->has_ended = 1;
    else if (result == Z_MEM_ERROR)
        return ENOMEM;
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return fail(reader, "it cannot be unpacked");
    if (reader->unpacked > reader->member->size)
        return fail(reader, "it is unpacked to more than its size");
    return 0;
}

/* The stream's next bytes. */
static int unpack(hdpy_reader *reader, unsigned char *data, size_t length)
{
    unsigned char *begin = data;
    size_t left = length, got;
    int status = 0;

    while (!status && left && !reader->has_ended) {
        if (!reader->stream->avail_in)
            status = feed(reader);
        if (!status)
            status = step(reader, data, left, &got);
        if (!status) {
            data += got;
            left -= got;
        }
    }
    if (!status && left)
        status = fail(reader, "it is unpacked to less than its size");
    if (!status && reader->compares)
        reader->crc = (uint32_t)crc32(reader->crc, begin, (uInt)length);
    return status;
}

/* Whether the stream, all of which is unpacked, ends with the member. */
static int check_end(hdpy_reader *reader)
{
    unsigned char more;
    size_t got;
    int status = 0;

    while (!status && !reader->has_ended) {
        if (!reader->stream->avail_in)
            status = feed(reader);
        if (!status)
            status = step(reader, &more, 1, &got);
    }
    if (!status && (reader->stream->avail_in || reader->fed != reader->member->packed))
        status = fail(reader, "its data goes on where it ends");
    return status;
}

/* Go to a place in what is unpacked. */
static int seek(hdpy_reader *reader, uint64_t offset)
{
    unsigned char passed[8192];
    int status = 0;

    if (!reader->stream || offset < reader->at) {
        status = begin_stream(reader);
        reader->at = 0;
    }
    while (!status && reader->at < offset) {
        size_t length = offset - reader->at < sizeof(passed) ? (size_t)(offset - reader->at)
                                                             : sizeof(passed);

        status = unpack(reader, passed, length);
        reader->at += length;
    }
    return status;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static int compare(hdpy_reader *reader)
{
    if (reader->crc != reader->member->crc)
        return fail(reader, "its data has another sum (CRC-32) than the directory says");
    if (reader->version->is_settled)
        atomic_store_explicit(&reader->member->is_sound, 1, memory_order_relaxed);
    return 0;
}

/* Unpack packed bytes that were read, for their sum. */
static int unpack_read(hdpy_reader *reader, unsigned char *data, size_t length)
{
    size_t got;
    int status = reader->stream ? 0 : begin_stream(reader);

    if (status)
        return status;
    reader->stream->next_in = data;
    reader->stream->avail_in = (unsigned)length;
    reader->fed += length;
    do {
        status = step(reader, reader->buffer, INPUT, &got);
        if (!status)
            reader->crc = (uint32_t)crc32(reader->crc, reader->buffer, (uInt)got);
    } while (!status && !reader->has_ended && (reader->stream->avail_in || got == INPUT));
    if (!status && reader->has_ended && reader->stream->avail_in)
        status = fail(reader, "its data goes on where it ends");
    return status;
}

/* Compare what was read as it is, if it follows what was before. */
static int compare_read(hdpy_reader *reader, unsigned char *data, size_t length, uint64_t offset)
{
    const hdpy_zip_member *member = reader->member;
    int status = 0;

    if (!reader->compares || offset != reader->at)
        return 0;
    reader->at += length;
    if (member->method == HDPY_ZIP_STORED)
        reader->crc = (uint32_t)crc32(reader->crc, data, (uInt)length);
    else
        status = unpack_read(reader, data, length);
    if (status || reader->at != member->packed)
        return status;
    if (member->method != HDPY_ZIP_STORED
        && (!reader->has_ended || reader->unpacked != member->size))
        return fail(reader, "it is unpacked to less than its size");
    return compare(reader);
}

/* ---- reading ------------------------------------------------------------------------------- */

static int read_packed(hdpy_reader *reader, unsigned char *data, size_t length, uint64_t offset)
{
    int status = hdpy_version_read(reader->version, data, length, place(reader, offset));

    return status ? status : compare_read(reader, data, length, offset);
}

static int read_unpacked(hdpy_reader *reader, unsigned char *data, size_t length, uint64_t offset)
{
    int status = seek(reader, offset);

    if (!status)
        status = unpack(reader, data, length);
    reader->at += length;
    if (status || reader->at != reader->member->size)
        return status;
    status = check_end(reader);
    return status || !reader->compares ? status : compare(reader);
}

int hdpy_reader_read(hdpy_reader *reader, unsigned char *data, size_t length, uint64_t offset)
{
    if (!reader->failure)
        reader->failure = reader->unpacks ? read_unpacked(reader, data, length, offset)
                                          : read_packed(reader, data, length, offset);
    return reader->failure;
}
