/* The facts of a request that take working out. */
#ifndef HTTPDAPY_ENVIRONMENT_H
#define HTTPDAPY_ENVIRONMENT_H

#include "httpd.h"

/* The CGI variables, the Authorization header among them, as mod_wsgi gives them on the WSGI way:
 * without those that are made by a subrequest (PATH_TRANSLATED) or are the server's own (PATH). */
apr_table_t *hdpy_environment(request_rec *r);

/* Path and query as the client sent them, also after rewriting. */
const char *hdpy_unparsed_uri(request_rec *r);

/* Whether Python sees a request header: names of letters, digits and "-" only, since others could
 * pass for one of those in the environment; and not Proxy, which could pass for HTTP_PROXY. */
int hdpy_is_visible(const char *name);

#endif
