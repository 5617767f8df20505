/* A worker waits a moment for its client's next request.
 *
 * The event MPM gives a connection without data to its listener thread, which gives the next request
 * to any worker: five system calls and two switches between threads.  A client that asks again and
 * again sends its next request some ten microseconds after an answer.  For a tenth of a millisecond
 * at most the worker waits for it, as long as other workers are free: 64 connections get a tenth more
 * answers so (2026-11, two cores).
 *
 * For a client that has been as quick the worker stays awake for its first moments, and lets the
 * processor be used by who has work to do.  To fall asleep and be woken costs more, both here and for
 * the one who wakes: a quarter more answers on eight connections, for less time of the processor.
 *
 * While no other request is in progress the processor falls asleep with the worker, and all takes
 * longer: a wait as short as that is often in vain, and cost a tenth of one connection's answers.  So
 * it is one that no client in a loop exceeds, and the worker stays awake longer: a third more answers
 * on one connection.
 */
#include "linger.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_ssl.h"
#include "util_filter.h"
#include "ap_mpm.h"
#include "apr_atomic.h"
#include "apr_portable.h"

#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "link.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;

#define WAIT_NS 100000
#define LONE_WAIT_NS 20000000
#define AWAKE_NS 30000
#define YIELDS 16
#define QUICK_NS 200000

static int is_async;
static int has_processors; /* more than one: the client does not need ours */
static unsigned workers = 1;
static apr_uint32_t busy;

void hdpy_linger_init(unsigned threads)
{
    cpu_set_t processors;

    workers = threads;
    if (ap_mpm_query(AP_MPMQ_IS_ASYNC, &is_async) != APR_SUCCESS)
        is_async = 0;
    has_processors = sched_getaffinity(0, sizeof(processors), &processors) == 0
                  && CPU_COUNT(&processors) > 1;
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
    return now.tv_sec * (int64_t)1000000000 + now.tv_nsec;
}

/* What is read here is in the way of the connection's filters, where Apache is going to look for it. */
int hdpy_linger_has_more(request_rec *r)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    apr_status_t status = ap_get_brigade(c->input_filters, bb, AP_MODE_SPECULATIVE,
                                         APR_NONBLOCK_READ, 1);
    int found = status == APR_SUCCESS ? !APR_BRIGADE_EMPTY(bb) : !APR_STATUS_IS_EAGAIN(status);

    apr_brigade_destroy(bb);
    return found;
}

int hdpy_linger_awake(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int is_there = 0;

    for (int i = 0; !is_there && i < YIELDS; i++) {
        if (i)
            sched_yield();
        is_there = poll(&readable, 1, 0);
    }
    return is_there;
}

static int comes_awake_alone(struct pollfd *readable, int64_t start)
{
    int is_there = 0;

    while (!is_there && has_processors && now_ns() - start < AWAKE_NS)
        is_there = poll(readable, 1, 0);
    return is_there;
}

/* Wait for a client, whose connection notes whether it has been quick. */
static void wait_for_more(struct pollfd *readable, conn_rec *c, int is_alone)
{
    const struct timespec asleep = {0, is_alone ? LONE_WAIT_NS : WAIT_NS};
    int64_t start = now_ns();
    int is_there = 0;

    if (ap_get_module_config(c->conn_config, &httpdapy_module))
        is_there = is_alone ? comes_awake_alone(readable, start) : hdpy_linger_awake(readable->fd);
    if (!is_there)
        is_there = ppoll(readable, 1, &asleep, NULL) > 0 && now_ns() - start < QUICK_NS;
    ap_set_module_config(c->conn_config, &httpdapy_module, is_there ? c : NULL);
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
    if (!c->cs || c->cs->state == CONN_STATE_WRITE_COMPLETION)
        return DECLINED; /* Apache has looked already */
    if (c->master || ap_ssl_conn_is_ssl(c) /* which may have more than the socket has */
        || c->keepalive != AP_CONN_KEEPALIVE || c->aborted || !r->handler
        || strcmp(r->handler, HDPY_HANDLER))
        return DECLINED;
    socket = ap_get_conn_socket(c);
    if (socket && !hdpy_linger_has_more(r) && apr_os_sock_get(&fd, socket) == APR_SUCCESS) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};

        apr_atomic_inc32(&busy);
        wait_for_more(&readable, c, !others);
        apr_atomic_dec32(&busy);
    }
    return DECLINED;
}

void hdpy_linger_register(void)
{
    ap_hook_log_transaction(linger, NULL, NULL, APR_HOOK_REALLY_LAST);
}
