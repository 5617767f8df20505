/* A client's connection becomes another process's: an open WebSocket has no need of Apache. */
#ifndef HTTPDAPY_HANDOVER_H
#define HTTPDAPY_HANDOVER_H

#include "httpd.h"

/* Whether there is nothing between Apache and the client's socket, and nothing read ahead of it. */
int hdpy_handover_is_possible(request_rec *r);

/* Send the client's socket to the Unix socket that `where` names, with what follows its path and a
 * space there.  From then on Apache neither writes to it nor shuts it down.  An error if nobody has
 * it. */
apr_status_t hdpy_handover(request_rec *r, const char *where);

#endif
