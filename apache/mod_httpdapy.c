/* mod_httpdapy - the link between Apache and the Python above it.
 *
 * A request for the handler "python-program" is given its directory's options, the name of the
 * interpreter it belongs to and its working directory, and is then run by mod_wsgi, which has our
 * entry script under the handler "httpdapy-run":
 *
 *   our handler -> ap_run_handler(): mod_wsgi -> entry script -> interpreters/dispatch.py
 *               <- answer.c: looks at what comes back
 *
 * Directives (all FileInfo, so anywhere up to .htaccess; each level adds to those above it):
 *
 *   PythonOption name value       none          for the handler; later and deeper ones win
 *   PythonInterpreter name        its directory share one interpreter by name
 *   PythonReplicas number|auto    1             interpreters for one directory in one process
 *
 * Whatever happens, a python-program request is never DECLINED: the next handler would be Apache's
 * own, which sends the script's source.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT, unshare */
#endif

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_mpm.h"
#include "apr_atomic.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "link.h"
#include "naming.h"
#include "watch.h"

APLOG_USE_MODULE(httpdapy);

#define UNSET (-1)
#define REPLICAS_AUTO 0
#define REPLICAS_MAX 256

/* One per directory.  Lives in the pool of the configuration, or of the request for .htaccess. */
typedef struct {
    apr_table_t *options;     /* name -> value; NULL: none set here */
    apr_table_t *option_dirs; /* name -> directory the line stands in, "" in the server's own */
    const char *interpreter;  /* NULL: unset */
    int replicas;             /* UNSET, REPLICAS_AUTO or a number */
} hdpy_dir_conf;

/* One per server.  Lives in the configuration's pool. */
typedef struct {
    const char *report_token; /* what a request for a report must bring; NULL: there are none */
} hdpy_server_conf;

/* Set once in each child, read by its threads. */
static unsigned auto_replicas = 1;
static unsigned threads_per_child = 1;
static int threaded;

static apr_uint32_t threads_seen;
static _Thread_local int thread_number = UNSET;

/* ---- configuration ------------------------------------------------------------------------- */

static void *create_dir_conf(apr_pool_t *p, char *dir)
{
    hdpy_dir_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->replicas = UNSET;
    return conf;
}

static apr_table_t *merge_tables(apr_pool_t *p, const apr_table_t *base, const apr_table_t *add)
{
    apr_table_t *merged;

    if (!base)
        return (apr_table_t *)add;
    merged = apr_table_copy(p, base);
    if (add)
        apr_table_overlap(merged, add, APR_OVERLAP_TABLES_SET);
    return merged;
}

static void *merge_dir_conf(apr_pool_t *p, void *base_conf, void *add_conf)
{
    const hdpy_dir_conf *base = base_conf;
    const hdpy_dir_conf *add = add_conf;
    hdpy_dir_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->options = merge_tables(p, base->options, add->options);
    conf->option_dirs = merge_tables(p, base->option_dirs, add->option_dirs);
    conf->interpreter = add->interpreter ? add->interpreter : base->interpreter;
    conf->replicas = add->replicas != UNSET ? add->replicas : base->replicas;
    return conf;
}

static void *create_server_conf(apr_pool_t *p, server_rec *s)
{
    return apr_pcalloc(p, sizeof(hdpy_server_conf));
}

/* The directory a directive stands in: that of its .htaccess or its <Directory>, else "". */
static const char *directive_directory(cmd_parms *cmd)
{
    const ap_directive_t *section;
    const char *end;

    if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        end = strrchr(cmd->config_file->name, '/');
        return end ? apr_pstrmemdup(cmd->pool, cmd->config_file->name,
                                    (apr_size_t)(end - cmd->config_file->name))
                   : "";
    }
    for (section = cmd->directive; section; section = section->parent) {
        if (!strcasecmp(section->directive, "<Directory")) {
            const char *args = section->args;
            char *path = ap_getword_conf(cmd->pool, &args);
            apr_size_t length = strlen(path);

            if (length && path[length - 1] == '>')
                path[--length] = '\0';
            while (length > 1 && path[length - 1] == '/')
                path[--length] = '\0';
            return *path == '/' ? path : "";
        }
    }
    return "";
}

static int has_control_character(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' && *text != '\t')
            return 1;
    return 0;
}

static const char *set_option(cmd_parms *cmd, void *dir_conf, const char *name, const char *value)
{
    hdpy_dir_conf *conf = dir_conf;

    if (!*name)
        return "PythonOption: the option's name is empty";
    if (has_control_character(name) || has_control_character(value))
        return apr_psprintf(cmd->pool, "PythonOption %s: name and value must not contain "
                                       "control characters", name);
    if (!conf->options) {
        conf->options = apr_table_make(cmd->pool, 4);
        conf->option_dirs = apr_table_make(cmd->pool, 4);
    }
    apr_table_set(conf->options, name, value);
    apr_table_set(conf->option_dirs, name, directive_directory(cmd));
    return NULL;
}

static const char *set_interpreter(cmd_parms *cmd, void *dir_conf, const char *name)
{
    const char *error = hdpy_name_error(name);

    if (error)
        return apr_psprintf(cmd->pool, "PythonInterpreter %s: %s", name, error);
    ((hdpy_dir_conf *)dir_conf)->interpreter = apr_pstrdup(cmd->pool, name);
    return NULL;
}

static const char *set_replicas(cmd_parms *cmd, void *dir_conf, const char *arg)
{
    hdpy_dir_conf *conf = dir_conf;
    char *end;
    long number;

    if (!strcasecmp(arg, "auto")) {
        conf->replicas = REPLICAS_AUTO;
        return NULL;
    }
    errno = 0;
    number = strtol(arg, &end, 10);
    if (errno || end == arg || *end || number < 1 || number > REPLICAS_MAX)
        return apr_psprintf(cmd->pool, "PythonReplicas takes a number from 1 to %d, or auto, not "
                                       "'%s'", REPLICAS_MAX, arg);
    conf->replicas = (int)number;
    return NULL;
}

static const char *set_report(cmd_parms *cmd, void *dir_conf, const char *token)
{
    hdpy_server_conf *conf = ap_get_module_config(cmd->server->module_config, &httpdapy_module);

    conf->report_token = token;
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_TAKE2("PythonOption", set_option, NULL, OR_FILEINFO,
                  "name and value of an option for the handler"),
    AP_INIT_TAKE1("PythonInterpreter", set_interpreter, NULL, OR_FILEINFO,
                  "name of the interpreter to run in; main_interpreter for the process's first"),
    AP_INIT_TAKE1("PythonReplicas", set_replicas, NULL, OR_FILEINFO,
                  "number of interpreters per directory and process, or auto"),
    AP_INIT_TAKE1("PythonReport", set_report, NULL, RSRC_CONF,
                  "secret with which a request is answered with the settings in force"),
    {NULL}
};

/* ---- the child process --------------------------------------------------------------------- */

/* Whether interpreters get a lock of their own: asked for, and known to this Python. */
static int has_own_gil(void)
{
    const unsigned long *python = dlsym(RTLD_DEFAULT, "Py_Version");

    if (!python || *python < 0x030c0000UL)
        return 0;
    for (const ap_directive_t *d = ap_conftree; d; d = d->next)
        if (!strcasecmp(d->directive, "WSGIPerInterpreterGIL"))
            return !strcasecmp(d->args, "On");
    return 0;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    int threads = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    hdpy_watch_init(p);
    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    threads_per_child = threads > 1 ? (unsigned)threads : 1;
    auto_replicas = hdpy_replica_count(REPLICAS_AUTO, cores > 0 ? (unsigned)cores : 1,
                                       threads_per_child, has_own_gil());
}

/* Threads are numbered as they come, which spreads them evenly over the replicas.  A connection's
 * id would not do: mod_http2 runs requests of one connection on many threads. */
static unsigned current_thread_number(void)
{
    if (thread_number == UNSET)
        thread_number = (int)(apr_atomic_inc32(&threads_seen) & INT_MAX);
    return (unsigned)thread_number;
}

/* ---- the request --------------------------------------------------------------------------- */

/* The directory of the script as the URL names it: of the file, or the directory itself when that is
 * what the URL names.  NULL when there is none. */
static const char *named_directory(request_rec *r)
{
    const char *end;

    if (!r->filename || *r->filename != '/')
        return NULL;
    if (r->finfo.filetype == APR_DIR)
        return r->filename;
    end = strrchr(r->filename, '/');
    if (end == r->filename)
        return "/";
    return apr_pstrmemdup(r->pool, r->filename, (apr_size_t)(end - r->filename));
}

/* The canonical directory of the script, without entering it.  NULL with errno set. */
static const char *script_directory(request_rec *r)
{
    char resolved[PATH_MAX];
    const char *path = named_directory(r);

    errno = ENOENT;
    return path && realpath(path, resolved) ? apr_pstrdup(r->pool, resolved) : NULL;
}

static int exists(request_rec *r, const char *path, apr_filetype_e type)
{
    apr_finfo_t finfo;

    return apr_stat(&finfo, path, APR_FINFO_TYPE, r->pool) == APR_SUCCESS
        && finfo.filetype == type;
}

/* The file's name without directory and last extension: what interpreters/urls.py makes of it. */
static const char *module_name(request_rec *r)
{
    const char *name = apr_filepath_name_get(r->filename);
    const char *dot = strrchr(name, '.');

    return dot ? apr_pstrmemdup(r->pool, name, (apr_size_t)(dot - name)) : name;
}

/* Whether a module can answer for a file that does not exist: name.py for /name and /name.html, or
 * a package for /package.name.  Asked here so that a scan for files that are not there makes no
 * interpreters.  Where other directories may hold the module, Python has to look. */
static int may_have_module(request_rec *r, const hdpy_dir_conf *conf, const char *directory)
{
    const char *name = module_name(r);
    const char *dot;

    if (r->finfo.filetype != APR_NOFILE)
        return 1;
    if (conf->options
        && (apr_table_get(conf->options, "handler") || apr_table_get(conf->options, "rootpkg")
            || apr_table_get(conf->options, "pythonpath")))
        return 1;
    if (!*name)
        return 0;
    if (exists(r, apr_pstrcat(r->pool, directory, "/", name, ".py", NULL), APR_REG))
        return 1;
    dot = strchr(name, '.');
    if (dot)
        name = apr_pstrmemdup(r->pool, name, (apr_size_t)(dot - name));
    return *name && exists(r, apr_pstrcat(r->pool, directory, "/", name, NULL), APR_DIR);
}

/* Whether this thread has a working directory of its own; it gets one the first time. */
static int has_own_directory(request_rec *r)
{
    static _Thread_local enum { UNKNOWN, OWN, SHARED } working_directory;

    if (working_directory == UNKNOWN) {
        working_directory = OWN;
        if (threaded && unshare(CLONE_FS) != 0) {
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, errno, r,
                          "HDPY0001: this thread cannot have a working directory of its own, so "
                          "relative file names will not work; let the container call unshare(2), "
                          "or use the prefork MPM");
            working_directory = SHARED;
        }
    }
    return working_directory == OWN;
}

/* Enter the script's directory and return its canonical path: what the kernel then calls the
 * working directory, for fewer system calls than realpath().  NULL with errno set. */
static const char *enter_directory(request_rec *r)
{
    char resolved[PATH_MAX];
    const char *path = named_directory(r);

    if (!has_own_directory(r))
        return script_directory(r);
    errno = ENOENT;
    if (!path || chdir(path) != 0 || !getcwd(resolved, sizeof(resolved)))
        return NULL;
    if (*resolved != '/') { /* outside of what this process can reach */
        errno = ENOENT;
        return NULL;
    }
    return apr_pstrdup(r->pool, resolved);
}

static int append_option(void *text, const char *name, const char *value)
{
    *(const char **)apr_array_push(text) = name;
    *(const char **)apr_array_push(text) = value;
    return 1;
}

/* The settings in force as lines: the directory, then name, value and directory of each option in
 * turn.  interpreters/settings.py reads them. */
static const char *settings_text(request_rec *r, const hdpy_dir_conf *conf, const char *directory)
{
    apr_array_header_t *pairs, *lines;

    if (!conf->options)
        return directory;
    pairs = apr_array_make(r->pool, 8, sizeof(char *));
    lines = apr_array_make(r->pool, 16, sizeof(char *));
    *(const char **)apr_array_push(lines) = directory;
    apr_table_do(append_option, pairs, conf->options, NULL);
    for (int i = 0; i < pairs->nelts; i += 2) {
        const char *name = APR_ARRAY_IDX(pairs, i, const char *);

        append_option(lines, name, APR_ARRAY_IDX(pairs, i + 1, const char *));
        *(const char **)apr_array_push(lines) = apr_table_get(conf->option_dirs, name);
    }
    return apr_array_pstrcat(r->pool, lines, '\n');
}

/* What changes when the file does; interpreters/modules.py compares it. */
static const char *stamp_text(request_rec *r)
{
    if (r->finfo.filetype != APR_REG)
        return "";
    return apr_psprintf(r->pool, "%" APR_TIME_T_FMT " %" APR_OFF_T_FMT " %" APR_UINT64_T_FMT,
                        r->finfo.mtime, r->finfo.size, (apr_uint64_t)r->finfo.inode);
}

static const char *interpreter_name(request_rec *r, const hdpy_dir_conf *conf,
                                    const char *directory)
{
    char name[HDPY_NAME_SIZE];
    unsigned replicas = conf->replicas == REPLICAS_AUTO ? auto_replicas
                      : conf->replicas == UNSET         ? 1
                      : hdpy_replica_count((unsigned)conf->replicas, 1, threads_per_child, 1);

    return hdpy_interpreter_name(name, sizeof(name), directory, conf->interpreter, replicas,
                                 replicas > 1 ? current_thread_number() : 0)
         ? apr_pstrdup(r->pool, name) : NULL;
}

/* A request with the secret of PythonReport is answered with the settings in force where it points,
 * or not found if that is no python-program; nothing is run and no file is sent.  This comes before
 * access control, since the one who has the secret has started the server.  apache/server.py asks. */
static int report(request_rec *r)
{
    const hdpy_server_conf *server = ap_get_module_config(r->server->module_config,
                                                          &httpdapy_module);
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const hdpy_dir_conf *conf = ap_get_module_config(r->per_dir_config, &httpdapy_module);
    const char *token = server->report_token
                      ? apr_table_get(r->headers_in, HDPY_HEADER_REPORT) : NULL;
    char name[HDPY_NAME_SIZE] = "";
    const char *directory, *by_type;

    if (!token || strcmp(token, server->report_token))
        return DECLINED;
    ap_run_type_checker(r);
    by_type = core->handler ? core->handler : r->handler;
    directory = script_directory(r);
    if (!directory || !by_type || strcmp(by_type, HDPY_HANDLER))
        return HTTP_NOT_FOUND;
    hdpy_interpreter_name(name, sizeof(name), directory, conf->interpreter, 1, 0);
    ap_set_content_type(r, HDPY_REPORT_TYPE);
    ap_rprintf(r, "%s\n%s\n%s", name,
               conf->replicas == UNSET           ? "1"
               : conf->replicas == REPLICAS_AUTO ? "auto"
                                                 : apr_itoa(r->pool, conf->replicas),
               settings_text(r, conf, directory));
    return DONE;
}

static int run(request_rec *r, const char *watch_key)
{
    hdpy_answer *answer = hdpy_answer_begin(r, watch_key);
    int status;

    r->handler = HDPY_RUN_HANDLER;
    status = ap_run_handler(r);
    r->handler = HDPY_HANDLER;
    return hdpy_answer_end(r, answer, status);
}

/* Whether one module answers for all URLs here, of which there is no end. */
static int one_handler(const hdpy_dir_conf *conf)
{
    return conf->options && apr_table_get(conf->options, "handler");
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

static int handler(request_rec *r)
{
    const hdpy_dir_conf *conf;
    const char *directory, *interpreter, *watch_key;

    if (!r->handler || strcmp(r->handler, HDPY_HANDLER))
        return DECLINED;

    conf = ap_get_module_config(r->per_dir_config, &httpdapy_module);
    directory = enter_directory(r);
    if (!directory)
        return no_directory(r);
    if (!may_have_module(r, conf, directory)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "HDPY0005: no module for %s", r->filename);
        return HTTP_NOT_FOUND;
    }
    interpreter = interpreter_name(r, conf, directory);
    if (!interpreter || strchr(directory, '\n')) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "HDPY0006: %s: the directory's path is too long, or has a line break in it",
                      r->filename);
        return HTTP_INTERNAL_SERVER_ERROR;
    }

    apr_table_setn(r->notes, HDPY_NOTE_INTERPRETER, interpreter);
    apr_table_setn(r->notes, HDPY_NOTE_PROCESS, "");
    apr_table_setn(r->subprocess_env, HDPY_ENV_SETTINGS, settings_text(r, conf, directory));
    apr_table_setn(r->subprocess_env, HDPY_ENV_STAMP, stamp_text(r));
    watch_key = apr_pstrcat(r->pool, interpreter, "\n", directory, "\n",
                            one_handler(conf) ? "" : module_name(r), NULL);
    apr_table_setn(r->subprocess_env, HDPY_ENV_WATCHED, hdpy_watch_look(r->pool, watch_key));
    return run(r, watch_key);
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

static void register_hooks(apr_pool_t *p)
{
    static const char *const mod_wsgi[] = {"mod_wsgi.c", NULL};

    hdpy_answer_register();
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_header_parser(report, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(handler, NULL, mod_wsgi, APR_HOOK_FIRST);
    ap_hook_handler(guard_before, NULL, mod_wsgi, APR_HOOK_FIRST);
    ap_hook_handler(guard_after, mod_wsgi, NULL, APR_HOOK_LAST);
}

module AP_MODULE_DECLARE_DATA httpdapy_module = {
    STANDARD20_MODULE_STUFF,
    create_dir_conf,
    merge_dir_conf,
    create_server_conf,
    NULL, /* no merge: a virtual host without PythonReport of its own has the main server's */
    directives,
    register_hooks,
    AP_MODULE_FLAG_NONE
};
