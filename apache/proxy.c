/* The proxied way: a process with an event loop answers, at a Unix socket.
 *
 *   PythonSocket path [upgrades]   none   where it listens; upgrades: for WebSockets only
 *
 * loop.c carries requests there, and mod_proxy_http what comes and goes by WebSockets that are not
 * handed over (handover.c).  What Python is to know of a request beside the client's own headers goes
 * with it in two headers more, which replace any of the client's.  The answer comes back through the
 * same filter as mod_wsgi's (answer.c), so that here, too, Python can leave it to Apache.
 */
#include "proxy.h"

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"

#include <string.h>

#include "answer.h"
#include "environment.h"
#include "handover.h"
#include "linger.h"
#include "link.h"
#include "loop.h"
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
static int can_tunnel;           /* mod_proxy_http is there */

void hdpy_proxy_init(apr_pool_t *p)
{
    can_tunnel = ap_find_linked_module("mod_proxy_http.c") != NULL;
    hdpy_loop_init();
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

/* A field without what a header or split(" ") would trip over, which becomes %xx. */
static const char *field(request_rec *r, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *from;
    char *escaped, *to;

    for (from = text ? text : ""; *from > ' ' && *from < 0x7f && *from != '%'; from++)
        ;
    if (!*from)
        return text ? text : "";
    to = escaped = apr_palloc(r->pool, 3 * strlen(text) + 1);
    for (from = text; *from; from++)
        if (*from > ' ' && *from < 0x7f && *from != '%') {
            *to++ = *from;
        } else {
            *to++ = '%';
            *to++ = digits[(unsigned char)*from >> 4];
            *to++ = digits[(unsigned char)*from & 15];
        }
    *to = '\0';
    return escaped;
}

/* The fields are those of interpreters/asgi.py's _facts.  The protocol, which is never empty, is last:
 * spaces at the end would be lost. */
static const char *facts(request_rec *r, int can_hand_over)
{
    conn_rec *c = r->connection;

    return apr_psprintf(r->pool, "%s %s %d %s %d %s %s %d %s %s %s %s", field(r, r->method),
                        field(r, r->useragent_ip), (int)c->client_addr->port,
                        field(r, c->local_ip), (int)c->local_addr->port,
                        field(r, ap_http_scheme(r)), field(r, ap_get_server_name(r)),
                        (int)ap_get_server_port(r), field(r, r->user), field(r, r->uri),
                        can_hand_over ? "client" : "", field(r, r->protocol));
}

/* What the status means here, with a line in the log. */
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

/* Have mod_proxy ask, and carry what comes and goes by a WebSocket that stays here. */
static int tunnel(request_rec *r, const hdpy_dir_conf *conf, const char *said, const char *settings)
{
    const char *filename = r->filename, *handler = r->handler;
    upgraded entry = {.client = ap_get_conn_socket(r->connection)};
    int proxyreq = r->proxyreq, status;

    apr_table_setn(r->headers_in, HDPY_HEADER_REQUEST, said);
    apr_table_setn(r->headers_in, HDPY_HEADER_SETTINGS, settings);
    apr_table_setn(r->notes, "proxy-nocanon", "1");
    r->filename = (char *)hdpy_unparsed_uri(r); /* mod_proxy joins the two */
    r->handler = apr_pstrcat(r->pool, "proxy:unix:", conf->socket, "|http://httpdapy", NULL);
    enter(&entry);
    status = ap_run_handler(r);
    leave(&entry);
    r->filename = (char *)filename;
    r->handler = handler;
    r->proxyreq = proxyreq;
    apr_table_unset(r->headers_in, HDPY_HEADER_REQUEST);
    apr_table_unset(r->headers_in, HDPY_HEADER_SETTINGS);
    return status;
}

static int ask(request_rec *r, const hdpy_dir_conf *conf, const char *said, const char *settings)
{
    int status;

    hdpy_linger_enter();
    status = hdpy_loop_ask(r, conf->socket, said, settings);
    hdpy_linger_leave();
    return status;
}

int hdpy_proxy_run(request_rec *r, const hdpy_dir_conf *conf, const hdpy_target *target)
{
    const char *version = apr_table_get(r->headers_in, "Sec-WebSocket-Version");
    const char *method = r->method, *said, *settings = field(r, target->settings);
    int upgrades = is_upgrade(r), can_hand_over, status;
    hdpy_answer *answer;

    if (upgrades && !can_tunnel) { /* the next handler would send the file that has the URL's path */
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0016: %s: a WebSocket needs mod_proxy and "
                      "mod_proxy_http; load them", r->filename);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (upgrades && version && strcmp(version, "13"))
        return refuse_version(r);
    can_hand_over = upgrades && hdpy_handover_is_possible(r);
    said = facts(r, can_hand_over);
    answer = hdpy_answer_filter(r, target->watch_key);
    hdpy_answer_is_loops(answer);
    if (can_hand_over)
        hdpy_answer_may_hand_over(answer);
    if (r->method_number == M_INVALID)
        r->method = "POST"; /* the loop's server does not know it, and has the right one in facts() */
    status = (upgrades ? tunnel : ask)(r, conf, said, settings);
    r->method = method;
    if (!hdpy_answer_has_begun(answer))
        status = explained(r, conf, status);
    status = hdpy_answer_end(answer, status);
    if (status == OK && !r->connection->master)
        flush(r);
    return status;
}
