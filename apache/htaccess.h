/* .htaccess files, read once and kept until they change. */
#ifndef HTTPDAPY_HTACCESS_H
#define HTTPDAPY_HTACCESS_H

#include "httpd.h"

/* For register_hooks(). */
void hdpy_htaccess_register(void);

/* In each child, before its threads run. */
void hdpy_htaccess_init(apr_pool_t *p);

#endif
