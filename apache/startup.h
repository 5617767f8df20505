/* PythonInitFunction: what runs once in each child, before its first request. */
#ifndef HTTPDAPY_STARTUP_H
#define HTTPDAPY_STARTUP_H

#include "httpd.h"

/* In each child, once Python runs and before there are threads.  Where it fails the server ends. */
void hdpy_startup_run(server_rec *s);

#endif
