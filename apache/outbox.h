/* What is written soon rather than at once. */
#ifndef HTTPDAPY_OUTBOX_H
#define HTTPDAPY_OUTBOX_H

#include "httpd.h"

#include <pthread.h>
#include <string.h>

#define HDPY_OUTBOX_SIZE 16384 /* bytes that may wait */

/* Bytes of one answer that wait for what is written next, to go out with it, for 5 to 10 ms: then a
 * thread of the outbox's own sends them.
 *
 * That thread uses the request's pool and connection.  So from hdpy_outbox_new() on whoever uses
 * them takes the outbox before and gives it back after. */
typedef struct hdpy_outbox hdpy_outbox;

/* Sends what hdpy_outbox_get() gives. */
typedef void hdpy_outbox_send(void *context);

/* Lives in the request's pool. */
struct hdpy_outbox {
    hdpy_outbox_send *send;
    void *context;
    hdpy_outbox *next, **link; /* of the open ones; what points here */
    hdpy_outbox *due;          /* of those that are sent in this tick, the next */
    int is_taken;
    int has_waited;            /* at the last tick something was in it */
    int has_sender;            /* `sender` was started, and is not joined yet */
    pthread_t sender;
    apr_status_t status;       /* not APR_SUCCESS: sending has failed */
    apr_size_t start;          /* what waits is data[start] to data[end - 1] */
    apr_size_t end;
    char data[HDPY_OUTBOX_SIZE];
};

/* In each child, before its threads run. */
void hdpy_outbox_init(apr_pool_t *p);

/* An empty one, which is taken.  send: called by another thread, which has taken the outbox. */
hdpy_outbox *hdpy_outbox_new(apr_pool_t *p, hdpy_outbox_send *send, void *context);

/* 0: it is taken already. */
int hdpy_outbox_take(hdpy_outbox *outbox);
void hdpy_outbox_give(hdpy_outbox *outbox);

/* Wait until the outbox is not taken. */
void hdpy_outbox_await(hdpy_outbox *outbox);

/* Put in these bytes, taken or not, by one thread at a time.  0: there is no room, or sending has
 * failed. */
static inline int hdpy_outbox_put(hdpy_outbox *outbox, const char *data, apr_size_t length)
{
    apr_size_t end = outbox->end;

    if (length > HDPY_OUTBOX_SIZE - end
        || __atomic_load_n(&outbox->status, __ATOMIC_RELAXED) != APR_SUCCESS)
        return 0;
    memcpy(outbox->data + end, data, length);
    __atomic_store_n(&outbox->end, end + length, __ATOMIC_RELEASE);
    return 1;
}

/* By the one who has taken the outbox: get all that waits, which stays where it is until the next
 * rewind; have no more put in, for this reason. */
apr_size_t hdpy_outbox_get(hdpy_outbox *outbox, const char **data);
void hdpy_outbox_fail(hdpy_outbox *outbox, apr_status_t status);

/* By the one who has taken the outbox, while nobody puts in: make room of what was got. */
void hdpy_outbox_rewind(hdpy_outbox *outbox);

/* Wait until the outbox is not taken, and have it sent by no other thread any more.  It has to be
 * called before the request ends. */
void hdpy_outbox_close(hdpy_outbox *outbox);

#endif
