/* Asking the event loop of a Python process, over a Unix socket. */
#ifndef HTTPDAPY_LOOP_H
#define HTTPDAPY_LOOP_H

#include "httpd.h"

/* In each child, before its threads run. */
void hdpy_loop_init(void);

/* Ask at the socket `path` what it says to the request, with two headers more, and have the answer
 * pass the output filters, as mod_proxy does.  OK, or the status of what went wrong before it began. */
int hdpy_loop_ask(request_rec *r, const char *path, const char *facts, const char *settings);

#endif
