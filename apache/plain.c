/* TLSOrPlain On: a port of TLS takes requests without it as well.
 *
 * mod_ssl answers a request without TLS with 400, knowing neither its path nor its headers, so that it
 * cannot be redirected.  Here mod_ssl is told to leave a connection alone whose first byte begins no
 * TLS.  Apache accepts connections once they have data (AcceptFilter, TCP_DEFER_ACCEPT), so that this
 * byte is there; where it is not, the connection is mod_ssl's.
 */
#include "plain.h"

#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "apr_optional.h"
#include "apr_portable.h"

#include <sys/socket.h>

#include "settings.h"

/* What a TLS record of a handshake begins with (RFC 8446, 5.1). */
#define HANDSHAKE 22

extern module AP_MODULE_DECLARE_DATA httpdapy_module;

/* mod_ssl's. */
APR_DECLARE_OPTIONAL_FN(int, ssl_engine_disable, (conn_rec *));

static int leave_plain(conn_rec *c, void *socket)
{
    const hdpy_server_conf *conf = ap_get_module_config(c->base_server->module_config,
                                                        &httpdapy_module);
    APR_OPTIONAL_FN_TYPE(ssl_engine_disable) *disable;
    unsigned char first;
    apr_os_sock_t fd;

    if (!conf->takes_plain || c->master || apr_os_sock_get(&fd, socket) != APR_SUCCESS
        || recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1 || first == HANDSHAKE)
        return DECLINED;
    disable = APR_RETRIEVE_OPTIONAL_FN(ssl_engine_disable);
    if (disable)
        disable(c);
    return DECLINED;
}

void hdpy_plain_register(void)
{
    static const char *const mod_ssl[] = {"mod_ssl.c", NULL};

    ap_hook_pre_connection(leave_plain, NULL, mod_ssl, APR_HOOK_FIRST);
}
