/* The facts of a request that take working out. */
#include "environment.h"

#include "http_core.h"
#include "http_protocol.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "util_script.h"

#include <string.h>

/* What ap_add_common_vars() adds for programs in processes of their own, and two that may ask a
 * name server. */
static const char *const not_ours[] = {"PATH", "LD_LIBRARY_PATH", "SERVER_SIGNATURE",
                                       "REMOTE_HOST", "REMOTE_IDENT", NULL};

static int is_private(const char *name)
{
    return !strncmp(name, "httpdapy.", 9) || !strncmp(name, "mod_wsgi.", 9);
}

const char *hdpy_unparsed_uri(request_rec *r)
{
    const char *start = strchr(r->the_request, ' ');
    const char *end;

    if (!start)
        return r->unparsed_uri;
    while (*start == ' ')
        start++;
    end = start + strcspn(start, " ");
    if (*start != '/' && end - start > 7 && memchr(start, ':', (size_t)(end - start))) {
        const char *host = strstr(start, "://"); /* the absolute form, as for a proxy */

        if (host && host < end) {
            start = host + 3;
            start += strcspn(start, "/ ");
        }
    }
    return apr_pstrmemdup(r->pool, start, (apr_size_t)(end - start));
}

static void add_request_line(request_rec *r, apr_table_t *env)
{
    const char *info = r->path_info ? r->path_info : "";

    apr_table_setn(env, "SERVER_PROTOCOL", r->protocol);
    apr_table_setn(env, "REQUEST_METHOD", r->method);
    apr_table_setn(env, "QUERY_STRING", r->args ? r->args : "");
    apr_table_setn(env, "REQUEST_URI", hdpy_unparsed_uri(r));
    apr_table_setn(env, "PATH_INFO", info);
    apr_table_setn(env, "SCRIPT_NAME",
                   *info ? apr_pstrndup(r->pool, r->uri, (apr_size_t)ap_find_path_info(r->uri, info))
                         : r->uri);
}

apr_table_t *hdpy_environment(request_rec *r)
{
    apr_table_t *own = r->subprocess_env;
    apr_table_t *env = apr_table_make(r->pool, 40);
    const char *authorization = apr_table_get(r->headers_in, "Authorization");
    const apr_array_header_t *entries;

    r->subprocess_env = apr_table_copy(r->pool, own);
    ap_add_common_vars(r);
    entries = apr_table_elts(r->subprocess_env);
    for (int i = 0; i < entries->nelts; i++) {
        const apr_table_entry_t *entry = (const apr_table_entry_t *)entries->elts + i;

        if (entry->key && entry->val && !is_private(entry->key))
            apr_table_setn(env, entry->key, entry->val);
    }
    r->subprocess_env = own;
    for (int i = 0; not_ours[i]; i++)
        if (!apr_table_get(own, not_ours[i]))
            apr_table_unset(env, not_ours[i]);
    if (authorization)
        apr_table_setn(env, "HTTP_AUTHORIZATION", authorization);
    add_request_line(r, env);
    return env;
}

int hdpy_is_visible(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!apr_isalnum(*c) && *c != '-')
            return 0;
    return *name && strcasecmp(name, "Proxy");
}
