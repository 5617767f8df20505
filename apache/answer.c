/* What comes back from Python, on its way to the client.
 *
 * An output filter sees it first.  An answer with the header HDPY_HEADER_DOCUMENT is swallowed and
 * left to Apache's own document for its status; a small body that comes whole is kept until Python
 * is through; anything else passes, and is watched for an end that comes too early.
 */
#include "answer.h"

#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "util_filter.h"

#include "link.h"
#include "watch.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

#define HELD_MAX 65536 /* bytes of a body that are copied to be sent later */

struct hdpy_answer {
    ap_filter_t *filter;
    const char *watch_key;
    const char *document;     /* Apache makes the answer, for this reason; NULL: Python made it */
    apr_bucket_brigade *held; /* a whole small body, to be sent once Python is through */
    apr_off_t sent;           /* bytes of body passed on */
    int begun;                /* a first brigade was seen */
    int complete;             /* the end of the answer was seen */
};

static ap_filter_rec_t *filter_handle;

/* Take the private headers out of the answer.  mod_wsgi sets headers just before the first bytes,
 * or without any. */
static void take_private_headers(request_rec *r, hdpy_answer *answer)
{
    const char *reason = apr_table_get(r->headers_out, HDPY_HEADER_DOCUMENT);
    const char *files = apr_table_get(r->headers_out, HDPY_HEADER_WATCH);

    if (reason) {
        answer->document = apr_pstrdup(r->pool, reason);
        apr_table_unset(r->headers_out, HDPY_HEADER_DOCUMENT);
    }
    if (files) {
        hdpy_watch_set(answer->watch_key, files);
        apr_table_unset(r->headers_out, HDPY_HEADER_WATCH);
    }
}

/* A script that is an ErrorDocument and sets no status of its own answers with the error's. */
static void keep_error_status(request_rec *r)
{
    if (r->status == HTTP_OK && r->prev && ap_is_HTTP_ERROR(r->prev->status)) {
        r->status = r->prev->status;
        r->status_line = NULL;
    }
}

/* Whether a first brigade is all of a small body.  mod_wsgi writes each piece to the socket and then
 * waits for the GIL; a body that is whole can be written when Python is through with the request.
 * Eight connections to one interpreter get an eighth more answers so (2026-11, two cores). */
static int is_whole_and_small(request_rec *r, apr_bucket_brigade *bb)
{
    const char *declared = apr_table_get(r->headers_out, "Content-Length");
    apr_off_t length;

    return declared && apr_brigade_length(bb, 0, &length) == APR_SUCCESS && length > 0
        && length <= HELD_MAX && length == apr_atoi64(declared);
}

/* Keep the data of a brigade, without its flushes, until send_held(). */
static apr_status_t hold(hdpy_answer *answer, request_rec *r, apr_bucket_brigade *bb)
{
    apr_bucket *next;

    answer->held = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = next) {
        next = APR_BUCKET_NEXT(b);
        if (!APR_BUCKET_IS_METADATA(b)) {
            apr_status_t status = apr_bucket_setaside(b, r->pool);

            if (status != APR_SUCCESS)
                return status;
            APR_BUCKET_REMOVE(b);
            APR_BRIGADE_INSERT_TAIL(answer->held, b);
        }
    }
    apr_brigade_cleanup(bb);
    return APR_SUCCESS;
}

static apr_status_t answer_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    hdpy_answer *answer = f->ctx;

    if (!answer->begun) {
        answer->begun = 1;
        take_private_headers(f->r, answer);
        if (!answer->document) {
            keep_error_status(f->r);
            if (is_whole_and_small(f->r, bb))
                return hold(answer, f->r, bb);
        }
    }
    if (answer->document) {
        apr_brigade_cleanup(bb);
        return APR_SUCCESS;
    }
    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b))
            answer->complete = 1;
        else if (!APR_BUCKET_IS_METADATA(b) && b->length != (apr_size_t)-1)
            answer->sent += (apr_off_t)b->length;
    }
    return ap_pass_brigade(f->next, bb);
}

/* Headers of a body that will not be sent. */
static int describes_body(const char *name)
{
    return !strncasecmp(name, "Content-", 8) || !strcasecmp(name, "ETag")
        || !strcasecmp(name, "Last-Modified") || !strcasecmp(name, "Accept-Ranges")
        || !strcasecmp(name, "Transfer-Encoding") || !strcasecmp(name, "Location");
}

/* Let Apache make its document for the status that Python has set.  The other headers, cookies
 * for one, go with it; Location stays where Apache looks for it. */
static int apache_document(request_rec *r, const char *reason)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_out);
    const apr_table_entry_t *header = (const apr_table_entry_t *)headers->elts;
    int status = r->status;

    for (int i = 0; i < headers->nelts; i++)
        if (header[i].key && !describes_body(header[i].key))
            apr_table_addn(r->err_headers_out, header[i].key, header[i].val);
    if (status == HTTP_NOT_FOUND)
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "HDPY0003: %s: %s", r->filename, reason);
    r->status = HTTP_OK;
    r->status_line = NULL;
    if (status < 300)
        status = HTTP_INTERNAL_SERVER_ERROR;
    return status;
}

/* An answer that was cut short must not look complete, nor leave the client waiting for the rest:
 * close the connection.  (mod_wsgi keeps Apache from ending a chunked body.) */
static void close_if_cut_short(request_rec *r, const hdpy_answer *answer)
{
    const char *declared = apr_table_get(r->headers_out, "Content-Length");
    int ended_early = r->eos_sent && !answer->complete;

    if (declared && !r->header_only && answer->begun)
        ended_early = ended_early || answer->sent < apr_atoi64(declared);
    if (ended_early)
        r->connection->keepalive = AP_CONN_CLOSE;
}

/* Flushed, since the event MPM otherwise hands the connection to its listener to write the answer,
 * and the next request to another thread: half the requests on one connection. */
static void send_held(request_rec *r, hdpy_answer *answer)
{
    apr_bucket_brigade *held = answer->held;

    ap_remove_output_filter(answer->filter);
    APR_BRIGADE_INSERT_TAIL(held, apr_bucket_flush_create(r->connection->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(held, apr_bucket_eos_create(r->connection->bucket_alloc));
    ap_pass_brigade(r->output_filters, held); /* a client that went away is no error */
}

void hdpy_answer_register(void)
{
    filter_handle = ap_register_output_filter("HTTPDAPY_ANSWER", answer_filter, NULL,
                                              AP_FTYPE_RESOURCE - 1);
}

hdpy_answer *hdpy_answer_begin(request_rec *r, const char *watch_key)
{
    hdpy_answer *answer = apr_pcalloc(r->pool, sizeof(*answer));

    answer->watch_key = watch_key;
    answer->filter = ap_add_output_filter_handle(filter_handle, answer, r, r->connection);
    return answer;
}

int hdpy_answer_end(request_rec *r, hdpy_answer *answer, int status)
{
    if (!answer->begun)
        take_private_headers(r, answer);
    if (answer->document) {
        ap_remove_output_filter(answer->filter);
        return apache_document(r, answer->document);
    }
    if (answer->held) {
        send_held(r, answer);
        return OK;
    }
    if (answer->begun) {
        close_if_cut_short(r, answer);
        return OK;
    }
    keep_error_status(r);
    return status == DECLINED ? HTTP_INTERNAL_SERVER_ERROR : status;
}
