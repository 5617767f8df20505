/* Where a request runs, and with what. */
#include <Python.h> /* first, as Python wants it */

#include "target.h"

#include "http_config.h"
#include "http_log.h"
#include "http_main.h"
#include "apr_atomic.h"
#include "apr_strings.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "directory.h"
#include "naming.h"
#include "watch.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

#define UNNUMBERED (-1)

/* Set once in each child, read by its threads. */
static unsigned auto_replicas = 1;
static unsigned threads_per_child = 1;

static int is_single;

static apr_uint32_t threads_seen;
static _Thread_local int thread_number = UNNUMBERED;

/* Whether interpreters get a lock of their own: asked for, and known to this Python. */
static int has_own_gil(void)
{
    if (Py_Version < 0x030c0000UL)
        return 0;
    for (const ap_directive_t *d = ap_conftree; d; d = d->next)
        if (!strcasecmp(d->directive, "WSGIPerInterpreterGIL"))
            return !strcasecmp(d->args, "On");
    return 0;
}

void hdpy_target_init(unsigned threads, int single)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    is_single = single;
    threads_per_child = threads;
    auto_replicas = hdpy_replica_count(HDPY_REPLICAS_AUTO, cores > 0 ? (unsigned)cores : 1, threads,
                                       has_own_gil());
}

/* Threads are numbered as they come, which spreads them evenly over the replicas.  A connection's
 * id would not do: mod_http2 runs requests of one connection on many threads. */
static unsigned current_thread_number(void)
{
    if (thread_number == UNNUMBERED)
        thread_number = (int)(apr_atomic_inc32(&threads_seen) & INT_MAX);
    return (unsigned)thread_number;
}

unsigned hdpy_target_replicas(const hdpy_dir_conf *conf)
{
    if (conf->replicas == HDPY_REPLICAS_AUTO)
        return auto_replicas;
    return conf->replicas == HDPY_UNSET
         ? 1 : hdpy_replica_count((unsigned)conf->replicas, 1, threads_per_child, 1);
}

unsigned hdpy_target_replica(const hdpy_dir_conf *conf)
{
    unsigned replicas = hdpy_target_replicas(conf);

    return replicas > 1 ? current_thread_number() % replicas : 0;
}

const char *hdpy_target_module(apr_pool_t *p, const char *filename, const hdpy_dir_conf *conf)
{
    return hdpy_option(conf, "handler") ? "" : hdpy_module_name(p, filename);
}

int hdpy_target_name(hdpy_target *target, apr_pool_t *p, const hdpy_dir_conf *conf,
                     const char *directory, const char *name, unsigned replica)
{
    char interpreter[HDPY_NAME_SIZE];
    /* PythonInitFunction: one interpreter for all, the main one, but where PythonInterpreter is set */
    const char *forced = !conf->interpreter && is_single ? "main_interpreter" : conf->interpreter;

    if (strchr(directory, '\n')
        || !hdpy_interpreter_name(interpreter, sizeof(interpreter), directory, forced,
                                  hdpy_target_replicas(conf), replica))
        return -1;
    target->interpreter = apr_pstrdup(p, interpreter);
    target->settings = hdpy_settings_text(p, conf, directory);
    target->watch_key = apr_pstrcat(p, interpreter, "\n", directory, "\n", name, NULL);
    target->watched = NULL;
    target->walk = 0;
    target->registered = NULL;
    return 0;
}

void hdpy_target_look(hdpy_target *target, request_rec *r, hdpy_entered *entered)
{
    target->looked = hdpy_watch_look(r->pool, target->watched, entered);
}

int hdpy_target_fill(hdpy_target *target, request_rec *r, const hdpy_dir_conf *conf,
                     const char *directory, const char *name, hdpy_entered *entered)
{
    if (hdpy_target_name(target, r->pool, conf, directory, name, hdpy_target_replica(conf)) != 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "HDPY0006: %s: the directory's path is too long, or has a line break in it",
                      r->filename);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    target->watched = hdpy_watch_find(target->watch_key);
    hdpy_target_look(target, r, entered);
    return OK;
}
