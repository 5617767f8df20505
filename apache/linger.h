/* A worker waits a moment for its client's next request. */
#ifndef HTTPDAPY_LINGER_H
#define HTTPDAPY_LINGER_H

/* For register_hooks(). */
void hdpy_linger_register(void);

/* In each child, before its threads run.  threads: worker threads of the child. */
void hdpy_linger_init(unsigned threads);

/* Around a request's handler: how many are busy. */
void hdpy_linger_enter(void);
void hdpy_linger_leave(void);

#endif
