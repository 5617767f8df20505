/* mod_archive - members of zip archives, sent as if they were files.
 *
 *   ArchiveAlias URL-path file    none          in the server's configuration and in <VirtualHost>
 *
 * A request whose path is below that of an ArchiveAlias is for the member with the rest of the path
 * as its name.  Of several the one with most components comes first, and of equal ones the first;
 * what none of them has is answered as if there were none.  Apache's Alias comes before with more
 * components, and with as many if the file is there.
 *
 * Such a request has the settings of the archive's directory, as its file would have; the member's
 * name says its content type, and stands in <Files>.  Python has no part in it, and there need not
 * be any.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_core.h"
#include "mod_rewrite.h"
#include "apr_strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive.h"
#include "body.h"
#include "encoding.h"

module AP_MODULE_DECLARE_DATA httpdapy_archive_module;
APLOG_USE_MODULE(httpdapy_archive);

#define HANDLER "httpdapy-archive"
/* So many components a path has to have, for its archives to answer; see apache/mounts.py. */
#define ENV_DEPTH "httpdapy.depth"

/* One line.  Lives in the configuration's pool. */
typedef struct {
    const char *path; /* without a slash at its end */
    size_t length;
    int depth;        /* components */
    hdpy_archive *archive;
} alias;

/* One per server.  Lives in the configuration's pool. */
typedef struct {
    apr_array_header_t *aliases; /* of alias; in the end, in the order in which they are tried */
} server_conf;

/* What a request is for.  Lives in its pool. */
typedef struct {
    hdpy_archive *archive;
    hdpy_version *version;
    hdpy_zip_member *member; /* NULL: a directory */
    int is_given_up;         /* a directory, for which there is nothing */
} target;

static apr_array_header_t *archives; /* of hdpy_archive *, all of the configuration's */

/* ---- configuration ------------------------------------------------------------------------- */

static void *create_server_conf(apr_pool_t *p, server_rec *s)
{
    server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->aliases = apr_array_make(p, 4, sizeof(alias));
    return conf;
}

/* The host's own come first. */
static void *merge_server_conf(apr_pool_t *p, void *base_conf, void *add_conf)
{
    const server_conf *base = base_conf, *add = add_conf;
    server_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->aliases = apr_array_append(p, add->aliases, base->aliases);
    return conf;
}

static int depth_of(const char *path)
{
    int depth = 0;

    for (; *path; path++)
        if (*path == '/' && path[1] && path[1] != '/')
            depth++;
    return depth;
}

/* One for each file, however many lines have it. */
static hdpy_archive *archive_of(apr_pool_t *p, const char *path)
{
    hdpy_archive *archive;

    for (int i = 0; i < archives->nelts; i++) {
        archive = APR_ARRAY_IDX(archives, i, hdpy_archive *);
        if (!strcmp(hdpy_archive_path(archive), path))
            return archive;
    }
    archive = hdpy_archive_new(p, path);
    APR_ARRAY_PUSH(archives, hdpy_archive *) = archive;
    return archive;
}

static const char *set_alias(cmd_parms *cmd, void *dir_conf, const char *path, const char *file)
{
    server_conf *conf = ap_get_module_config(cmd->server->module_config, &httpdapy_archive_module);
    const char *error = ap_check_cmd_context(cmd, NOT_IN_DIR_LOC_FILE);
    char *whole = ap_server_root_relative(cmd->pool, file);
    size_t length = strlen(path);
    alias *made;

    if (error)
        return error;
    if (path[0] != '/')
        return apr_psprintf(cmd->pool, "ArchiveAlias takes a path that begins with a slash, and an "
                                       "archive, not '%s'", path);
    if (!whole)
        return apr_psprintf(cmd->pool, "ArchiveAlias: '%s' is no path of a file", file);
    while (length && path[length - 1] == '/')
        length--;
    made = apr_array_push(conf->aliases);
    made->path = apr_pstrmemdup(cmd->pool, path, length);
    made->length = length;
    made->depth = depth_of(made->path);
    made->archive = archive_of(cmd->pool, whole);
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_TAKE2("ArchiveAlias", set_alias, NULL, RSRC_CONF,
                  "path of URLs, and the zip archive whose members answer below it"),
    {NULL}
};

/* Apache reads its configuration twice, and again at each restart. */
static int pre_config(apr_pool_t *p, apr_pool_t *log, apr_pool_t *temporary)
{
    archives = apr_array_make(p, 4, sizeof(hdpy_archive *));
    return OK;
}

/* Most components first; of equal ones it stays as it is. */
static void sort(apr_array_header_t *aliases)
{
    alias *all = (alias *)aliases->elts;

    for (int i = 1; i < aliases->nelts; i++) {
        alias moved = all[i];
        int to = i;

        for (; to > 0 && all[to - 1].depth < moved.depth; to--)
            all[to] = all[to - 1];
        all[to] = moved;
    }
}

static int post_config(apr_pool_t *p, apr_pool_t *log, apr_pool_t *temporary,
                       server_rec *main_server)
{
    for (server_rec *s = main_server; s; s = s->next) {
        server_conf *conf = ap_get_module_config(s->module_config, &httpdapy_archive_module);

        sort(conf->aliases);
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK; /* it is the first time */
    for (int i = 0; i < archives->nelts; i++)
        hdpy_archive_check(APR_ARRAY_IDX(archives, i, hdpy_archive *), main_server);
    return OK;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    for (int i = 0; i < archives->nelts; i++)
        hdpy_archive_preload(APR_ARRAY_IDX(archives, i, hdpy_archive *));
}

/* ---- which member -------------------------------------------------------------------------- */

static target *target_of(request_rec *r)
{
    return ap_get_module_config(r->request_config, &httpdapy_archive_module);
}

static apr_status_t release(void *found)
{
    hdpy_version_release(((target *)found)->version);
    return APR_SUCCESS;
}

/* What follows the alias in the path: a member's name; NULL if the path is not below it. */
static const char *name_below(const char *uri, const alias *each)
{
    if (strncmp(uri, each->path, each->length))
        return NULL;
    uri += each->length;
    if (*uri && *uri != '/')
        return NULL;
    return *uri ? uri + 1 : uri;
}

/* The alias of Apache's by which the request has its file. */
static const char *others_path(request_rec *r)
{
    const char *path = ap_context_prefix(r);

    return *path ? path : NULL;
}

static int is_file(const char *path)
{
    struct stat file;

    return path && !stat(path, &file) && S_ISREG(file.st_mode);
}

/* Whether the archive has what is asked for; if so, it is the request's target. */
static int has(request_rec *r, const alias *each, const char *name, int files_only, int *status)
{
    size_t length = strlen(name);
    hdpy_version *version = hdpy_archive_get(each->archive, r);
    hdpy_zip_member *member;
    target *found;

    if (!version) {
        *status = HTTP_SERVICE_UNAVAILABLE;
        return 1;
    }
    member = hdpy_zip_find(version->zip, name, length);
    if (!member) {
        if (length && name[length - 1] == '/')
            length--;
        if (files_only || !hdpy_zip_is_directory(version->zip, name, length)) {
            hdpy_version_release(version);
            return 0;
        }
    }
    found = apr_pcalloc(r->pool, sizeof(*found));
    found->archive = each->archive;
    found->version = version;
    found->member = member;
    apr_pool_cleanup_register(r->pool, found, release, apr_pool_cleanup_null);
    ap_set_module_config(r->request_config, &httpdapy_archive_module, found);
    *status = OK;
    return 1;
}

/* Find the member, or directory, that the request is for: OK, DECLINED or a status. */
static int find(request_rec *r, const char **name)
{
    const server_conf *conf = ap_get_module_config(r->server->module_config,
                                                   &httpdapy_archive_module);
    const char *least = apr_table_get(r->subprocess_env, ENV_DEPTH);
    const char *others = others_path(r);
    int least_depth = least ? atoi(least) : 0;
    int others_depth = others ? depth_of(others) : -1;
    int status;

    for (int i = 0; i < conf->aliases->nelts; i++) {
        const alias *each = &APR_ARRAY_IDX(conf->aliases, i, alias);

        if (each->depth < others_depth || each->depth < least_depth)
            return DECLINED;
        *name = name_below(r->uri, each);
        if (!*name || (each->depth == others_depth && is_file(r->filename)))
            continue;
        if (has(r, each, *name, each->depth == others_depth, &status))
            return status;
    }
    return DECLINED;
}

/* The request that this one was before: of which a directory without an index was given up. */
static int is_given_up(request_rec *r)
{
    const target *before = r->prev ? target_of(r->prev) : NULL;

    return before && before->is_given_up;
}

/* Give the request the settings that a file has in the archive's place, and then the member's
 * name. */
static int walk(request_rec *r, const target *found, const char *name)
{
    const hdpy_stamp *stamp = &found->version->stamp;
    const char *path = hdpy_archive_path(found->archive);
    int status;

    r->filename = apr_pstrdup(r->pool, path);
    r->canonical_filename = r->filename;
    r->path_info = NULL;
    memset(&r->finfo, 0, sizeof(r->finfo));
    r->finfo.valid = APR_FINFO_TYPE | APR_FINFO_SIZE | APR_FINFO_MTIME;
    r->finfo.filetype = APR_REG;
    r->finfo.size = (apr_off_t)stamp->size;
    r->finfo.mtime = stamp->modified_us;
    status = ap_directory_walk(r);
    if (status != OK)
        return status;
    r->filename = apr_pstrcat(r->pool, path, "/", name, NULL);
    r->canonical_filename = r->filename;
    r->path_info = "";
    r->finfo.fname = r->filename;
    if (found->member) {
        r->finfo.size = (apr_off_t)found->member->size;
        if (found->member->modified)
            r->finfo.mtime = apr_time_from_sec(found->member->modified);
    } else {
        r->finfo.filetype = APR_DIR;
    }
    return ap_file_walk(r);
}

static int map_to_storage(request_rec *r)
{
    const char *name;
    int status;

    if (r->proxyreq || !r->uri || r->uri[0] != '/' || r->method_number == M_TRACE || is_given_up(r))
        return DECLINED;
    status = find(r, &name);
    if (status != OK)
        return status;
    apr_table_unset(r->notes, "alias-forced-type"); /* ScriptAlias's, which has it no more */
    r->handler = NULL;
    return walk(r, target_of(r), name);
}

/* By now modules have said what the name says, and those that turn the request into another one
 * come. */
static int take_over(request_rec *r)
{
    const target *found = target_of(r);

    if (found && found->member && !found->is_given_up)
        r->handler = HANDLER;
    return DECLINED;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* Why a member of the archive is not served, or NULL. */
static const char *refusal(request_rec *r, const hdpy_zip_member *member)
{
    static const struct {
        uint16_t method;
        const char *name;
    } methods[] = {{9, "Deflate64"}, {12, "bzip2"}, {14, "LZMA"}, {93, "Zstandard"}, {95, "XZ"}};

    if (member->is_encrypted)
        return "it is encrypted; only what anybody can read is served";
    if (member->is_link)
        return "it is a symbolic link; links are not followed";
    if (member->method == HDPY_ZIP_STORED || member->method == HDPY_ZIP_DEFLATED)
        return NULL;
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        if (methods[i].method == member->method)
            return apr_psprintf(r->pool, "it is compressed by %s, which browsers do not take; only "
                                         "stored and deflated ones are served", methods[i].name);
    return apr_psprintf(r->pool, "it is compressed by method %d; only stored and deflated ones are "
                                 "served", member->method);
}

/* Log it once for each version. */
static int not_served(request_rec *r, hdpy_zip_member *member, const char *why)
{
    if (!atomic_exchange_explicit(&member->is_said, 1, memory_order_relaxed))
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "HDPY0025: %s is not served: %s",
                      r->filename, why);
    return HTTP_NOT_FOUND;
}

/* Whether the client gets the packed bytes, as a gzip file.  encoding: the member's own, as its name
 * says. */
static int is_sent_as_gzip(request_rec *r, const hdpy_zip_member *member, const char *encoding)
{
    return member->method == HDPY_ZIP_DEFLATED && !encoding
        && hdpy_prefers_gzip(apr_table_get(r->headers_in, "Accept-Encoding"))
        && !apr_table_get(r->subprocess_env, "no-gzip");
}

static void set_etag(request_rec *r, const hdpy_zip_member *member, int as_gzip)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    char *tag;

    if (core->etag_bits & ETAG_NONE)
        return;
    tag = as_gzip ? apr_psprintf(r->pool, "\"%08x-%" APR_UINT64_T_HEX_FMT "-%" APR_UINT64_T_HEX_FMT
                                          "-gzip\"", member->crc, member->size, member->packed)
                  : apr_psprintf(r->pool, "\"%08x-%" APR_UINT64_T_HEX_FMT "\"", member->crc,
                                 member->size);
    apr_table_setn(r->headers_out, "ETag", tag);
}

/* Say of the answer what a file's says. */
static void describe(request_rec *r, const target *found, int as_gzip, const char *encoding)
{
    const hdpy_zip_member *member = found->member;

    r->content_encoding = as_gzip ? "gzip" : encoding;
    r->mtime = 0; /* else it could only become later */
    ap_update_mtime(r, member->modified ? apr_time_from_sec(member->modified)
                                        : found->version->stamp.modified_us);
    ap_set_last_modified(r);
    set_etag(r, member, as_gzip);
    ap_set_accept_ranges(r);
    ap_set_content_length(r, hdpy_body_length(member, as_gzip));
}

static int damaged(request_rec *r, int status, const hdpy_zip_error *error)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "HDPY0026: %s cannot be sent: %s", r->filename,
                  status == -1             ? error->text
                  : status == HDPY_CHANGED ? "the archive changes all the time"
                                           : strerror(status));
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* Have the target be of the archive as it is now. */
static int find_again(request_rec *r)
{
    target *before = target_of(r);
    const char *name;
    int status = find(r, &name);

    if (status != OK)
        return status == DECLINED ? HTTP_NOT_FOUND : status;
    if (before)
        apr_pool_cleanup_run(r->pool, before, release); /* its memory is not small */
    return target_of(r)->member ? OK : HTTP_NOT_FOUND;
}

/* What is wrong with an archive that has just changed may be that somebody is writing it. */
static int may_be_right_soon(const target *found, int status)
{
    return status == HDPY_CHANGED || (status == -1 && hdpy_version_is_new(found->version));
}

static int send_body(request_rec *r, hdpy_body *body)
{
    apr_status_t sent = hdpy_body_send(body, r);

    return sent == APR_SUCCESS || r->status != HTTP_OK || r->connection->aborted ? OK
                                                                                 : AP_FILTER_ERROR;
}

/* The member's answer, of the archive as it was found, or as it is by now. */
static int answer(request_rec *r)
{
    const char *encoding = r->content_encoding;
    apr_time_t deadline = 0;

    if (target_of(r)->member->method == HDPY_ZIP_DEFLATED && !encoding)
        apr_table_mergen(r->headers_out, "Vary", "Accept-Encoding");
    for (;;) {
        target *found = target_of(r);
        const char *why = refusal(r, found->member);
        int as_gzip = is_sent_as_gzip(r, found->member, encoding), status;
        hdpy_zip_error error;
        hdpy_body *body;

        if (why)
            return not_served(r, found->member, why);
        describe(r, found, as_gzip, encoding);
        status = ap_meets_conditions(r);
        if (status != OK)
            return status;
        status = hdpy_body_make(&body, r, found->version, found->member, as_gzip, &error);
        if (!status)
            return send_body(r, body);
        if (!deadline)
            deadline = apr_time_now() + HDPY_WAIT_US;
        if (!may_be_right_soon(found, status) || apr_time_now() > deadline)
            return damaged(r, status, &error);
        apr_sleep(HDPY_LOOK_US);
        status = find_again(r);
        if (status != OK)
            return status;
    }
}

/* A directory for which there is no index is answered as if there were no archive. */
static int give_up(request_rec *r, target *found)
{
    found->is_given_up = 1;
    if (r->main)
        return HTTP_NOT_FOUND;
    ap_internal_redirect(r->unparsed_uri, r);
    return OK;
}

static int handler(request_rec *r)
{
    target *found = target_of(r);
    int status;

    if (!r->handler || strcmp(r->handler, HANDLER)) {
        if (found && !found->member && r->finfo.filetype == APR_DIR
            && (!r->handler || strcmp(r->handler, REWRITE_REDIRECT_HANDLER_NAME)))
            return give_up(r, found);
        return DECLINED;
    }
    if (!found || !found->member) { /* mod_dir has put its index in the place of a directory */
        status = find_again(r);
        if (status != OK)
            return status;
    }
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, M_OPTIONS, -1);
    status = ap_discard_request_body(r);
    if (status != OK)
        return status;
    if (r->method_number == M_OPTIONS)
        return ap_send_http_options(r);
    return r->method_number == M_GET ? answer(r) : HTTP_METHOD_NOT_ALLOWED;
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_fixups(take_over, NULL, NULL, APR_HOOK_REALLY_FIRST + 1);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

__attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA httpdapy_archive_module = {
    STANDARD20_MODULE_STUFF,
    NULL, /* nothing for directories */
    NULL,
    create_server_conf,
    merge_server_conf,
    directives,
    register_hooks,
    AP_MODULE_FLAG_NONE
};
