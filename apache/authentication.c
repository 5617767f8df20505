/* AuthPythonModule: an AuthHandler in Python decides who may pass.
 *
 * It is asked where Apache asks for authentication: when a "Require" wants a user, and nothing else
 * was enough.  Where no "Require" does, or only for some methods, it is asked all the same, so that
 * a directory with an AuthPythonModule is never open by oversight.  It runs the direct way, in the interpreter and working directory of the directory in
 * which the line stands, before anything is sent and whatever is asked for: a file, an archive, a
 * script.  Anything but an explicit REQ_PROCEED denies.
 *
 * A decision holds for a request with its subrequests and internal redirects.
 */
#include "http_core.h"
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_base64.h"
#include "apr_strings.h"

#include <string.h>

#include "authentication.h"
#include "direct.h"
#include "directory.h"
#include "settings.h"
#include "target.h"
#include "termination.h"
#include "wsgi.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

/* A decision, kept with the request for which it was made. */
typedef struct hdpy_decision {
    const char *module, *dir;
    int status; /* OK or that of the denial */
    const char *user, *type;
} decision;

static int is_of(const decision *made, const hdpy_dir_conf *conf)
{
    return made && !strcmp(made->module, conf->auth_module) && !strcmp(made->dir, conf->auth_dir);
}

/* The decision that was made for this request, or the ones from which it comes. */
static const decision *made_before(request_rec *r, const hdpy_dir_conf *conf)
{
    for (; r; r = r->main ? r->main : r->prev) {
        const hdpy_request_conf *known = ap_get_module_config(r->request_config, &httpdapy_module);

        if (known && is_of(known->decision, conf))
            return known->decision;
    }
    return NULL;
}

/* Name the user that Basic credentials name, for the AuthHandler to see. */
static void name_claimed_user(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, r->proxyreq == PROXYREQ_PROXY
                                                          ? "Proxy-Authorization"
                                                          : "Authorization");
    char *pair, *colon;
    int length;

    r->user = NULL;
    if (!header || strcasecmp(ap_getword(r->pool, &header, ' '), "Basic"))
        return;
    while (*header == ' ')
        header++;
    pair = apr_palloc(r->pool, (apr_size_t)apr_base64_decode_len(header) + 1);
    length = apr_base64_decode(pair, header);
    pair[length] = '\0';
    colon = strchr(pair, ':');
    if (!colon || (int)strlen(pair) != length)
        return;
    *colon = '\0';
    r->user = pair;
}

/* Tell the client how to authenticate, where the AuthHandler did not. */
static void ask_for_credentials(request_rec *r)
{
    const char *header = r->proxyreq == PROXYREQ_PROXY ? "Proxy-Authenticate" : "WWW-Authenticate";
    const char *type = ap_auth_type(r), *realm = ap_auth_name(r);

    if (!apr_table_get(r->err_headers_out, header))
        apr_table_setn(r->err_headers_out, header,
                       apr_psprintf(r->pool, "%s realm=\"%s\"", type ? type : "Basic",
                                    realm ? realm : "restricted"));
}

static int ask(request_rec *r, const hdpy_dir_conf *conf)
{
    hdpy_target target;
    hdpy_interpreter *interpreter;
    hdpy_entered entered;
    const char *directory = hdpy_enter_named_directory(r, conf->auth_dir, &entered);
    int status;

    if (!directory) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, errno, r, "HDPY0011: AuthPythonModule %s: cannot enter "
                      "its directory %s; Apache's user needs the x permission on it and on the "
                      "directories above", conf->auth_module, conf->auth_dir);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    status = hdpy_target_fill(&target, r, conf, directory, conf->auth_module, &entered);
    if (status != OK)
        return status;
    name_claimed_user(r);
    hdpy_termination_defer();
    interpreter = hdpy_direct_find(target.interpreter);
    if (!interpreter && hdpy_direct_path())
        interpreter = hdpy_wsgi_load(r, &target, &status);
    status = interpreter ? hdpy_direct_authenticate(r, interpreter, &target, conf->auth_module)
                         : HTTP_INTERNAL_SERVER_ERROR;
    hdpy_termination_resume();
    return status;
}

static int decide(request_rec *r)
{
    const hdpy_dir_conf *conf = hdpy_settings(r);
    const decision *made = made_before(r, conf);
    decision *own;

    if (!made) {
        own = apr_pcalloc(r->pool, sizeof(*own));
        own->module = conf->auth_module;
        own->dir = conf->auth_dir;
        own->status = ask(r, conf);
        if (own->status == OK) {
            own->user = r->user;
            own->type = ap_auth_type(r);
        }
        hdpy_request_conf_of(r)->decision = made = own;
    }
    r->user = (char *)made->user;
    r->ap_auth_type = (char *)made->type;
    if (made->status == HTTP_UNAUTHORIZED)
        ask_for_credentials(r);
    return made->status;
}

static int check_authn(request_rec *r)
{
    return hdpy_settings(r)->auth_module ? decide(r) : DECLINED;
}

/* Where no "Require" wants a user, Apache does not ask for authentication. */
static int check_access(request_rec *r)
{
    const hdpy_dir_conf *conf = hdpy_settings(r);
    int status;

    if (!conf->auth_module || conf->requires_user)
        return DECLINED;
    status = decide(r);
    return status == OK ? DECLINED : status;
}

void hdpy_authentication_register(void)
{
    ap_hook_check_access_ex(check_access, NULL, NULL, APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authn(check_authn, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
}
