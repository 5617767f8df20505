/* What is written soon rather than at once.
 *
 * A script that prints a hundred lines calls write() two hundred times.  Sent one by one they take
 * twenty times as long as the page in one piece; kept until there are many, the first line would
 * not be seen while the script works on the last, or sleeps.  Only another thread can send it then.
 *
 * So there is one that ticks, every 5 ms, and knows all open outboxes.  Where something has waited
 * since the last tick it starts a thread that sends this and ends: a client that does not read
 * keeps its sender waiting, and nobody else.  A page that is printed within a tick has none of it.
 *
 * The threads know nothing of Python.  All are joined: senders at the latest when their outbox is
 * closed, the one that ticks at the end of the child.
 */
#include "outbox.h"

#include "apr_time.h"

#include <stddef.h>

#include "thread.h"

#define TICK_US 5000
#define IDLE_TICKS 200 /* without any outbox; then the ticking stops */

/* The lock guards all that is here, and which outboxes are taken; it is held for moments only.
 * What is in an outbox is for the one who has taken it, but that hdpy_outbox_put() adds to its end. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static hdpy_outbox *outboxes;
static pthread_t ticker;
static int has_ticker;
static int is_over;

static apr_size_t end_of(const hdpy_outbox *outbox)
{
    return __atomic_load_n(&outbox->end, __ATOMIC_ACQUIRE);
}

/* ---- sending ------------------------------------------------------------------------------- */

static void *run_sender(void *data)
{
    hdpy_outbox *outbox = data;

    outbox->sender = pthread_self();
    outbox->has_sender = 1;
    outbox->send(outbox->context);
    hdpy_outbox_give(outbox);
    return NULL;
}

static void join_sender(hdpy_outbox *outbox)
{
    if (outbox->has_sender)
        pthread_join(outbox->sender, NULL);
    outbox->has_sender = 0;
}

/* Have an outbox sent that was taken for it; without a thread the next tick tries again. */
static void start_sender(hdpy_outbox *outbox)
{
    pthread_t thread;

    join_sender(outbox); /* that of before, which has come to its end */
    if (!hdpy_thread_start(&thread, run_sender, outbox))
        hdpy_outbox_give(outbox);
}

/* ---- ticking ------------------------------------------------------------------------------- */

/* Take those in which something waits since the last tick. */
static hdpy_outbox *take_due(void)
{
    hdpy_outbox *due = NULL;

    for (hdpy_outbox *outbox = outboxes; outbox; outbox = outbox->next) {
        int waits = !outbox->is_taken && outbox->start != end_of(outbox)
                 && outbox->status == APR_SUCCESS;

        if (waits && outbox->has_waited) {
            outbox->is_taken = 1;
            outbox->due = due;
            due = outbox;
            waits = 0;
        }
        outbox->has_waited = waits;
    }
    return due;
}

static void *run_ticks(void *unused)
{
    int idle = 0;

    pthread_mutex_lock(&lock);
    while (!is_over) {
        hdpy_outbox *due = take_due();

        idle = outboxes ? 0 : idle + 1;
        if (idle >= IDLE_TICKS) {
            pthread_cond_wait(&opened, &lock);
            idle = 0;
            continue;
        }
        pthread_mutex_unlock(&lock);
        while (due) {
            hdpy_outbox *outbox = due;

            due = outbox->due; /* it may be gone when it was sent */
            start_sender(outbox);
        }
        apr_sleep(TICK_US);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* No request runs any more. */
static apr_status_t end_child(void *unused)
{
    pthread_mutex_lock(&lock);
    is_over = 1;
    pthread_cond_signal(&opened);
    pthread_mutex_unlock(&lock);
    if (has_ticker)
        pthread_join(ticker, NULL);
    has_ticker = 0;
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
    outbox->is_taken = 1;
    pthread_mutex_lock(&lock);
    outbox->next = outboxes;
    outbox->link = &outboxes;
    if (outboxes)
        outboxes->link = &outbox->next;
    outboxes = outbox;
    if (!has_ticker) /* without it things are sent when there are many, and at the end */
        has_ticker = hdpy_thread_start(&ticker, run_ticks, NULL);
    pthread_cond_signal(&opened);
    pthread_mutex_unlock(&lock);
    return outbox;
}

int hdpy_outbox_take(hdpy_outbox *outbox)
{
    int was_taken;

    pthread_mutex_lock(&lock);
    was_taken = outbox->is_taken;
    outbox->is_taken = 1;
    pthread_mutex_unlock(&lock);
    return !was_taken;
}

void hdpy_outbox_give(hdpy_outbox *outbox)
{
    pthread_mutex_lock(&lock);
    outbox->is_taken = 0;
    pthread_cond_broadcast(&given);
    pthread_mutex_unlock(&lock);
}

void hdpy_outbox_await(hdpy_outbox *outbox)
{
    pthread_mutex_lock(&lock);
    while (outbox->is_taken)
        pthread_cond_wait(&given, &lock);
    pthread_mutex_unlock(&lock);
}

apr_size_t hdpy_outbox_get(hdpy_outbox *outbox, const char **data)
{
    apr_size_t start = outbox->start;

    outbox->start = end_of(outbox);
    *data = outbox->data + start;
    return outbox->start - start;
}

void hdpy_outbox_fail(hdpy_outbox *outbox, apr_status_t status)
{
    __atomic_store_n(&outbox->status, status, __ATOMIC_RELAXED);
}

void hdpy_outbox_rewind(hdpy_outbox *outbox)
{
    if (outbox->start == outbox->end)
        outbox->start = outbox->end = 0;
}

void hdpy_outbox_close(hdpy_outbox *outbox)
{
    pthread_mutex_lock(&lock);
    while (outbox->is_taken)
        pthread_cond_wait(&given, &lock);
    *outbox->link = outbox->next;
    if (outbox->next)
        outbox->next->link = outbox->link;
    pthread_mutex_unlock(&lock);
    join_sender(outbox);
}
