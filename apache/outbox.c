/* What is written soon rather than at once.
 *
 * A script that prints a hundred lines calls write() two hundred times.  Sent one by one they take
 * twenty times as long as the page in one piece; kept until there are many, the first line would not
 * be seen while the script works on the last.  So they are collected, and what has waited for a tick
 * is sent by another thread, whatever the script is doing.
 *
 * Only one thread at a time may use a request's pool and its connection.  The request's own thread
 * takes the outbox before it does, and the sender sends only what is not taken.
 *
 * Threads: one that ticks, and ends when there has been nothing to do for a second; senders, as many
 * as there are clients that keep them waiting, which end likewise.  They know nothing of Python.
 */
#include "outbox.h"

#include "apr_time.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define TICK_US 5000
#define IDLE_TICKS 200 /* after which the ticking ends */
#define IDLE_S 1       /* after which a sender ends */

/* The lock guards all that is here, and of an outbox what is not said to be someone's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_due = PTHREAD_COND_INITIALIZER;
static hdpy_outbox *outboxes;
static int is_over;
static int is_ticking;
static unsigned due;          /* outboxes that are */
static unsigned idle_senders; /* that wait for one to be */
static unsigned threads;      /* that there are, of both kinds */

static apr_size_t end_of(const hdpy_outbox *outbox)
{
    return __atomic_load_n(&outbox->end, __ATOMIC_ACQUIRE);
}

/* Start a thread that leaves signals to Apache's; without it things are sent when the request's own
 * thread comes round to it. */
static int start_thread(void *(*run)(void *))
{
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all, before;
    int started;

    sigfillset(&all);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&thread, &detached, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    threads += started ? 1 : 0;
    return started;
}

/* ---- senders ------------------------------------------------------------------------------- */

static hdpy_outbox *next_due(void)
{
    for (hdpy_outbox *outbox = due ? outboxes : NULL; outbox; outbox = outbox->next)
        if (outbox->state == OUTBOX_DUE)
            return outbox;
    return NULL;
}

static int wait_for_due(void)
{
    struct timespec end;
    int status;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += IDLE_S;
    idle_senders++;
    status = pthread_cond_timedwait(&has_due, &lock, &end);
    idle_senders--;
    return status == 0;
}

static void send_outbox(hdpy_outbox *outbox)
{
    apr_size_t end = end_of(outbox);
    apr_status_t status;

    outbox->state = OUTBOX_SENDING;
    due--;
    pthread_mutex_unlock(&lock);
    status = outbox->send(outbox->context, outbox->data + outbox->start, end - outbox->start);
    pthread_mutex_lock(&lock);
    outbox->start = end;
    if (status != APR_SUCCESS)
        outbox->status = status;
    outbox->state = OUTBOX_OPEN;
}

static void *run_sender(void *unused)
{
    hdpy_outbox *outbox;

    pthread_mutex_lock(&lock);
    do {
        while ((outbox = next_due()))
            send_outbox(outbox);
    } while (!is_over && (wait_for_due() || due));
    threads--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* ---- ticking ------------------------------------------------------------------------------- */

static void look_at(hdpy_outbox *outbox)
{
    int waits = outbox->state == OUTBOX_OPEN && end_of(outbox) != outbox->start;

    if (waits && outbox->has_waited) {
        outbox->state = OUTBOX_DUE;
        due++;
        if (due > idle_senders && !start_thread(run_sender)) {
            outbox->state = OUTBOX_OPEN; /* the next tick tries again */
            due--;
        }
        pthread_cond_signal(&has_due);
    }
    outbox->has_waited = waits;
}

static void *run_ticks(void *unused)
{
    int idle = 0;

    pthread_mutex_lock(&lock);
    while (!is_over && idle < IDLE_TICKS) {
        pthread_mutex_unlock(&lock);
        apr_sleep(TICK_US);
        pthread_mutex_lock(&lock);
        for (hdpy_outbox *outbox = outboxes; outbox; outbox = outbox->next)
            look_at(outbox);
        idle = outboxes ? 0 : idle + 1;
    }
    is_ticking = 0;
    threads--;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* ---- the child process --------------------------------------------------------------------- */

/* No request runs any more. */
static apr_status_t end_child(void *unused)
{
    pthread_mutex_lock(&lock);
    is_over = 1;
    pthread_cond_broadcast(&has_due);
    while (threads) {
        pthread_mutex_unlock(&lock);
        apr_sleep(TICK_US);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return APR_SUCCESS;
}

void hdpy_outbox_init(apr_pool_t *p)
{
    is_over = 0; /* which it is where httpd -X has restarted */
    apr_pool_pre_cleanup_register(p, NULL, end_child);
}

/* ---- an outbox ----------------------------------------------------------------------------- */

hdpy_outbox *hdpy_outbox_new(apr_pool_t *p, hdpy_outbox_send *send, void *context)
{
    hdpy_outbox *outbox = apr_palloc(p, sizeof(*outbox));

    memset(outbox, 0, offsetof(hdpy_outbox, data));
    outbox->send = send;
    outbox->context = context;
    pthread_mutex_lock(&lock);
    outbox->next = outboxes;
    if (outboxes)
        outboxes->previous = outbox;
    outboxes = outbox;
    if (!is_ticking)
        is_ticking = start_thread(run_ticks);
    pthread_mutex_unlock(&lock);
    return outbox;
}

/* Begin at the front again if all that was in there is sent. */
static void rewind_outbox(hdpy_outbox *outbox)
{
    pthread_mutex_lock(&lock);
    if (outbox->state != OUTBOX_SENDING && outbox->start == outbox->end)
        outbox->start = outbox->end = 0;
    pthread_mutex_unlock(&lock);
}

apr_size_t hdpy_outbox_put(hdpy_outbox *outbox, const char *data, apr_size_t length)
{
    apr_size_t room;

    if (hdpy_outbox_put_all(outbox, data, length))
        return length;
    rewind_outbox(outbox);
    room = HDPY_OUTBOX_SIZE - outbox->end;
    if (length > room)
        length = room;
    hdpy_outbox_put_all(outbox, data, length);
    return length;
}

int hdpy_outbox_take(hdpy_outbox *outbox)
{
    int taken;

    pthread_mutex_lock(&lock);
    taken = outbox->state == OUTBOX_OPEN || outbox->state == OUTBOX_DUE;
    if (taken) {
        due -= outbox->state == OUTBOX_DUE ? 1 : 0;
        outbox->state = OUTBOX_TAKEN;
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

void hdpy_outbox_give(hdpy_outbox *outbox)
{
    pthread_mutex_lock(&lock);
    if (outbox->state == OUTBOX_TAKEN)
        outbox->state = OUTBOX_OPEN;
    pthread_mutex_unlock(&lock);
}

apr_size_t hdpy_outbox_waiting(const hdpy_outbox *outbox, const char **data)
{
    *data = outbox->data + outbox->start;
    return end_of(outbox) - outbox->start;
}

void hdpy_outbox_sent(hdpy_outbox *outbox, apr_size_t length)
{
    pthread_mutex_lock(&lock);
    outbox->start += length;
    pthread_mutex_unlock(&lock);
}

void hdpy_outbox_close(hdpy_outbox *outbox)
{
    pthread_mutex_lock(&lock);
    while (outbox->state == OUTBOX_SENDING) {
        pthread_mutex_unlock(&lock);
        apr_sleep(TICK_US / 10);
        pthread_mutex_lock(&lock);
    }
    if (outbox->state != OUTBOX_CLOSED) {
        due -= outbox->state == OUTBOX_DUE ? 1 : 0;
        outbox->state = OUTBOX_CLOSED;
        if (outbox->next)
            outbox->next->previous = outbox->previous;
        if (outbox->previous)
            outbox->previous->next = outbox->next;
        else
            outboxes = outbox->next;
    }
    pthread_mutex_unlock(&lock);
}
