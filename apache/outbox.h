/* What is written soon rather than at once. */
#ifndef HTTPDAPY_OUTBOX_H
#define HTTPDAPY_OUTBOX_H

#include "httpd.h"

#include <string.h>

#define HDPY_OUTBOX_SIZE 16384 /* bytes that may wait */

/* Bytes of one answer that wait for what is written next, to go out with it, 5 to 10 ms at most:
 * then a thread of the outbox's own sends them.  Lives in the request's pool. */
typedef struct hdpy_outbox hdpy_outbox;

/* Sends bytes to the client; see hdpy_outbox_new(). */
typedef apr_status_t hdpy_outbox_send(void *context, const char *data, apr_size_t length);

enum hdpy_outbox_state {
    OUTBOX_OPEN,
    OUTBOX_DUE, /* another thread shall send what waits */
    OUTBOX_SENDING,
    OUTBOX_TAKEN,
    OUTBOX_CLOSED,
};

struct hdpy_outbox {
    hdpy_outbox_send *send;
    void *context;
    hdpy_outbox *next, *previous;
    enum hdpy_outbox_state state;
    int has_waited;      /* it was not empty at the last tick */
    apr_status_t status; /* of the last sending by another thread that has failed */
    apr_size_t start;    /* what waits is data[start] to data[end - 1] */
    apr_size_t end;      /* set by the one who puts in, at any time */
    char data[HDPY_OUTBOX_SIZE];
};

/* In each child, before its threads run. */
void hdpy_outbox_init(apr_pool_t *p);

/* An empty one.  send: called by another thread, while no one has taken the outbox. */
hdpy_outbox *hdpy_outbox_new(apr_pool_t *p, hdpy_outbox_send *send, void *context);

/* Put in as many of these bytes as there is room for, and return their number.  By one thread at a
 * time, whether the outbox is taken or not. */
apr_size_t hdpy_outbox_put(hdpy_outbox *outbox, const char *data, apr_size_t length);

/* Put in all of these bytes; 0: there is no room at the end, though there may be where others were. */
static inline int hdpy_outbox_put_all(hdpy_outbox *outbox, const char *data, apr_size_t length)
{
    apr_size_t end = outbox->end;

    if (length > HDPY_OUTBOX_SIZE - end)
        return 0;
    memcpy(outbox->data + end, data, length);
    __atomic_store_n(&outbox->end, end + length, __ATOMIC_RELEASE);
    return 1;
}

/* Have nothing sent in the background for a while, in which to use the request's pool and connection;
 * 0: something is being sent, or another thread has taken the outbox. */
int hdpy_outbox_take(hdpy_outbox *outbox);
void hdpy_outbox_give(hdpy_outbox *outbox);

/* What waits; and that so many bytes of it are sent.  Of an outbox that is taken or closed. */
apr_size_t hdpy_outbox_waiting(const hdpy_outbox *outbox, const char **data);
void hdpy_outbox_sent(hdpy_outbox *outbox, apr_size_t length);

/* Have nothing sent any more; waits for what is being sent.  Called again it does nothing.  It has to
 * be called before the request ends. */
void hdpy_outbox_close(hdpy_outbox *outbox);

#endif
