/* Asking the event loop of a Python process, over a Unix socket, by HTTP/1.1.
 *
 * Each worker has a connection of its own, which stays open; the loop's server answers one request
 * after the other on it.  What comes, from the client and from the loop, is passed on as it comes.
 * mod_proxy_http does as much with more layers: eight connections get a quarter more answers so
 * (2026-11, two cores).
 */
#include "loop.h"

#include "http_config.h"
#include "http_protocol.h"
#include "mod_proxy.h"
#include "apr_strings.h"
#include "util_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "environment.h"
#include "linger.h"
#include "link.h"

/* A connection that has waited for longer is not used again: the loop's server may close it. */
#define IDLE_MAX apr_time_from_sec(60)
#define BUFFER_SIZE 16384
#define HEAD_MAX (1024 * 1024)

/* A worker's connection, with what was read from it and not taken yet. */
typedef struct {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd; /* -1: none */
    apr_time_t since; /* when it has answered */
    apr_interval_time_t timeout;
    char *data;
    size_t size, start, end;
} connection;

/* How far a body goes. */
typedef struct {
    enum { LENGTH, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILERS, UNTIL_CLOSE, AT_END } state;
    apr_off_t left; /* bytes of it, or of the chunk */
} extent;

static _Thread_local connection own = {.fd = -1};
static module *proxy; /* mod_proxy, which has the setting ProxyTimeout */

void hdpy_loop_init(void)
{
    proxy = ap_find_linked_module("mod_proxy.c");
}

/* ---- the connection ------------------------------------------------------------------------ */

static void disconnect(connection *to)
{
    if (to->fd >= 0)
        close(to->fd);
    to->fd = -1;
}

/* The virtual host's. */
static void set_timeout(request_rec *r, connection *to)
{
    const proxy_server_conf *conf = proxy ? ap_get_module_config(r->server->module_config, proxy)
                                          : NULL;
    apr_interval_time_t timeout = conf && conf->timeout_set ? conf->timeout : r->server->timeout;
    struct timeval most = {(time_t)apr_time_sec(timeout), (suseconds_t)apr_time_usec(timeout)};

    if (timeout != to->timeout) {
        setsockopt(to->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
        setsockopt(to->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
        to->timeout = timeout;
    }
}

static int is_timeout(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* OK, or the status of what went wrong. */
static int reconnect(request_rec *r, connection *to, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    disconnect(to);
    if (strlen(path) >= sizeof(address.sun_path))
        return HTTP_SERVICE_UNAVAILABLE;
    strcpy(address.sun_path, path);
    strcpy(to->path, path);
    to->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (to->fd < 0)
        return HTTP_SERVICE_UNAVAILABLE;
    to->timeout = -1;
    set_timeout(r, to);
    if (connect(to->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return OK;
    return is_timeout() ? HTTP_GATEWAY_TIME_OUT : HTTP_SERVICE_UNAVAILABLE;
}

/* Whether the connection that is there leads to `path` and has not been closed at the other end. */
static int is_good(const connection *to, const char *path)
{
    char next;

    return to->fd >= 0 && strcmp(to->path, path) == 0 && apr_time_now() - to->since < IDLE_MAX
        && recv(to->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && is_timeout();
}

/* Send all of `count` parts, which are changed; whether that was possible. */
static int send_parts(connection *to, struct iovec *parts, size_t count)
{
    while (count) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        ssize_t sent = sendmsg(to->fd, &message, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return 0;
        for (; count && (size_t)sent >= parts->iov_len; parts++, count--)
            sent -= (ssize_t)parts->iov_len;
        if (count) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return 1;
}

/* Read more behind what is there, with room made for it.  0 at the end and -1 for an error, as read. */
static ssize_t read_more(connection *from)
{
    ssize_t count;

    if (from->start == from->end)
        from->start = from->end = 0;
    if (from->size - from->end < BUFFER_SIZE / 2) {
        size_t size = from->size ? 2 * from->size : BUFFER_SIZE;
        char *data = realloc(from->data, size);

        if (!data)
            return -1;
        from->data = data;
        from->size = size;
    }
    do
        count = recv(from->fd, from->data + from->end, from->size - from->end, 0);
    while (count < 0 && errno == EINTR);
    if (count > 0)
        from->end += (size_t)count;
    return count;
}

/* ---- the request --------------------------------------------------------------------------- */

/* How a request's body goes there. */
typedef enum { NOTHING, DECLARED, IN_CHUNKS, UNKNOWN } framing;

static framing framing_of(request_rec *r)
{
    if (apr_table_get(r->headers_in, "Transfer-Encoding"))
        return IN_CHUNKS;
    if (apr_table_get(r->headers_in, "Content-Length")) /* which other filters do not keep to */
        return r->input_filters == r->proto_input_filters ? DECLARED : IN_CHUNKS;
    return r->connection->master ? UNKNOWN : NOTHING; /* HTTP/2 says nothing of it */
}

static struct iovec part(const char *text)
{
    return (struct iovec){(void *)text, strlen(text)};
}

/* Headers for the way to us, and those that we set. */
static int ends_here(request_rec *r, const char *name, const char *connection_header)
{
    static const char *const all[] = {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
                                      "Transfer-Encoding", "Content-Length", "Upgrade", "Expect",
                                      HDPY_HEADER_REQUEST, HDPY_HEADER_SETTINGS, NULL};

    for (const char *const *each = all; *each; each++)
        if (strcasecmp(name, *each) == 0)
            return 1;
    return connection_header && ap_find_token(r->pool, connection_header, name);
}

static const char *head_text(request_rec *r, const char *facts, const char *settings, framing body)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    const apr_table_entry_t *each = (const apr_table_entry_t *)headers->elts;
    struct iovec *parts = apr_palloc(r->pool, (size_t)(4 * headers->nelts + 10) * sizeof(*parts));
    const char *connection_header = apr_table_get(r->headers_in, "Connection");
    const char *uri = hdpy_unparsed_uri(r);
    apr_size_t n = 0;

    parts[n++] = part(r->method);
    parts[n++] = part(" ");
    parts[n++] = part(*uri ? uri : "/");
    parts[n++] = part(" HTTP/1.1\r\n" HDPY_HEADER_REQUEST ": ");
    parts[n++] = part(facts);
    parts[n++] = part("\r\n" HDPY_HEADER_SETTINGS ": ");
    parts[n++] = part(settings);
    for (int i = 0; i < headers->nelts; i++) {
        if (ends_here(r, each[i].key, connection_header))
            continue;
        parts[n++] = part("\r\n");
        parts[n++] = part(each[i].key);
        parts[n++] = part(": ");
        parts[n++] = part(each[i].val);
    }
    if (body == IN_CHUNKS)
        parts[n++] = part("\r\nTransfer-Encoding: chunked");
    if (body == DECLARED) {
        parts[n++] = part("\r\nContent-Length: ");
        parts[n++] = part(apr_table_get(r->headers_in, "Content-Length"));
    }
    parts[n++] = part("\r\n\r\n");
    return apr_pstrcatv(r->pool, parts, n, NULL);
}

static int send_brigade(connection *to, apr_bucket_brigade *bb)
{
    struct iovec parts[16];
    size_t n = 0;

    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t length;

        if (APR_BUCKET_IS_METADATA(b))
            continue;
        if (apr_bucket_read(b, &data, &length, APR_BLOCK_READ) != APR_SUCCESS)
            return 0;
        parts[n++] = (struct iovec){(void *)data, length};
        if (n == sizeof(parts) / sizeof(*parts)) {
            if (!send_parts(to, parts, n))
                return 0;
            n = 0;
        }
    }
    return send_parts(to, parts, n);
}

/* Make a chunk of what is in a brigade, and the last one, too, where it ends. */
static void make_chunk(apr_bucket_brigade *bb, apr_off_t length, int is_over)
{
    char size[20];
    int count = apr_snprintf(size, sizeof(size), "%" APR_UINT64_T_HEX_FMT "\r\n",
                             (apr_uint64_t)length);
    apr_bucket_alloc_t *alloc = bb->bucket_alloc;

    if (length) {
        APR_BRIGADE_INSERT_HEAD(bb, apr_bucket_heap_create(size, (apr_size_t)count, NULL, alloc));
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create("\r\n", 2, alloc));
    }
    if (is_over)
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create("0\r\n\r\n", 5, alloc));
}

/* Read a piece of the client's body; OK, or the status of what is wrong with it. */
static int read_piece(request_rec *r, apr_bucket_brigade *bb, apr_read_type_e block,
                      apr_off_t *length, int *is_over)
{
    apr_status_t status = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, block,
                                         BUFFER_SIZE);

    if (status != APR_SUCCESS && !(block == APR_NONBLOCK_READ && APR_STATUS_IS_EAGAIN(status)))
        return ap_map_http_request_error(status, HTTP_BAD_REQUEST);
    *is_over = !APR_BRIGADE_EMPTY(bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb));
    apr_brigade_length(bb, 1, length);
    return OK;
}

/* How the body goes on, where there is none: it was never there, or was read before this became the
 * document of an error. */
static framing of_nothing(request_rec *r, framing body)
{
    const char *declared = apr_table_get(r->headers_in, "Content-Length");

    return body == DECLARED && strcmp(declared, "0") == 0 ? DECLARED : NOTHING;
}

/* Send head and body, as the client sends it.  OK, also where the other end is closed, which may have
 * answered before; or the status of what is wrong with the client's part. */
static int send_request(request_rec *r, connection *to, const char *facts, const char *settings)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);
    framing body = framing_of(r);
    const char *head;
    apr_off_t length = 0;
    int is_over = 1, status;

    if (body != NOTHING) { /* what is there goes with the head */
        status = read_piece(r, bb, body == UNKNOWN ? APR_BLOCK_READ : APR_NONBLOCK_READ, &length,
                            &is_over);
        if (status != OK)
            return status;
        if (is_over && !length)
            body = of_nothing(r, body);
        else if (body == UNKNOWN)
            body = IN_CHUNKS;
    }
    head = head_text(r, facts, settings, body);
    if (body == IN_CHUNKS)
        make_chunk(bb, length, is_over);
    APR_BRIGADE_INSERT_HEAD(bb, apr_bucket_immortal_create(head, strlen(head), alloc));
    while (send_brigade(to, bb) && !is_over) {
        apr_brigade_cleanup(bb);
        status = read_piece(r, bb, APR_BLOCK_READ, &length, &is_over);
        if (status != OK)
            return status;
        if (body == IN_CHUNKS)
            make_chunk(bb, length, is_over);
    }
    apr_brigade_cleanup(bb);
    return OK;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* Read a whole head; its length, without the empty line, or the status of what went wrong. */
static int read_head(connection *from, size_t *length)
{
    size_t seen = 0;

    for (;;) {
        char *data = from->data + from->start;
        size_t there = from->end - from->start;
        char *end = there > seen ? memmem(data + seen, there - seen, "\r\n\r\n", 4) : NULL;

        if (end) {
            *length = (size_t)(end - data) + 2;
            return OK;
        }
        if (there > HEAD_MAX)
            return HTTP_BAD_GATEWAY;
        seen = there > 3 ? there - 3 : 0;
        ssize_t count = read_more(from);
        if (count < 0 && is_timeout())
            return HTTP_GATEWAY_TIME_OUT;
        if (count <= 0)
            return HTTP_BAD_GATEWAY;
    }
}

/* Status and headers into the request_rec, and how far the body goes; whether they are in order. */
static int take_head(request_rec *r, connection *from, size_t length, extent *body, int *closes)
{
    char *line = apr_pstrmemdup(r->pool, from->data + from->start, length), *end;
    apr_table_t *headers = apr_table_make(r->pool, 8);
    const char *type = NULL;
    int status = strncmp(line, "HTTP/1.", 7) == 0 && length > 12 ? atoi(line + 9) : 0;

    from->start += length + 2;
    *body = (extent){.state = UNTIL_CLOSE};
    *closes = 0;
    for (line = strstr(line, "\r\n") + 2; *line; line = end + 2) {
        char *value = strchr(line, ':');

        end = strstr(line, "\r\n");
        if (!end || !value || value > end)
            return 0;
        *end = *value++ = '\0';
        value += strspn(value, " \t");
        for (char *last = end; last > value && (last[-1] == ' ' || last[-1] == '\t'); last--)
            last[-1] = '\0';
        if (strcasecmp(line, "Connection") == 0) {
            *closes = strcasecmp(value, "close") == 0;
        } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
            *body = (extent){.state = CHUNK_SIZE};
        } else if (strcasecmp(line, "Content-Type") == 0) {
            type = value;
        } else {
            if (strcasecmp(line, "Content-Length") == 0 && body->state == UNTIL_CLOSE)
                *body = (extent){.state = LENGTH, .left = apr_atoi64(value)};
            apr_table_addn(headers, line, value);
        }
    }
    if (status < 200 || status > 999 || body->left < 0)
        return 0;
    if (r->header_only || status == HTTP_NO_CONTENT || status == HTTP_NOT_MODIFIED
        || (body->state == LENGTH && body->left == 0))
        body->state = AT_END;
    r->status = status;
    r->headers_out = apr_is_empty_table(r->headers_out)
                   ? headers : apr_table_overlay(r->pool, headers, r->headers_out);
    if (type)
        ap_set_content_type(r, type);
    return 1;
}

/* The line that begins at what was read, without its end; NULL if it is not all there. */
static char *take_line(connection *from)
{
    char *line = from->data + from->start;
    char *end = memmem(line, from->end - from->start, "\r\n", 2);

    if (!end)
        return NULL;
    *end = '\0';
    from->start += (size_t)(end - line) + 2;
    return line;
}

/* Take what was read of a body into a brigade; 0 if it is not in order.  Bytes are not copied. */
static int take_body(connection *from, extent *body, apr_bucket_brigade *bb)
{
    while (from->start < from->end && body->state != AT_END) {
        if (body->state == LENGTH || body->state == CHUNK || body->state == UNTIL_CLOSE) {
            size_t count = from->end - from->start;

            if (body->state != UNTIL_CLOSE && (apr_off_t)count > body->left)
                count = (size_t)body->left;
            APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_transient_create(from->data + from->start, count,
                                                                    bb->bucket_alloc));
            from->start += count;
            if (body->state != UNTIL_CLOSE && !(body->left -= (apr_off_t)count))
                body->state = body->state == CHUNK ? CHUNK_END : AT_END;
            continue;
        }
        char *line = take_line(from), *rest;

        if (!line)
            return from->end - from->start < BUFFER_SIZE; /* else it has no end */
        if (body->state == CHUNK_SIZE) {
            body->left = strtoll(line, &rest, 16);
            if (rest == line || body->left < 0)
                return 0;
            body->state = body->left ? CHUNK : TRAILERS;
        } else if (body->state == CHUNK_END) {
            body->state = CHUNK_SIZE;
        } else if (!*line) { /* of the trailers */
            body->state = AT_END;
        }
    }
    return 1;
}

/* As mod_proxy says it: what follows the filters is not all of the answer. */
static void break_off(request_rec *r, apr_bucket_brigade *bb)
{
    conn_rec *c = r->connection;

    r->no_cache = 1;
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, c->pool,
                                                       c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(c->bucket_alloc));
}

/* Pass the body on as it comes; whether all of it has been read. */
static int pass_body(request_rec *r, connection *from, extent *body)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    int is_stream = body->state == CHUNK_SIZE, is_good = 1;

    for (;;) {
        apr_status_t status;
        ssize_t count;

        is_good = is_good && take_body(from, body, bb);
        if (is_stream && !APR_BRIGADE_EMPTY(bb)) { /* with its end it would be none */
            ap_pass_brigade(r->output_filters, bb);
            apr_brigade_cleanup(bb);
        }
        if (!is_good)
            break_off(r, bb);
        else if (body->state == AT_END)
            APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(c->bucket_alloc));
        else
            APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
        status = ap_pass_brigade(r->output_filters, bb);
        apr_brigade_cleanup(bb);
        if (!is_good || body->state == AT_END)
            return is_good;
        if (status != APR_SUCCESS || c->aborted)
            return 0;
        count = read_more(from);
        if (count == 0 && body->state == UNTIL_CLOSE)
            body->state = AT_END;
        else
            is_good = count > 0;
    }
}

/* ---- both ---------------------------------------------------------------------------------- */

/* Send a request and read until an answer's head is there, of that length.
 *
 * A loop's server that ends closes connections without a request; one that comes in the same moment
 * gets no answer.  It is asked once more then, if it is one that changes nothing (RFC 9110, 9.2.2). */
static int ask(request_rec *r, connection *to, const char *path, const char *facts,
               const char *settings, size_t *length)
{
    int is_kept = is_good(to, path), status;

    for (;;) {
        to->start = to->end = 0;
        if (is_kept)
            set_timeout(r, to);
        else if ((status = reconnect(r, to, path)) != OK)
            return status;
        status = send_request(r, to, facts, settings);
        if (status != OK)
            return status;
        hdpy_linger_awake(to->fd);
        status = read_head(to, length);
        if (status != HTTP_BAD_GATEWAY || !is_kept || to->end || r->method_number != M_GET
            || framing_of(r) != NOTHING)
            return status;
        is_kept = 0;
    }
}

int hdpy_loop_ask(request_rec *r, const char *path, const char *facts, const char *settings)
{
    extent body;
    size_t length;
    int closes, status = ask(r, &own, path, facts, settings, &length);

    if (status == OK && !take_head(r, &own, length, &body, &closes))
        status = HTTP_BAD_GATEWAY;
    if (status != OK) {
        disconnect(&own);
        return status;
    }
    if (!pass_body(r, &own, &body) || closes || own.start != own.end)
        disconnect(&own);
    own.since = apr_time_now();
    if (own.size > 4 * BUFFER_SIZE) {
        free(own.data);
        own.data = NULL;
        own.size = 0;
    }
    return OK;
}
