/* The direct way into Python: the link calls an interpreter's dispatch itself. */
#ifndef HTTPDAPY_DIRECT_H
#define HTTPDAPY_DIRECT_H

#include "httpd.h"

#include "target.h"

/* An interpreter that has registered its dispatch. */
typedef struct hdpy_interpreter hdpy_interpreter;

/* In each child, before mod_wsgi starts Python: what is to be done at a thread's end then comes before
 * Python forgets the thread. */
void hdpy_direct_init_threads(void);

/* In each child, after mod_wsgi has started Python: our cleanup then comes before its own. */
void hdpy_direct_init(apr_pool_t *p);

/* The interpreter of that name, or NULL while it has not registered. */
hdpy_interpreter *hdpy_direct_find(const char *name);

/* Where this very file is, for Python to load it as its module _link.  NULL: no
 * interpreter can register. */
const char *hdpy_direct_path(void);

/* Before mod_wsgi runs a request in the interpreter of that name: have it find the main one, where
 * it needs that. */
void hdpy_direct_prepare(const char *name);

/* The interpreter of that name is about to register on this thread; NULL: none is any more. */
void hdpy_direct_expect(const char *name);

/* Ask the AuthHandler of the module of that name whether the request may pass: OK, or the status of the denial.  On OK
 * r->user is who it is. */
int hdpy_direct_authenticate(request_rec *r, hdpy_interpreter *interpreter,
                             const hdpy_target *target, const char *name);

/* Run the request; the status for Apache. */
int hdpy_direct_run(request_rec *r, hdpy_interpreter *interpreter, const hdpy_target *target);

#endif
