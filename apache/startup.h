/* What runs once in each child: before its first request, and when it is told to end. */
#ifndef HTTPDAPY_STARTUP_H
#define HTTPDAPY_STARTUP_H

#include "httpd.h"

/* In each child, once Python runs and before there are threads.  Where it fails the server ends. */
void hdpy_startup_run(server_rec *s);

/* When the child is told to end; its requests may go on meanwhile. */
void hdpy_startup_stop(server_rec *s);

#endif
