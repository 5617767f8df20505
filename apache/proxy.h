/* The proxied way: a process with an event loop answers, over a Unix socket. */
#ifndef HTTPDAPY_PROXY_H
#define HTTPDAPY_PROXY_H

#include "httpd.h"

#include "settings.h"
#include "target.h"

/* Whether PythonSocket sends the request there. */
int hdpy_proxy_takes(request_rec *r, const hdpy_dir_conf *conf);

/* Ask there.  The status for Apache, never DECLINED. */
int hdpy_proxy_run(request_rec *r, const hdpy_dir_conf *conf, const hdpy_target *target);

/* In each child, before its threads run. */
void hdpy_proxy_init(apr_pool_t *p);

/* The child is to end: clients of WebSockets have so many seconds to close their connections. */
void hdpy_proxy_stop(unsigned seconds);

#endif
