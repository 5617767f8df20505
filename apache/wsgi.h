/* The WSGI way into Python: mod_wsgi runs our entry script. */
#ifndef HTTPDAPY_WSGI_H
#define HTTPDAPY_WSGI_H

#include "direct.h"
#include "target.h"

/* For register_hooks(). */
void hdpy_wsgi_register(void);

/* Run the request; the status for Apache. */
int hdpy_wsgi_run(request_rec *r, const hdpy_target *target);

/* Have mod_wsgi make the interpreter, where the entry script then registers its dispatch and leaves
 * the request as it is.  NULL if it does not: then *status is that of the request's answer. */
hdpy_interpreter *hdpy_wsgi_load(request_rec *r, const hdpy_target *target, int *status);

#endif
