/* The answer to a request, on its way from Python to the client.
 *
 * What mod_wsgi sends is seen first by an output filter: private headers are taken out, and a small
 * body that comes whole is kept until Python is through.  On the direct way Python calls us.  From
 * there on it is the same: an answer that Python leaves to Apache becomes Apache's own document for
 * its status, one that ends too early closes the connection, anything else is sent.
 */
#include "answer.h"

#include "http_connection.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "util_filter.h"

#include <stdlib.h>
#include <string.h>

#include "handover.h"
#include "link.h"
#include "watch.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

#define KEPT_MAX 65536 /* bytes of a body that are copied to be sent later */

struct hdpy_answer {
    request_rec *r;
    ap_filter_t *filter;      /* on the WSGI way */
    const char *watch_key;
    const char *script;       /* its file; where the answer is made, mod_proxy has another one */
    int is_loops;             /* an event loop's server writes it */
    int may_hand_over;        /* the client's connection may be asked for */
    int first_status;         /* the request's before Python had it: an error's in its ErrorDocument */
    const char *document;     /* Apache makes the answer, for this reason; NULL: Python made it */
    const char *redirect;     /* Apache answers with what is at this path; NULL: it does not */
    const char *client;       /* where the client's connection is to go; NULL: it stays here */
    apr_bucket_brigade *kept; /* a whole small body, to be sent once Python is through */
    apr_bucket_brigade *bb;   /* for what is sent at once on the direct way */
    hdpy_outbox *outbox;      /* for what is sent soon; NULL: nothing was */
    apr_off_t sent;           /* bytes of body passed on */
    int has_sent;             /* on the direct way: if only headers */
    int is_left;              /* on the direct way: a filter has answered */
    int begun;                /* a first brigade was seen */
    int complete;             /* the end of the answer was seen */
};

static ap_filter_rec_t *filter_handle;

static int hex(char c)
{
    return apr_isdigit(c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* Write to the log what Python has left for it; `text` is overwritten. */
static void log_lines(request_rec *r, const char *script, char *text)
{
    char *last, *to = text;

    for (const char *from = text; *from; from++)
        if (*from == '%' && apr_isxdigit(from[1]) && apr_isxdigit(from[2])) {
            *to++ = (char)(hex(from[1]) << 4 | hex(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    *to = '\0';
    for (char *line = apr_strtok(text, "\n", &last); line; line = apr_strtok(NULL, "\n", &last))
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "[script %s] %s", script, line);
}

/* As HTTP headers are usually written; the loop's server has small letters. */
static void capitalize(request_rec *r)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_out);
    apr_table_entry_t *header = (apr_table_entry_t *)headers->elts;

    for (int i = 0; i < headers->nelts; i++) {
        char *name = apr_pstrdup(r->pool, header[i].key);

        if (!strcmp(name, "etag") || !strcmp(name, "www-authenticate")) {
            header[i].key = *name == 'e' ? "ETag" : "WWW-Authenticate";
            continue;
        }
        header[i].key = name;
        for (char *c = name; *c; c++)
            if (c == name || c[-1] == '-')
                *c = (char)apr_toupper(*c);
    }
}

/* Take the private headers out of the answer.  mod_wsgi sets headers just before the first bytes,
 * or without any. */
static void take_private_headers(hdpy_answer *answer)
{
    request_rec *r = answer->r;
    const char *reason = apr_table_get(r->headers_out, HDPY_HEADER_DOCUMENT);
    const char *redirect = apr_table_get(r->headers_out, HDPY_HEADER_REDIRECT);
    const char *files = apr_table_get(r->headers_out, HDPY_HEADER_WATCH);
    const char *status = apr_table_get(r->headers_out, HDPY_HEADER_STATUS);
    const char *lines = apr_table_get(r->headers_out, HDPY_HEADER_LOG);
    const char *client = apr_table_get(r->headers_out, HDPY_HEADER_CLIENT);

    if (lines) {
        log_lines(r, answer->script, apr_pstrdup(r->pool, lines));
        apr_table_unset(r->headers_out, HDPY_HEADER_LOG);
    }
    if (status) {
        r->status = atoi(status);
        apr_table_unset(r->headers_out, HDPY_HEADER_STATUS);
    }
    if (reason) {
        answer->document = apr_pstrdup(r->pool, reason);
        apr_table_unset(r->headers_out, HDPY_HEADER_DOCUMENT);
    }
    if (redirect) {
        answer->redirect = apr_pstrdup(r->pool, redirect);
        apr_table_unset(r->headers_out, HDPY_HEADER_REDIRECT);
    }
    if (client) {
        if (answer->may_hand_over)
            answer->client = apr_pstrdup(r->pool, client);
        apr_table_unset(r->headers_out, HDPY_HEADER_CLIENT);
    }
    if (answer->is_loops)
        capitalize(r);
    if (files) {
        hdpy_watch_set(answer->watch_key, files);
        apr_table_unset(r->headers_out, HDPY_HEADER_WATCH);
    }
}

/* The status and its reason phrase, Apache's own where it has one.  A script that is an
 * ErrorDocument and sets no status of its own answers with the error's. */
static void settle_status(request_rec *r)
{
    const char *line;

    if (r->status == HTTP_OK && r->prev && ap_is_HTTP_ERROR(r->prev->status))
        r->status = r->prev->status;
    line = ap_get_status_line(r->status);
    r->status_line = r->status == HTTP_OK || atoi(line) == r->status
                   ? line : apr_psprintf(r->pool, "%d Status", r->status);
}

static apr_off_t declared_length(request_rec *r)
{
    const char *declared = apr_table_get(r->headers_out, "Content-Length");

    return declared ? apr_atoi64(declared) : -1;
}

/* Whether what Python sends is not the answer. */
static int is_elsewhere(const hdpy_answer *answer)
{
    return answer->document || answer->redirect || answer->client;
}

/* ---- the WSGI way -------------------------------------------------------------------------- */

/* Whether a first brigade is all of a small body.  mod_wsgi writes each piece to the socket and then
 * waits for the GIL; a body that is whole can be written when Python is through with the request.
 * Eight connections to one interpreter get an eighth more answers so (2026-11, two cores). */
static int is_whole_and_small(request_rec *r, apr_bucket_brigade *bb)
{
    apr_off_t length;

    return apr_brigade_length(bb, 0, &length) == APR_SUCCESS && length > 0 && length <= KEPT_MAX
        && length == declared_length(r);
}

/* Keep the data of a brigade, without its flushes, until send_kept(). */
static apr_status_t keep(hdpy_answer *answer, apr_bucket_brigade *bb)
{
    request_rec *r = answer->r;
    apr_bucket *next;

    answer->kept = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = next) {
        next = APR_BUCKET_NEXT(b);
        if (!APR_BUCKET_IS_METADATA(b)) {
            apr_status_t status = apr_bucket_setaside(b, r->pool);

            if (status != APR_SUCCESS)
                return status;
            APR_BUCKET_REMOVE(b);
            APR_BRIGADE_INSERT_TAIL(answer->kept, b);
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
        take_private_headers(answer);
        if (!is_elsewhere(answer)) {
            settle_status(f->r);
            /* else mod_wsgi takes an answer that fails for one that is complete */
            if (f->r->proto_num >= HTTP_VERSION(2, 0) && declared_length(f->r) < 0)
                f->r->chunked = 1;
            if (is_whole_and_small(f->r, bb))
                return keep(answer, bb);
        }
    }
    if (is_elsewhere(answer)) {
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

void hdpy_answer_register(void)
{
    filter_handle = ap_register_output_filter("HTTPDAPY_ANSWER", answer_filter, NULL,
                                              AP_FTYPE_RESOURCE - 1);
}

hdpy_answer *hdpy_answer_filter(request_rec *r, const char *watch_key)
{
    hdpy_answer *answer = hdpy_answer_new(r);

    answer->watch_key = watch_key;
    answer->filter = ap_add_output_filter_handle(filter_handle, answer, r, r->connection);
    return answer;
}

void hdpy_answer_is_loops(hdpy_answer *answer)
{
    answer->is_loops = 1;
}

void hdpy_answer_may_hand_over(hdpy_answer *answer)
{
    answer->may_hand_over = 1;
}

int hdpy_answer_has_begun(const hdpy_answer *answer)
{
    return answer->begun;
}

/* ---- the direct way ------------------------------------------------------------------------ */

hdpy_answer *hdpy_answer_new(request_rec *r)
{
    hdpy_answer *answer = apr_pcalloc(r->pool, sizeof(*answer));

    answer->r = r;
    answer->script = r->filename;
    answer->first_status = r->status;
    return answer;
}

void hdpy_answer_begin(hdpy_answer *answer)
{
    answer->begun = 1;
    answer->complete = 1; /* unless it is cut short */
    answer->r->expecting_100 = 0; /* else a body that is read later would be preceded by it */
    settle_status(answer->r);
}

/* Sending has failed: what is written soon is to hear of it, too. */
static apr_status_t fail(hdpy_answer *answer, apr_status_t status)
{
    if (answer->outbox)
        hdpy_outbox_fail(answer->outbox, status);
    return status;
}

/* Send `bb`, of which `length` bytes are data, at once. */
static apr_status_t send_brigade(hdpy_answer *answer, apr_off_t length)
{
    conn_rec *c = answer->r->connection;
    apr_status_t status;

    answer->has_sent = 1;
    APR_BRIGADE_INSERT_TAIL(answer->bb, apr_bucket_flush_create(c->bucket_alloc));
    status = ap_pass_brigade(answer->r->output_filters, answer->bb);
    apr_brigade_cleanup(answer->bb);
    answer->sent += length;
    if (status == APR_SUCCESS && c->aborted)
        status = APR_ECONNABORTED;
    return status == APR_SUCCESS ? status : fail(answer, status);
}

/* How many of `length` bytes may follow what is sent and `queued` more. */
static apr_off_t within_declared(const hdpy_answer *answer, apr_off_t queued, apr_off_t length)
{
    apr_off_t declared = declared_length(answer->r);
    apr_off_t sent = answer->sent + queued;

    return declared < 0 || sent + length <= declared ? length : declared - sent;
}

static int is_closed(const hdpy_answer *answer)
{
    return answer->is_left || answer->r->connection->aborted;
}

static void need_brigade(hdpy_answer *answer)
{
    if (!answer->bb)
        answer->bb = apr_brigade_create(answer->r->pool, answer->r->connection->bucket_alloc);
}

/* Queue bytes after `queued` others; the number of those that may be sent. */
static apr_off_t queue(hdpy_answer *answer, apr_off_t queued, const char *data, apr_size_t length)
{
    apr_off_t allowed = within_declared(answer, queued, (apr_off_t)length);

    need_brigade(answer);
    if (allowed)
        APR_BRIGADE_INSERT_TAIL(answer->bb,
                                apr_bucket_transient_create(data, (apr_size_t)allowed,
                                                            answer->bb->bucket_alloc));
    return allowed;
}

/* Queue what waits in the outbox. */
static apr_off_t queue_waiting(hdpy_answer *answer)
{
    const char *data;
    apr_size_t length = answer->outbox ? hdpy_outbox_get(answer->outbox, &data) : 0;

    return length ? queue(answer, 0, data, length) : 0;
}

apr_status_t hdpy_answer_write(hdpy_answer *answer, const char *data, apr_size_t length)
{
    apr_off_t queued;

    if (is_closed(answer))
        return fail(answer, APR_ECONNABORTED);
    queued = queue_waiting(answer);
    queued += queue(answer, queued, data, length);
    if (length && !queued)
        return APR_SUCCESS; /* all that was declared is sent */
    return send_brigade(answer, queued);
}

apr_status_t hdpy_answer_write_file(hdpy_answer *answer, apr_file_t *file, apr_off_t offset,
                                    apr_off_t length)
{
    apr_off_t queued, allowed;

    if (is_closed(answer))
        return fail(answer, APR_ECONNABORTED);
    queued = queue_waiting(answer);
    allowed = within_declared(answer, queued, length);
    if (!queued && !allowed)
        return APR_SUCCESS;
    need_brigade(answer);
    if (allowed)
        apr_brigade_insert_file(answer->bb, file, offset, allowed, answer->r->pool);
    return send_brigade(answer, queued + allowed);
}

static void send_waiting(void *answer)
{
    hdpy_answer_write(answer, "", 0);
}

hdpy_outbox *hdpy_answer_outbox(hdpy_answer *answer)
{
    if (!answer->outbox)
        answer->outbox = hdpy_outbox_new(answer->r->pool, send_waiting, answer);
    return answer->outbox;
}

void hdpy_answer_keep(hdpy_answer *answer, const char *data, apr_size_t length)
{
    apr_bucket_alloc_t *alloc = answer->r->connection->bucket_alloc;

    answer->kept = apr_brigade_create(answer->r->pool, alloc);
    APR_BRIGADE_INSERT_TAIL(answer->kept, apr_bucket_heap_create(data, length, NULL, alloc));
}

void hdpy_answer_use_document(hdpy_answer *answer, const char *reason)
{
    answer->document = reason;
}

void hdpy_answer_use_redirect(hdpy_answer *answer, const char *location)
{
    answer->redirect = location;
}

void hdpy_answer_leave(hdpy_answer *answer)
{
    answer->is_left = 1;
}

int hdpy_answer_has_sent(const hdpy_answer *answer)
{
    return answer->outbox || answer->has_sent;
}

void hdpy_answer_cut_short(hdpy_answer *answer)
{
    answer->complete = 0;
}

/* ---- both ---------------------------------------------------------------------------------- */

/* Headers of a body that will not be sent. */
static int describes_body(const char *name)
{
    return !strncasecmp(name, "Content-", 8) || !strcasecmp(name, "ETag")
        || !strcasecmp(name, "Last-Modified") || !strcasecmp(name, "Accept-Ranges")
        || !strcasecmp(name, "Transfer-Encoding") || !strcasecmp(name, "Location");
}

/* Headers that Python has set, cookies for one, go with the answer that Apache makes. */
static void keep_headers(request_rec *r)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_out);
    const apr_table_entry_t *header = (const apr_table_entry_t *)headers->elts;

    for (int i = 0; i < headers->nelts; i++)
        if (header[i].key && !describes_body(header[i].key))
            apr_table_addn(r->err_headers_out, header[i].key, header[i].val);
}

/* Let Apache make its document for the status that Python has set; Location stays where Apache looks
 * for it.  By the first status Apache sees when an ErrorDocument has failed, too. */
static int apache_document(const hdpy_answer *answer)
{
    request_rec *r = answer->r;
    int status = r->status;

    keep_headers(r);
    if (status == HTTP_NOT_FOUND)
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "HDPY0003: %s: %s", answer->script,
                      answer->document);
    r->status = answer->first_status;
    r->status_line = NULL;
    if (status < 300)
        status = HTTP_INTERNAL_SERVER_ERROR;
    return status;
}

/* Let Apache answer with what it has at a path, as RFC 3875 section 6.2.2 has it for CGI scripts: a
 * GET, and the body of this request is not that one's. */
static int internal_redirect(request_rec *r, const char *location)
{
    int status = ap_discard_request_body(r);

    if (status != OK)
        return status;
    keep_headers(r);
    r->method = "GET";
    r->method_number = M_GET;
    apr_table_unset(r->headers_in, "Content-Length");
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    ap_internal_redirect(location, r);
    return OK;
}

/* The process that has accepted the client's WebSocket answers it itself. */
static int hand_over(const hdpy_answer *answer)
{
    request_rec *r = answer->r;
    apr_status_t status = hdpy_handover(r, answer->client);

    r->status_line = NULL;
    if (status != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, status, r, "HDPY0027: %s: the WebSocket's connection "
                      "could not be handed to Python", answer->script);
        apr_table_clear(r->headers_out);
        r->status = answer->first_status;
        return HTTP_SERVICE_UNAVAILABLE;
    }
    r->status = HTTP_SWITCHING_PROTOCOLS; /* for the access log */
    return OK;
}

/* An answer that was cut short must not look complete, nor leave the client waiting for the rest:
 * close the connection.  (mod_wsgi, too, keeps Apache from ending a chunked body.) */
static void close_if_cut_short(const hdpy_answer *answer)
{
    request_rec *r = answer->r;
    int ended_early = r->eos_sent && !answer->complete;

    if (!r->header_only && answer->sent < declared_length(r))
        ended_early = 1;
    if (!ended_early)
        return;
    r->connection->keepalive = AP_CONN_CLOSE;
    r->eos_sent = 1;
    if (r->proto_num >= HTTP_VERSION(2, 0)) { /* mod_http2 waits for an end, or for this */
        apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
        apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);

        APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, alloc));
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
        ap_pass_brigade(r->output_filters, bb);
    }
}

/* In one brigade with its end, and then flushed: a flush between the two would have each filter called
 * twice, and without one the event MPM hands the connection to its listener to write the answer, and
 * the next request to another thread: half the requests on one connection. */
static void send_kept(hdpy_answer *answer)
{
    apr_bucket_brigade *bb = answer->kept;

    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(bb->bucket_alloc));
    ap_pass_brigade(answer->r->output_filters, bb); /* a client that went away is no error */
}

/* What is left of what was sent piece by piece, and its end, or that of an answer without a body;
 * flushed like the rest. */
static void send_end(hdpy_answer *answer)
{
    need_brigade(answer);
    APR_BRIGADE_INSERT_TAIL(answer->bb, apr_bucket_eos_create(answer->bb->bucket_alloc));
    ap_pass_brigade(answer->r->output_filters, answer->bb);
    ap_flush_conn(answer->r->connection);
}

int hdpy_answer_end(hdpy_answer *answer, int status)
{
    if (answer->outbox)
        hdpy_outbox_close(answer->outbox);
    if (answer->is_left)
        return AP_FILTER_ERROR;
    if (answer->filter && !answer->begun)
        take_private_headers(answer);
    if (answer->filter && (is_elsewhere(answer) || answer->kept || !answer->begun))
        ap_remove_output_filter(answer->filter);
    if (answer->document)
        return apache_document(answer);
    if (answer->redirect)
        return internal_redirect(answer->r, answer->redirect);
    if (answer->client)
        return hand_over(answer);
    if (answer->kept) {
        send_kept(answer);
        return OK;
    }
    if (answer->begun) {
        if (!answer->filter && !answer->complete) {
            if (answer->outbox)
                hdpy_answer_write(answer, "", 0);
            answer->r->eos_sent = 1; /* it was not; so Apache does not end a chunked body */
        } else if (!is_closed(answer)) {
            answer->sent += queue_waiting(answer);
        }
        close_if_cut_short(answer);
        if (!answer->filter && answer->complete)
            send_end(answer);
        return OK;
    }
    settle_status(answer->r);
    return status == DECLINED ? HTTP_INTERNAL_SERVER_ERROR : status;
}
