/* A worker waits a moment for its client's next request.
 *
 * The event MPM gives a connection without data to its listener thread, which gives the next request
 * to any worker: four system calls and two switches between threads.  A client that asks again and
 * again sends its next request some ten microseconds after an answer.  While other requests are in
 * progress, and other workers free, the worker sleeps for it, for a tenth of a millisecond at most: 64
 * connections get a tenth more answers so (2026-11, two cores).
 *
 * While there is none, its core would fall asleep, and to wake it takes longer than the listener does: one
 * connection got less than half the answers.  So it stays awake then, for half as long, and only for
 * clients that come in this time: with one that has not it is tried again after a while.
 */
#include "linger.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "ap_mpm.h"
#include "apr_atomic.h"
#include "apr_portable.h"

#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "link.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;

#define SLEEP_NS 100000
#define AWAKE_NS 50000
#define REST 64 /* requests of a client that comes too late, until it is tried again */

/* Lives in the connection's pool. */
typedef struct {
    unsigned rest; /* requests for which it is not to be waited for awake */
} waited;

static int is_async;
static unsigned workers = 1;
static apr_uint32_t busy;

void hdpy_linger_init(unsigned threads)
{
    workers = threads;
    if (ap_mpm_query(AP_MPMQ_IS_ASYNC, &is_async) != APR_SUCCESS)
        is_async = 0;
}

void hdpy_linger_enter(void)
{
    if (is_async)
        apr_atomic_inc32(&busy);
}

void hdpy_linger_leave(void)
{
    if (is_async)
        apr_atomic_dec32(&busy);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_for(struct pollfd *readable)
{
    static const struct timespec wait = {0, SLEEP_NS};

    apr_atomic_inc32(&busy);
    ppoll(readable, 1, &wait, NULL);
    apr_atomic_dec32(&busy);
}

static void stay_awake_for(struct pollfd *readable, conn_rec *c)
{
    waited *known = ap_get_module_config(c->conn_config, &httpdapy_module);
    int64_t end;

    if (!known) {
        known = apr_pcalloc(c->pool, sizeof(*known));
        ap_set_module_config(c->conn_config, &httpdapy_module, known);
    }
    if (known->rest) {
        known->rest--;
        return;
    }
    end = now_ns() + AWAKE_NS;
    do
        if (poll(readable, 1, 0))
            return;
    while (now_ns() < end && !apr_atomic_read32(&busy));
    known->rest = REST;
}

/* After all that there is to do for the request, before Apache looks whether there is another. */
static int linger(request_rec *r)
{
    conn_rec *c = r->connection;
    apr_socket_t *socket;
    apr_os_sock_t fd;
    apr_uint32_t others = apr_atomic_read32(&busy);

    if (!is_async || others + 1 >= workers)
        return DECLINED;
    if (c->master || c->keepalive != AP_CONN_KEEPALIVE || c->aborted || !r->handler
        || strcmp(r->handler, HDPY_HANDLER))
        return DECLINED;
    socket = ap_get_conn_socket(c);
    if (socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};

        if (others)
            sleep_for(&readable);
        else
            stay_awake_for(&readable, c);
    }
    return DECLINED;
}

void hdpy_linger_register(void)
{
    ap_hook_log_transaction(linger, NULL, NULL, APR_HOOK_REALLY_LAST);
}
