/* The directory that a script runs in, and whether there is a script. */
#include "directory.h"

#include "http_log.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

static int is_threaded;

void hdpy_directory_init(int threaded)
{
    is_threaded = threaded;
}

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

const char *hdpy_script_directory(request_rec *r)
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

const char *hdpy_module_name(apr_pool_t *p, const char *filename)
{
    const char *name = apr_filepath_name_get(filename);
    const char *dot = strrchr(name, '.');

    return dot ? apr_pstrmemdup(p, name, (apr_size_t)(dot - name)) : name;
}

int hdpy_may_have_module(request_rec *r, const hdpy_dir_conf *conf, const char *directory)
{
    const char *name = hdpy_module_name(r->pool, r->filename);
    const char *dot;

    if (r->finfo.filetype != APR_NOFILE)
        return 1;
    if (hdpy_option(conf, "handler") || hdpy_option(conf, "rootpkg")
        || hdpy_option(conf, "pythonpath"))
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

static _Thread_local enum { UNKNOWN, OWN, SHARED } working_directory;

int hdpy_has_own_directory(request_rec *r)
{
    if (working_directory == UNKNOWN) {
        working_directory = OWN;
        if (is_threaded && unshare(CLONE_FS) != 0) {
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, errno, r,
                          "HDPY0001: this thread cannot have a working directory of its own, so "
                          "relative file names will not work; let the container call unshare(2), "
                          "or use the prefork MPM");
            working_directory = SHARED;
        }
    }
    return working_directory == OWN;
}

static const char *enter(request_rec *r, const char *path, hdpy_entered *entered)
{
    char resolved[PATH_MAX];

    entered->path = "";
    entered->is_known = 0;
    errno = ENOENT;
    if (!path)
        return NULL;
    if (!hdpy_has_own_directory(r))
        return realpath(path, resolved) ? apr_pstrdup(r->pool, resolved) : NULL;
    if (chdir(path) != 0 || !getcwd(resolved, sizeof(resolved)))
        return NULL;
    if (*resolved != '/') { /* outside of what this process can reach */
        errno = ENOENT;
        return NULL;
    }
    return entered->path = apr_pstrdup(r->pool, resolved);
}

const char *hdpy_enter_directory(request_rec *r, hdpy_entered *entered)
{
    return enter(r, named_directory(r), entered);
}

const char *hdpy_enter_named_directory(request_rec *r, const char *path, hdpy_entered *entered)
{
    if (*path)
        return enter(r, path, entered);
    entered->path = "";
    return "";
}
