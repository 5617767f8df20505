/* The WSGI way into Python: mod_wsgi runs our entry script.
 *
 * It is known to mod_wsgi under the handler "httpdapy-run", with the names of the interpreter and
 * the process in the request's notes.
 */
#include "wsgi.h"

#include "http_config.h"
#include "http_log.h"
#include "apr_strings.h"

#include <string.h>

#include "answer.h"
#include "link.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

/* What changes when the file does; interpreters/stamps.py writes it the same. */
static const char *stamp_text(request_rec *r)
{
    if (r->finfo.filetype != APR_REG)
        return "";
    return apr_psprintf(r->pool, "%" APR_TIME_T_FMT " %" APR_OFF_T_FMT " %" APR_UINT64_T_FMT,
                        r->finfo.mtime, r->finfo.size, (apr_uint64_t)r->finfo.inode);
}

int hdpy_wsgi_run(request_rec *r, const hdpy_target *target)
{
    const char *handler = r->handler;
    hdpy_answer *answer;
    int status;

    apr_table_setn(r->notes, HDPY_NOTE_INTERPRETER, target->interpreter);
    apr_table_setn(r->notes, HDPY_NOTE_PROCESS, "");
    apr_table_setn(r->subprocess_env, HDPY_ENV_SETTINGS, target->settings);
    apr_table_setn(r->subprocess_env, HDPY_ENV_STAMP, stamp_text(r));
    apr_table_setn(r->subprocess_env, HDPY_ENV_TYPE, r->content_type ? r->content_type : "");
    apr_table_setn(r->subprocess_env, HDPY_ENV_PORT,
                   apr_itoa(r->pool, r->connection->local_addr->port));
    apr_table_setn(r->subprocess_env, HDPY_ENV_WATCHED, target->looked);
    hdpy_direct_prepare(target->interpreter);
    answer = hdpy_answer_filter(r, target->watch_key);
    r->handler = HDPY_RUN_HANDLER;
    status = ap_run_handler(r);
    r->handler = handler;
    apr_table_unset(r->notes, HDPY_NOTE_INTERPRETER);
    return hdpy_answer_end(answer, status);
}

/* The request is as it was for what comes after: mod_wsgi takes it for answered. */
hdpy_interpreter *hdpy_wsgi_load(request_rec *r, const hdpy_target *target, int *status)
{
    apr_table_t *env = r->subprocess_env;
    int expecting_100 = r->expecting_100;
    int used_path_info = r->used_path_info;
    int first_status = r->status;
    hdpy_interpreter *interpreter;

    r->subprocess_env = apr_table_copy(r->pool, env);
    r->used_path_info = AP_REQ_ACCEPT_PATH_INFO;
    apr_table_setn(r->subprocess_env, HDPY_ENV_LINK, hdpy_direct_path());
    hdpy_direct_expect(target->interpreter);
    *status = hdpy_wsgi_run(r, target);
    hdpy_direct_expect(NULL);
    r->used_path_info = used_path_info;
    interpreter = *status == OK ? hdpy_direct_find(target->interpreter) : NULL;
    if (interpreter) {
        r->subprocess_env = env;
        r->expecting_100 = expecting_100;
        r->status = first_status;
        r->status_line = NULL;
    }
    return interpreter;
}

/* "httpdapy-run" is mod_wsgi's.  Before it: only our handler may ask for it.  After it: mod_wsgi
 * does not know it, and the next handler would send the source. */
static int guard_before(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, HDPY_RUN_HANDLER)
        || apr_table_get(r->notes, HDPY_NOTE_INTERPRETER))
        return DECLINED;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0007: %s is set to the handler "
                  HDPY_RUN_HANDLER "; the handler to use is " HDPY_HANDLER, r->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int guard_after(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, HDPY_RUN_HANDLER))
        return DECLINED;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0008: mod_wsgi has no WSGIHandlerScript named "
                  HDPY_RUN_HANDLER "; add what 'httpdapy config' prints to the server's "
                  "configuration");
    return HTTP_INTERNAL_SERVER_ERROR;
}

void hdpy_wsgi_register(void)
{
    static const char *const mod_wsgi[] = {"mod_wsgi.c", NULL};

    ap_hook_handler(guard_before, NULL, mod_wsgi, APR_HOOK_FIRST);
    ap_hook_handler(guard_after, mod_wsgi, NULL, APR_HOOK_LAST);
}
