/* What a member's answer is made of: the bytes in the archive, or those that come of them.
 *
 * A small member is all in memory before the answer begins.  A large one is a bucket that reads, or
 * unpacks, 64 KiB at a time as they are sent; parts of it may be asked for, as Range has it.  If
 * that fails, the connection is closed: the client has less than was announced.  A very large one
 * is not compared with its sum before, but while it is sent for the first time.
 */
#include "body.h"

#include "http_log.h"
#include "http_protocol.h"
#include "util_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_archive_module;
APLOG_USE_MODULE(httpdapy_archive);

/* Bodies up to this size are in memory before they are sent. */
#define SMALL ((uint64_t)1 << 20)
/* Up to this size they are compared with their sums before they are sent. */
#define COMPARED_FIRST ((uint64_t)64 << 20)
#define PIECE 65536
/* Such a body is written to the socket at once: see send_kept() in answer.c. */
#define FLUSHED ((apr_off_t)65536)

#define GZIP_HEAD_SIZE 10
#define GZIP_TAIL_SIZE 8

/* A reader with those whom its failures concern.  From malloc(), since buckets outlive requests;
 * used by one thread at a time. */
typedef struct {
    _Atomic unsigned references;
    hdpy_reader *reader;
    server_rec *server;
    conn_rec *c; /* closed then; NULL when the handler is through: whoever reads does so */
} source;

struct hdpy_body {
    const hdpy_zip_member *member;
    int as_gzip;
    unsigned char *bytes; /* from malloc(); NULL: they come from the source */
    apr_size_t length;
    source *from;
};

static source *source_new(hdpy_version *version, hdpy_zip_member *member, int unpacks,
                          server_rec *s)
{
    source *made = calloc(1, sizeof(*made));

    if (!made)
        return NULL;
    made->references = 1;
    made->server = s;
    made->reader = hdpy_reader_new(version, member, unpacks);
    if (made->reader)
        return made;
    free(made);
    return NULL;
}

static source *source_hold(source *from)
{
    atomic_fetch_add_explicit(&from->references, 1, memory_order_relaxed);
    return from;
}

static void source_release(source *from)
{
    if (atomic_fetch_sub_explicit(&from->references, 1, memory_order_acq_rel) != 1)
        return;
    hdpy_reader_free(from->reader);
    free(from);
}

static void log_failure(const source *from, int status)
{
    const hdpy_zip_member *member = hdpy_reader_member(from->reader);
    const char *why = status == -1           ? hdpy_reader_error(from->reader)->text
                    : status == HDPY_CHANGED ? "the archive was written anew in its place "
                                               "meanwhile; rename a new one over it instead"
                                             : strerror(status);

    ap_log_error(APLOG_MARK, APLOG_ERR, 0, from->server, "HDPY0024: member %.*s of an archive is "
                 "cut short: %s", (int)member->name_length,
                 hdpy_zip_name(hdpy_reader_version(from->reader)->zip, member), why);
}

/* Bytes that are sent: what fails now is cut short. */
static int source_read(source *from, unsigned char *data, size_t length, uint64_t offset)
{
    int status = hdpy_reader_read(from->reader, data, length, offset);

    if (!status)
        return 0;
    log_failure(from, status);
    if (from->c)
        from->c->aborted = 1;
    return status;
}

apr_off_t hdpy_body_length(const hdpy_zip_member *member, int as_gzip)
{
    return as_gzip ? GZIP_HEAD_SIZE + (apr_off_t)member->packed + GZIP_TAIL_SIZE
                   : (apr_off_t)member->size;
}

/* ---- the bucket ---------------------------------------------------------------------------- */

static apr_status_t bucket_read(apr_bucket *b, const char **data, apr_size_t *length,
                                apr_read_type_e block);
static apr_status_t bucket_split(apr_bucket *b, apr_size_t point);
static apr_status_t bucket_copy(apr_bucket *b, apr_bucket **copy);

static void bucket_destroy(void *from)
{
    source_release(from);
}

static const apr_bucket_type_t bucket_type = {
    "HTTPDAPY_ARCHIVE", 5, APR_BUCKET_DATA, bucket_destroy, bucket_read,
    apr_bucket_setaside_noop, /* the source is in no pool */
    bucket_split, bucket_copy
};

static apr_bucket *bucket_make(apr_bucket *b, source *from, apr_off_t start,
                               apr_size_t length)
{
    b->type = &bucket_type;
    b->data = source_hold(from);
    b->start = start;
    b->length = length;
    return b;
}

static apr_bucket *bucket_create(source *from, apr_size_t length, apr_bucket_alloc_t *list)
{
    apr_bucket *b = apr_bucket_alloc(sizeof(*b), list);

    APR_BUCKET_INIT(b);
    b->free = apr_bucket_free;
    b->list = list;
    return bucket_make(b, from, 0, length);
}

static apr_status_t bucket_split(apr_bucket *b, apr_size_t point)
{
    apr_status_t status = apr_bucket_simple_split(b, point);

    if (status == APR_SUCCESS)
        source_hold(b->data);
    return status;
}

static apr_status_t bucket_copy(apr_bucket *b, apr_bucket **copy)
{
    apr_status_t status = apr_bucket_simple_copy(b, copy);

    if (status == APR_SUCCESS)
        source_hold(b->data);
    return status;
}

/* The bucket becomes one of the heap with its first piece, and what is left follows in another. */
static apr_status_t bucket_read(apr_bucket *b, const char **data, apr_size_t *length,
                                apr_read_type_e block)
{
    source *from = b->data;
    apr_size_t piece = b->length < PIECE ? b->length : PIECE, left = b->length - piece;
    apr_off_t start = b->start;
    char *bytes;

    *data = (const char *)hdpy_reader_in_memory(from->reader, (uint64_t)start);
    *length = b->length;
    if (*data)
        return APR_SUCCESS;
    *data = "";
    *length = 0;
    bytes = apr_bucket_alloc(piece, b->list);
    if (source_read(from, (unsigned char *)bytes, piece, (uint64_t)start)) {
        apr_bucket_free(bytes);
        return APR_EGENERAL;
    }
    apr_bucket_heap_make(b, bytes, piece, apr_bucket_free);
    if (left) {
        apr_bucket *rest = bucket_create(from, left, b->list);

        rest->start = start + (apr_off_t)piece;
        APR_BUCKET_INSERT_AFTER(b, rest);
    }
    source_release(from);
    *data = bytes;
    *length = piece;
    return APR_SUCCESS;
}

/* ---- getting ready ------------------------------------------------------------------------- */

static apr_status_t free_bytes(void *data)
{
    hdpy_body *body = data;

    free(body->bytes);
    body->bytes = NULL;
    return APR_SUCCESS;
}

static apr_status_t release_source(void *body)
{
    source_release(((hdpy_body *)body)->from);
    return APR_SUCCESS;
}

/* Have the bytes of a small member, which are compared with its sum if they have to be: those in
 * the archive if they are packed, or unpacked. */
static int make_small(hdpy_body *body, request_rec *r, int packed, hdpy_zip_error *error)
{
    int status;

    body->length = (apr_size_t)(packed ? body->member->packed : body->member->size);
    body->bytes = malloc(body->length ? body->length : 1);
    if (!body->bytes)
        return ENOMEM;
    apr_pool_cleanup_register(r->pool, body, free_bytes, apr_pool_cleanup_null);
    status = hdpy_reader_read(body->from->reader, body->bytes, body->length, 0);
    if (status == -1)
        *error = *hdpy_reader_error(body->from->reader);
    return status;
}

static int compare_all(hdpy_version *version, hdpy_zip_member *member, hdpy_zip_error *error)
{
    hdpy_reader *reader = hdpy_reader_new(version, member, member->method == HDPY_ZIP_DEFLATED);
    unsigned char *piece = malloc(PIECE);
    int status = reader && piece ? 0 : ENOMEM;

    for (uint64_t at = 0; !status && at < member->size;) {
        size_t length = member->size - at < PIECE ? (size_t)(member->size - at) : PIECE;

        status = hdpy_reader_read(reader, piece, length, at);
        at += length;
    }
    if (!status && !member->size)
        status = hdpy_reader_read(reader, piece, 0, 0);
    if (status == -1)
        *error = *hdpy_reader_error(reader);
    free(piece);
    if (reader)
        hdpy_reader_free(reader);
    return status;
}

int hdpy_body_make(hdpy_body **made, request_rec *r, hdpy_version *version, hdpy_zip_member *member,
                   int as_gzip, hdpy_zip_error *error)
{
    int packed = as_gzip || member->method == HDPY_ZIP_STORED;
    int is_known = version->is_settled
                && atomic_load_explicit(&member->is_sound, memory_order_relaxed);
    uint64_t larger = member->packed > member->size ? member->packed : member->size;
    hdpy_body *body = apr_pcalloc(r->pool, sizeof(*body));
    int status = hdpy_zip_locate(version->zip, member, &version->source, error);

    if (status)
        return status == ESTALE ? HDPY_CHANGED : status;
    body->member = member;
    body->as_gzip = as_gzip;
    body->length = (apr_size_t)(packed ? member->packed : member->size);
    body->from = source_new(version, member, !packed, r->server);
    if (!body->from)
        return ENOMEM;
    apr_pool_cleanup_register(r->pool, body, release_source, apr_pool_cleanup_null);
    *made = body;
    if (larger <= SMALL && !(packed && is_known && version->copy))
        status = make_small(body, r, packed, error);
    else if (!is_known && larger <= COMPARED_FIRST)
        status = compare_all(version, member, error);
    if (status) { /* whoever tries again does so often */
        apr_pool_cleanup_run(r->pool, body, free_bytes);
        apr_pool_cleanup_run(r->pool, body, release_source);
    }
    return status;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* The bytes of a body, which are the body's no more. */
static apr_bucket *bucket_of(hdpy_body *body, request_rec *r, apr_bucket_alloc_t *list)
{
    unsigned char *bytes = body->bytes;

    if (!bytes)
        return bucket_create(body->from, body->length, list);
    apr_pool_cleanup_kill(r->pool, body, free_bytes);
    body->bytes = NULL;
    return apr_bucket_heap_create((char *)bytes, body->length, free, list);
}

static void add_gzip_head(apr_bucket_brigade *bb)
{
    /* deflated, no flags, no time, nothing said of how and where */
    static const char head[GZIP_HEAD_SIZE] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};

    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create(head, sizeof(head), bb->bucket_alloc));
}

static void add_gzip_tail(apr_bucket_brigade *bb, const hdpy_zip_member *member)
{
    char tail[GZIP_TAIL_SIZE];

    for (int i = 0; i < 4; i++) {
        tail[i] = (char)(member->crc >> 8 * i);
        tail[4 + i] = (char)(member->size >> 8 * i);
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_heap_create(tail, sizeof(tail), NULL, bb->bucket_alloc));
}

apr_status_t hdpy_body_send(hdpy_body *body, request_rec *r)
{
    apr_bucket_alloc_t *list = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, list);
    apr_status_t status;

    if (body->as_gzip)
        add_gzip_head(bb);
    if (body->length)
        APR_BRIGADE_INSERT_TAIL(bb, bucket_of(body, r, list));
    if (body->as_gzip)
        add_gzip_tail(bb, body->member);
    if (body->length <= FLUSHED)
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(list));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(list));
    body->from->c = r->connection;
    status = ap_pass_brigade(r->output_filters, bb);
    body->from->c = NULL;
    apr_brigade_cleanup(bb);
    return status;
}
