/* A worker waits a moment for its client's next request.
 *
 * The event MPM gives a connection without data to its listener thread, which gives the next request
 * to any worker: five system calls and two switches between threads.  A client that asks again and
 * again sends its next request some ten microseconds after an answer.  For a tenth of a millisecond
 * at most the worker waits for it, as long as other workers are free: 64 connections get a tenth more
 * answers so (2026-11, two cores).
 *
 * While no other request is in progress the processor falls asleep meanwhile, and all takes longer: a
 * wait as short as that is often in vain, and cost a tenth of one connection's answers.  So it is one
 * that no client in a loop exceeds; it gives a tenth more.
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
#include <string.h>
#include <time.h>

#include "link.h"

#define WAIT_NS 100000
#define LONE_WAIT_NS 20000000

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
        const struct timespec wait = {0, others ? WAIT_NS : LONE_WAIT_NS};
        struct pollfd readable = {.fd = fd, .events = POLLIN};

        apr_atomic_inc32(&busy);
        ppoll(&readable, 1, &wait, NULL);
        apr_atomic_dec32(&busy);
    }
    return DECLINED;
}

void hdpy_linger_register(void)
{
    ap_hook_log_transaction(linger, NULL, NULL, APR_HOOK_REALLY_LAST);
}
