/* The proxied way: a process with an event loop answers, over a Unix socket.
 *
 *   PythonSocket path [upgrades]   none   where it listens; upgrades: for WebSockets only
 *
 * mod_proxy_http carries requests there, and what comes and goes by WebSockets that are not handed over
 * (handover.c).  What Python is to know of a request beside the client's own headers goes with it in
 * two headers more, which replace any of the client's.  The answer comes back through the same filter
 * as mod_wsgi's (answer.c), so that here, too, Python can leave it to Apache.
 */
#include "proxy.h"

#include "http_config.h"
#include "http_core.h"
#include "http_connection.h"
#include "http_log.h"
#include "http_protocol.h"
#include "apr_portable.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"
#include "util_filter.h"

#include <string.h>

#include "answer.h"
#include "environment.h"
#include "handover.h"
#include "linger.h"
#include "link.h"
#include "thread.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

/* A WebSocket that is open.  Lives on the stack of its thread, and in the list meanwhile. */
typedef struct upgraded {
    apr_socket_t *client;
    struct upgraded *next, *previous;
} upgraded;

static upgraded *all_upgraded;
static apr_interval_time_t time_to_close;
static apr_thread_mutex_t *lock; /* of the list */
static int can_ask;              /* mod_proxy_http is there */

void hdpy_proxy_init(apr_pool_t *p)
{
    can_ask = ap_find_linked_module("mod_proxy_http.c") != NULL;
    apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, p);
}

/* ---- WebSockets that stay here ------------------------------------------------------------- */

static void enter(upgraded *entry)
{
    apr_thread_mutex_lock(lock);
    entry->next = all_upgraded;
    if (all_upgraded)
        all_upgraded->previous = entry;
    all_upgraded = entry;
    apr_thread_mutex_unlock(lock);
}

static void leave(upgraded *entry)
{
    apr_thread_mutex_lock(lock);
    if (entry->next)
        entry->next->previous = entry->previous;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        all_upgraded = entry->next;
    apr_thread_mutex_unlock(lock);
}

/* A client that does not close its connection would keep the thread that passes data on, and that the
 * child, for as long as ProxyTimeout says. */
static void *close_all(void *unused)
{
    apr_sleep(time_to_close);
    apr_thread_mutex_lock(lock);
    for (upgraded *each = all_upgraded; each; each = each->next)
        apr_socket_shutdown(each->client, APR_SHUTDOWN_READWRITE);
    apr_thread_mutex_unlock(lock);
    return NULL;
}

void hdpy_proxy_stop(unsigned seconds)
{
    pthread_t thread;

    time_to_close = apr_time_from_sec(seconds);
    if (lock && all_upgraded && hdpy_thread_start(&thread, close_all, NULL))
        pthread_detach(thread);
}

/* ---- waiting for the answer ---------------------------------------------------------------- */

/* A request is on its way to the loop, and nothing of its answer has been read. */
static _Thread_local int is_waiting;
static ap_filter_rec_t *wait_handle;

/* A loop that is busy answers several requests in one go.  The worker stays awake for a moment, with
 * the processor for who has work to do: asleep, it costs the loop more time to wake it than to
 * answer.  A quarter more answers on eight connections (2026-11, two cores). */
static apr_status_t wait_awake(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode,
                               apr_read_type_e block, apr_off_t readbytes)
{
    apr_os_sock_t fd;

    if (is_waiting && mode == AP_MODE_GETLINE && block == APR_BLOCK_READ) {
        is_waiting = 0;
        if (apr_os_sock_get(&fd, ap_get_conn_socket(f->c)) == APR_SUCCESS)
            hdpy_linger_awake(fd);
    }
    return ap_get_brigade(f->next, bb, mode, block, readbytes);
}

/* A connection to the loop, which mod_proxy opens while it asks for us. */
static int pre_connection(conn_rec *c, void *socket)
{
    if (is_waiting)
        ap_add_input_filter_handle(wait_handle, NULL, NULL, c);
    return OK;
}

void hdpy_proxy_register(void)
{
    wait_handle = ap_register_input_filter("HTTPDAPY_WAIT", wait_awake, NULL, AP_FTYPE_CONNECTION);
    ap_hook_pre_connection(pre_connection, NULL, NULL, APR_HOOK_MIDDLE);
}

/* ---- requests ------------------------------------------------------------------------------ */

static int is_upgrade(request_rec *r)
{
    const char *protocol = apr_table_get(r->headers_in, "Upgrade");

    return protocol && ap_find_token(r->pool, protocol, "websocket");
}

int hdpy_proxy_takes(request_rec *r, const hdpy_dir_conf *conf)
{
    return conf->socket && (!conf->socket_upgrades || is_upgrade(r));
}

/* Append a field and a space; what a header or split(" ") would trip over is %xx. */
static void append(apr_array_header_t *text, const char *field)
{
    static const char digits[] = "0123456789ABCDEF";

    for (const char *c = field ? field : ""; *c; c++) {
        if (*c > ' ' && *c < 0x7f && *c != '%') {
            *(char *)apr_array_push(text) = *c;
        } else {
            *(char *)apr_array_push(text) = '%';
            *(char *)apr_array_push(text) = digits[(unsigned char)*c >> 4];
            *(char *)apr_array_push(text) = digits[(unsigned char)*c & 15];
        }
    }
    *(char *)apr_array_push(text) = ' ';
}

static const char *ended(apr_array_header_t *text)
{
    text->elts[text->nelts - 1] = '\0'; /* in place of the last space */
    return text->elts;
}

/* The fields are those of interpreters/asgi.py's Facts.  The protocol, which is never empty, is last:
 * spaces at the end would be lost. */
static const char *facts(request_rec *r, int can_hand_over)
{
    apr_array_header_t *text = apr_array_make(r->pool, 256, 1);
    conn_rec *c = r->connection;

    append(text, r->method);
    append(text, r->useragent_ip);
    append(text, apr_itoa(r->pool, c->client_addr->port));
    append(text, c->local_ip);
    append(text, apr_itoa(r->pool, c->local_addr->port));
    append(text, ap_http_scheme(r));
    append(text, ap_get_server_name(r));
    append(text, apr_itoa(r->pool, ap_get_server_port(r)));
    append(text, r->user);
    append(text, r->uri);
    append(text, apr_table_get(r->headers_in, "Host") ? "Host" : ""); /* mod_proxy adds one */
    append(text, can_hand_over ? "client" : "");
    append(text, r->protocol);
    return ended(text);
}

static const char *one_field(request_rec *r, const char *field)
{
    apr_array_header_t *text = apr_array_make(r->pool, 256, 1);

    append(text, field);
    return ended(text);
}

/* What mod_proxy's status means here, with a line in the log. */
static int explained(request_rec *r, const hdpy_dir_conf *conf, int status)
{
    if (status == HTTP_BAD_GATEWAY && apr_table_get(r->notes, "proxy_timedout"))
        status = HTTP_GATEWAY_TIME_OUT;
    if (status == HTTP_GATEWAY_TIME_OUT)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0018: %s was not answered in time: by its "
                      "handler, or since something keeps Python's event loop from running; the "
                      "setting TIMEOUT says how long may be waited", r->uri);
    else if (status == HTTP_SERVICE_UNAVAILABLE || status == HTTP_BAD_GATEWAY)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0017: %s: the Python process behind %s does "
                      "not answer: it has ended, or is about to", r->uri, conf->socket);
    else
        return status;
    apr_table_unset(r->notes, "error-notes"); /* mod_proxy's, of remote servers */
    return status;
}

/* RFC 6455, section 4.4. */
static int refuse_version(request_rec *r)
{
    apr_table_setn(r->err_headers_out, "Sec-WebSocket-Version", "13");
    apr_table_setn(r->err_headers_out, "Upgrade", "websocket");
    return HTTP_UPGRADE_REQUIRED;
}

/* Send what waits for more: so the worker sees at once whether the client goes on (linger.c). */
static void flush(request_rec *r)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);

    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
    ap_pass_brigade(c->output_filters, bb);
}

int hdpy_proxy_run(request_rec *r, const hdpy_dir_conf *conf, const hdpy_target *target)
{
    const char *version = apr_table_get(r->headers_in, "Sec-WebSocket-Version");
    const char *filename = r->filename, *handler = r->handler, *method = r->method;
    int proxyreq = r->proxyreq;
    hdpy_answer *answer;
    int can_hand_over, status;

    if (!can_ask) { /* the next handler would send the file that has the URL's path */
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0016: %s: PythonSocket needs mod_proxy and "
                      "mod_proxy_http; load them", filename);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (version && strcmp(version, "13") && is_upgrade(r))
        return refuse_version(r);
    can_hand_over = is_upgrade(r) && hdpy_handover_is_possible(r);
    apr_table_setn(r->headers_in, HDPY_HEADER_REQUEST, facts(r, can_hand_over));
    if (r->method_number == M_INVALID)
        r->method = "POST"; /* the loop's server does not know it, and has the right one in facts() */
    apr_table_setn(r->headers_in, HDPY_HEADER_SETTINGS, one_field(r, target->settings));
    apr_table_setn(r->notes, "proxy-nocanon", "1");
    answer = hdpy_answer_filter(r, target->watch_key);
    if (can_hand_over)
        hdpy_answer_may_hand_over(answer);
    r->filename = (char *)hdpy_unparsed_uri(r); /* mod_proxy joins the two */
    r->handler = apr_pstrcat(r->pool, "proxy:unix:", conf->socket, "|http://httpdapy", NULL);
    if (is_upgrade(r) && lock) {
        upgraded entry = {.client = ap_get_conn_socket(r->connection)};

        enter(&entry);
        status = ap_run_handler(r);
        leave(&entry);
    } else {
        hdpy_linger_enter();
        is_waiting = 1;
        status = ap_run_handler(r);
        is_waiting = 0;
        hdpy_linger_leave();
    }
    r->filename = (char *)filename;
    r->proxyreq = proxyreq;
    r->handler = handler;
    r->method = method;
    apr_table_unset(r->headers_in, HDPY_HEADER_REQUEST);
    apr_table_unset(r->headers_in, HDPY_HEADER_SETTINGS);
    if (!hdpy_answer_has_begun(answer))
        status = explained(r, conf, status);
    status = hdpy_answer_end(answer, status);
    if (status == OK && !r->connection->master)
        flush(r);
    return status;
}
