/* mod_httpdapy - the link between Apache and the Python above it.
 *
 * A request for the handler "python-program" is given its directory's settings (settings.c), its
 * working directory (directory.c) and the name of its interpreter (target.c).  Then it goes one of
 * three ways:
 *
 *   direct   direct.c calls interpreters/dispatch.py with a request.c; answer.c sends
 *   WSGI     wsgi.c has mod_wsgi run our entry script, which has the dispatch; answer.c looks at
 *            what comes back
 *   proxied  proxy.c asks a process with an event loop: where PythonSocket says so
 *
 * The WSGI way is that of an interpreter's very first request, for it is mod_wsgi that makes
 * interpreters: the entry script registers the dispatch and leaves the request to the direct way.
 * And it is the way where "PythonOption direct 0" says so.
 *
 * Whatever happens, a python-program request is never DECLINED: the next handler would be Apache's
 * own, which sends the script's source.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_mpm.h"
#include "mpm_common.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <errno.h>
#include <string.h>

#include "answer.h"
#include "authentication.h"
#include "direct.h"
#include "directory.h"
#include "htaccess.h"
#include "linger.h"
#include "link.h"
#include "naming.h"
#include "notify.h"
#include "outbox.h"
#include "plain.h"
#include "proxy.h"
#include "settings.h"
#include "startup.h"
#include "static.h"
#include "target.h"
#include "termination.h"
#include "turns.h"
#include "walk.h"
#include "watch.h"
#include "wsgi.h"

APLOG_USE_MODULE(httpdapy);

/* ---- the child process --------------------------------------------------------------------- */

static void child_init_first(apr_pool_t *p, server_rec *s)
{
    hdpy_direct_init_threads();
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    const hdpy_server_conf *server = ap_get_module_config(s->module_config, &httpdapy_module);
    int threads = 0, threaded = 0;

    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    hdpy_target_init(threads > 1 ? (unsigned)threads : 1, server && server->init_module);
    hdpy_linger_init(threads > 1 ? (unsigned)threads : 1);
    hdpy_turns_init(server ? server->threads : 0);
    hdpy_notify_init(p, s);
    hdpy_watch_init(p);
    hdpy_walk_init(p);
    hdpy_htaccess_init(p);
    hdpy_outbox_init(p);
    hdpy_proxy_init(p);
    hdpy_directory_init(threaded);
    hdpy_direct_init(p);
    if (!threaded)
        hdpy_termination_init();
    hdpy_startup_run(s);
}

/* In a threaded child's main thread, while its workers go on. */
static void child_stopping(apr_pool_t *p, int graceful)
{
    const hdpy_server_conf *server = ap_get_module_config(ap_server_conf->module_config,
                                                          &httpdapy_module);

    hdpy_startup_stop(ap_server_conf);
    /* on a busy machine Python takes its time to tell them; another process has done so before */
    hdpy_proxy_stop(!graceful ? 0 : server->stop_module ? 3 : 1);
}

/* ---- the request --------------------------------------------------------------------------- */

/* A request with the secret of PythonReport is answered with the settings in force where it points,
 * or not found if that is no python-program; nothing is run and no file is sent.  This comes before
 * access control, since the one who has the secret has started the server.  apache/server.py asks. */
static int report(request_rec *r)
{
    const hdpy_server_conf *server = ap_get_module_config(r->server->module_config,
                                                          &httpdapy_module);
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const hdpy_dir_conf *conf = hdpy_settings(r);
    const char *token = server->report_token
                      ? apr_table_get(r->headers_in, HDPY_HEADER_REPORT) : NULL;
    char name[HDPY_NAME_SIZE] = "";
    const char *directory, *by_type;

    if (!token || strcmp(token, server->report_token))
        return DECLINED;
    ap_run_type_checker(r);
    by_type = core->handler ? core->handler : r->handler;
    directory = hdpy_script_directory(r);
    if (!directory || !by_type || strcmp(by_type, HDPY_HANDLER))
        return HTTP_NOT_FOUND;
    hdpy_interpreter_name(name, sizeof(name), directory, conf->interpreter, 1, 0);
    ap_set_content_type(r, HDPY_REPORT_TYPE);
    ap_rprintf(r, "%s\n%s\n%s", name,
               conf->replicas == HDPY_UNSET           ? "1"
               : conf->replicas == HDPY_REPLICAS_AUTO ? "auto"
                                                 : apr_itoa(r->pool, conf->replicas),
               hdpy_settings_text(r->pool, conf, directory));
    return DONE;
}

/* What mod_wsgi refuses before it runs anything, on both ways. */
static int refusal(request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t limit;

    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info && *r->path_info)
        return HTTP_NOT_FOUND;
    limit = length ? ap_get_limit_req_body(r) : 0;
    if (limit && apr_atoi64(length) > limit) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "HDPY0010: a body of %s bytes is more than "
                      "LimitRequestBody %" APR_OFF_T_FMT, length, limit);
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    return OK;
}

static int run(request_rec *r, const hdpy_dir_conf *conf, const hdpy_target *target)
{
    hdpy_interpreter *interpreter = target->registered ? *target->registered : NULL;
    int status = OK;

    if (interpreter)
        return hdpy_direct_run(r, interpreter, target);
    if (!hdpy_option_is_on(conf, "direct", 1) || !hdpy_direct_path())
        return hdpy_wsgi_run(r, target);
    interpreter = hdpy_direct_find(target->interpreter);
    if (!interpreter)
        interpreter = hdpy_wsgi_load(r, target, &status);
    if (interpreter && target->registered)
        *target->registered = interpreter;
    return interpreter ? hdpy_direct_run(r, interpreter, target) : status;
}

static int no_directory(request_rec *r)
{
    if (errno == EACCES) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, errno, r,
                      "HDPY0002: cannot enter the directory of %s; Apache's user needs the x "
                      "permission on it and on the directories above", r->filename);
        return HTTP_FORBIDDEN;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, errno, r, "HDPY0004: no directory for %s",
                  r->filename ? r->filename : r->uri);
    return HTTP_NOT_FOUND;
}

/* Enter the script's directory, and find out what is run there.  OK, or a status. */
static int prepare(request_rec *r, const hdpy_dir_conf *conf, hdpy_target *target)
{
    hdpy_entered entered;
    const char *directory = hdpy_enter_directory(r, &entered);

    if (!directory)
        return no_directory(r);
    if (!hdpy_may_have_module(r, conf, directory)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "HDPY0005: no module for %s", r->filename);
        return HTTP_NOT_FOUND;
    }
    hdpy_walk_keep(r, directory);
    return hdpy_target_fill(target, r, conf, directory,
                            hdpy_target_module(r->pool, r->filename, conf), &entered);
}

/* The same, where Apache has come by a kept walk; 0: it has not. */
static int is_prepared(request_rec *r, hdpy_target *target)
{
    const hdpy_walk *walk = hdpy_walk_of(r);
    hdpy_entered entered;

    if (!walk || !hdpy_walk_enter(walk, r, &entered))
        return 0;
    *target = *hdpy_walk_target(walk);
    hdpy_target_look(target, r, &entered);
    return 1;
}

static int handler(request_rec *r)
{
    const hdpy_dir_conf *conf;
    hdpy_target target;
    int status;

    if (!r->handler || strcmp(r->handler, HDPY_HANDLER))
        return DECLINED;

    status = refusal(r);
    if (status != OK)
        return status;
    conf = hdpy_settings(r);
    if (!is_prepared(r, &target))
        status = prepare(r, conf, &target);
    if (status != OK)
        return status;
    if (hdpy_proxy_takes(r, conf))
        return hdpy_proxy_run(r, conf, &target);
    hdpy_linger_enter();
    hdpy_turn_begin();
    hdpy_termination_defer();
    status = run(r, conf, &target);
    hdpy_termination_resume();
    hdpy_turn_end();
    hdpy_linger_leave();
    return status;
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const mod_wsgi[] = {"mod_wsgi.c", NULL};

    hdpy_answer_register();
    hdpy_authentication_register();
    hdpy_htaccess_register();
    hdpy_linger_register();
    hdpy_plain_register();
    hdpy_static_register();
    hdpy_walk_register();
    hdpy_wsgi_register();
    ap_hook_child_init(child_init_first, NULL, mod_wsgi, APR_HOOK_FIRST);
    ap_hook_child_init(child_init, mod_wsgi, NULL, APR_HOOK_LAST);
    ap_hook_child_stopping(child_stopping, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_header_parser(report, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(handler, NULL, mod_wsgi, APR_HOOK_FIRST);
}

__attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA httpdapy_module = {
    STANDARD20_MODULE_STUFF,
    hdpy_create_dir_conf,
    hdpy_merge_dir_conf,
    hdpy_create_server_conf,
    NULL, /* no merge: a virtual host without PythonReport of its own has the main server's */
    hdpy_directives,
    register_hooks,
    AP_MODULE_FLAG_NONE
};
