/* A worker waits a moment for its client's next request. */
#ifndef HTTPDAPY_LINGER_H
#define HTTPDAPY_LINGER_H

#include "httpd.h"

/* For register_hooks(). */
void hdpy_linger_register(void);

/* In each child, before its threads run.  threads: worker threads of the child. */
void hdpy_linger_init(unsigned threads);

/* Whether the next request, or the end, is there already: clients may send several at once. */
int hdpy_linger_has_more(request_rec *r);

/* Whether anything can be read from `fd`, now or within some microseconds, which other threads get if
 * they have work to do. */
int hdpy_linger_awake(int fd);

/* Around a request's handler: how many are busy. */
void hdpy_linger_enter(void);
void hdpy_linger_leave(void);

#endif
