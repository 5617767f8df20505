/* What Apache finds out on its way to a script, kept until something on the way changes.
 *
 * With each request Apache looks at the file, goes down from the root directory, collects the sections
 * and .htaccess files that apply, parses the latter, matches what has patterns, and merges all of it:
 * map_to_storage.  For the scripts that are asked for again and again it finds the same each time, for
 * three tenths of the instructions that hello world takes (2026-11), and four system calls with the
 * change of the working directory.
 *
 * So here a walk is done once more in a pool of its own, and what it finds is kept for the next
 * requests of the same file name.  It depends on nothing but the configuration, which lives as long as
 * the child, and on what lies on the way; of that the kernel tells (notify.c):
 *
 *   the directories above the script, by their real names: that none is moved, nor its permissions changed
 *   those in which Apache looks for an .htaccess file: of each change of one
 *   the script's own: of each change of Python files
 *   mounts
 *
 * Where the file name leads through a symbolic link, or nothing tells of mounts, a stat() of each of
 * these directories tells that the name leads where it did.  Not kept is a walk to what is no regular
 * file named *.py, nor the name that stands for handlers of run(), to a file that may change without an
 * event, over a file system that is not local, and by an .htaccess file whose text is not kept
 * (htaccess.c) or depends on more than itself (<IfFile>).
 */
#include "walk.h"

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_request.h"
#include "apr_hash.h"
#include "apr_strings.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "notify.h"

extern module AP_MODULE_DECLARE_DATA httpdapy_module;
APLOG_USE_MODULE(httpdapy);

#define KEPT_MAX 1024                     /* file names; then all are forgotten */
#define DIRECTORIES_MAX 32                /* on one way */
#define RETRY_AFTER apr_time_from_sec(2)  /* when a walk could not be kept */

typedef struct {
    hdpy_directory *directory;
    uint64_t settings; /* as they were at the walk */
    int is_guarded;    /* whether its name has to be looked at */
} passed;

/* Lives in a pool of its own, with all that it points to: as long as it is in the table, or a request
 * has come by it.  Once it is in the table nothing of it changes but `references`. */
struct hdpy_walk {
    apr_pool_t *pool;
    hdpy_walk *next; /* of the same name, in another virtual host */
    atomic_uint references;
    const server_rec *server;
    const char *filename;
    apr_time_t retry;   /* 0: it is kept; or: it cannot be, do not try again before */
    apr_finfo_t finfo;
    ap_conf_vector_t *per_dir_config;
    apr_table_t *captured; /* environment from patterns with names */
    unsigned taint;
    const char *directory; /* canonical */
    int passed_count;
    passed passed[DIRECTORIES_MAX]; /* the script's own is the first */
    uint64_t python_files, mounts;  /* as they were at the walk */
    hdpy_target *targets;           /* for each replica */
};

/* What Apache has been told of .htaccess files during a walk that may be kept. */
struct hdpy_walk_notes {
    apr_array_header_t *directories;
    int is_unknown;
};

/* File name -> walk, under notify's lock.  The hash lives in a pool that goes when all is forgotten. */
static apr_hash_t *table; /* NULL: the child ends */
static apr_pool_t *child_pool, *table_pool;
static uint64_t numbers;

static void new_table(void)
{
    apr_pool_create(&table_pool, child_pool);
    table = apr_hash_make(table_pool);
}

static apr_status_t end_child(void *unused)
{
    table = NULL;
    return APR_SUCCESS;
}

void hdpy_walk_init(apr_pool_t *p)
{
    child_pool = p;
    new_table();
    apr_pool_cleanup_register(p, NULL, end_child, apr_pool_cleanup_null);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Under the lock for writing. */
static void leave_directories(hdpy_walk *walk)
{
    for (int i = 0; i < walk->passed_count; i++)
        hdpy_notify_release(walk->passed[i].directory);
    walk->passed_count = 0;
}

/* Under the lock for writing. */
static void let_go(hdpy_walk *walk)
{
    if (atomic_fetch_sub(&walk->references, 1) > 1)
        return;
    leave_directories(walk);
    apr_pool_destroy(walk->pool);
}

/* A request that has come by the walk is over. */
static apr_status_t end_request(void *data)
{
    hdpy_walk *walk = data;
    unsigned references = atomic_load(&walk->references);

    if (!table)
        return APR_SUCCESS;
    while (references > 1)
        if (atomic_compare_exchange_weak(&walk->references, &references, references - 1))
            return APR_SUCCESS;
    hdpy_notify_lock_to_write();
    let_go(walk);
    hdpy_notify_unlock();
    return APR_SUCCESS;
}

/* Take a walk out of the table; under the lock for writing. */
static void forget(hdpy_walk *walk)
{
    hdpy_walk *first = apr_hash_get(table, walk->filename, APR_HASH_KEY_STRING);
    hdpy_walk **place = &first;

    while (*place != walk)
        place = &(*place)->next;
    *place = walk->next;
    apr_hash_set(table, walk->filename, APR_HASH_KEY_STRING, NULL);
    if (first)
        apr_hash_set(table, first->filename, APR_HASH_KEY_STRING, first);
    let_go(walk);
}

static void forget_all(void)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, table); i; i = apr_hash_next(i)) {
        hdpy_walk *next;

        for (hdpy_walk *walk = apr_hash_this_val(i); walk; walk = next) {
            next = walk->next;
            let_go(walk);
        }
    }
    apr_pool_destroy(table_pool);
    new_table();
}

static hdpy_walk *find(const char *filename, const server_rec *server)
{
    hdpy_walk *walk = apr_hash_get(table, filename, APR_HASH_KEY_STRING);

    while (walk && walk->server != server)
        walk = walk->next;
    return walk;
}

/* Under the lock for writing. */
static void add(hdpy_walk *walk)
{
    hdpy_walk *old = find(walk->filename, walk->server);

    if (old)
        forget(old);
    if (apr_hash_count(table) >= KEPT_MAX)
        forget_all();
    walk->next = apr_hash_get(table, walk->filename, APR_HASH_KEY_STRING);
    apr_hash_set(table, walk->filename, APR_HASH_KEY_STRING, NULL); /* else the old key stays */
    apr_hash_set(table, walk->filename, APR_HASH_KEY_STRING, walk);
}

/* ---- a request that comes by a kept walk ----------------------------------------------------- */

/* Whether all is as it was at the walk. */
static int is_current(const hdpy_walk *walk)
{
    hdpy_entered nowhere = {.path = ""};

    if (hdpy_notify_python_files(walk->passed[0].directory) != walk->python_files
        || hdpy_notify_mounts() != walk->mounts)
        return 0;
    for (int i = 0; i < walk->passed_count; i++) {
        const passed *each = &walk->passed[i];

        if (hdpy_notify_settings(each->directory) != each->settings)
            return 0;
        if (each->is_guarded && !hdpy_notify_is_in_place(each->directory, &nowhere))
            return 0;
    }
    return 1;
}

/* The walk that is kept for the request, with a reference that goes with the request's pool. */
static const hdpy_walk *take(request_rec *r)
{
    hdpy_walk *walk;

    hdpy_notify_lock_to_read();
    walk = find(r->filename, r->server);
    if (walk && !walk->retry) {
        hdpy_notify_catch_up();
        if (is_current(walk))
            atomic_fetch_add(&walk->references, 1);
        else
            walk = NULL;
    } else {
        walk = NULL;
    }
    hdpy_notify_unlock();
    if (walk)
        apr_pool_cleanup_register(r->pool, walk, end_request, apr_pool_cleanup_null);
    return walk;
}

static int add_captured(void *env, const char *name, const char *value)
{
    apr_table_setn(env, name, value);
    return 1;
}

/* Only the request of a client, and a file name as it comes from its URL. */
static int may_be_kept(request_rec *r)
{
    return ap_is_initial_req(r) && r->filename && *r->filename == '/'
        && hdpy_notify_knows(r->filename);
}

static int map_to_storage(request_rec *r)
{
    const hdpy_walk *walk;

    if (!may_be_kept(r) || r->finfo.filetype != APR_NOFILE || (r->path_info && *r->path_info))
        return DECLINED;
    walk = take(r);
    if (!walk) {
        hdpy_request_conf_of(r)->wants_walk = 1;
        return DECLINED;
    }
    hdpy_request_conf_of(r)->walk = walk;
    r->canonical_filename = r->filename;
    r->path_info = apr_pstrdup(r->pool, "");
    r->finfo = walk->finfo;
    r->per_dir_config = walk->per_dir_config;
    apr_table_do(add_captured, r->subprocess_env, walk->captured, NULL);
#ifdef AP_TAINT_HTACCESS
    r->taint |= walk->taint;
#endif
    return OK;
}

const hdpy_walk *hdpy_walk_of(request_rec *r)
{
    const hdpy_request_conf *known = ap_get_module_config(r->request_config, &httpdapy_module);
    const hdpy_walk *walk = known ? known->walk : NULL;

    return walk && walk->per_dir_config == r->per_dir_config && !strcmp(walk->filename, r->filename)
         ? walk : NULL;
}

const char *hdpy_walk_enter(const hdpy_walk *walk, request_rec *r, hdpy_entered *entered)
{
    entered->path = "";
    entered->is_known = 0;
    if (!hdpy_has_own_directory(r))
        return walk->directory;
    if (hdpy_notify_enter(walk->passed[0].directory, entered) != 0)
        return NULL;
    return entered->path = walk->directory;
}

const hdpy_target *hdpy_walk_target(const hdpy_walk *walk)
{
    const hdpy_dir_conf *conf = ap_get_module_config(walk->per_dir_config, &httpdapy_module);

    return &walk->targets[hdpy_target_replica(conf)];
}

/* ---- a walk that is to be kept --------------------------------------------------------------- */

void hdpy_walk_note(request_rec *r, const char *directory, const char *text, size_t length)
{
    hdpy_walk_notes *notes = hdpy_request_conf_of(r)->walk_notes;

    if (!notes)
        return;
    *(const char **)apr_array_push(notes->directories) = apr_pstrdup(r->pool, directory);
    for (size_t i = 0; text && i + sizeof("<IfFile") <= length; i++)
        if (!strncasecmp(text + i, "<IfFile", sizeof("<IfFile") - 1))
            notes->is_unknown = 1;
}

void hdpy_walk_note_unknown(request_rec *r)
{
    hdpy_walk_notes *notes = hdpy_request_conf_of(r)->walk_notes;

    if (notes)
        notes->is_unknown = 1;
}

/* Have the kernel tell of a directory on the way; 0: it does not.  Under the lock for writing. */
static int pass(hdpy_walk *walk, const char *path, hdpy_watched_part part, int is_guarded)
{
    passed *each = &walk->passed[walk->passed_count];

    if (walk->passed_count == DIRECTORIES_MAX)
        return 0;
    each->directory = hdpy_notify_take(path, part);
    if (!each->directory)
        return 0;
    each->settings = hdpy_notify_settings(each->directory);
    each->is_guarded = is_guarded;
    walk->passed_count++;
    return 1;
}

/* A directory's path without its final slash. */
static const char *without_slash(apr_pool_t *p, const char *path)
{
    size_t length = strlen(path);

    return length > 1 && path[length - 1] == '/' ? apr_pstrmemdup(p, path, length - 1) : path;
}

/* Have the kernel tell of all that the walk depends on, by what Apache was told in one before. */
static int watch_the_way(hdpy_walk *walk, const hdpy_walk_notes *notes)
{
    const char *slash = strrchr(walk->filename, '/');
    const char *named = slash == walk->filename ? "/"
                      : apr_pstrmemdup(walk->pool, walk->filename,
                                       (apr_size_t)(slash - walk->filename));
    int is_guarded = strcmp(named, walk->directory) || !hdpy_notify_mounts();
    char *above = apr_pstrdup(walk->pool, walk->directory);
    char real[PATH_MAX];

    if (!pass(walk, named, HDPY_ITS_FILES, is_guarded))
        return 0;
    walk->python_files = hdpy_notify_python_files(walk->passed[0].directory);
    walk->mounts = hdpy_notify_mounts();
    for (int i = 0; i < notes->directories->nelts; i++) {
        const char *path = without_slash(walk->pool,
                                         APR_ARRAY_IDX(notes->directories, i, const char *));

        if (strcmp(path, named) && !pass(walk, path, HDPY_ITS_FILES, is_guarded))
            return 0;
    }
    while (above[1]) {
        slash = strrchr(above, '/');
        above[slash == above ? 1 : slash - above] = '\0';
        if (!pass(walk, above, HDPY_ITSELF, 0))
            return 0;
    }
    /* as it is by now, while the kernel tells */
    return realpath(named, real) && !strcmp(real, walk->directory)
        && hdpy_notify_tells_of(walk->filename);
}

/* What core's map_to_storage does, for a request like `r`, in the walk's pool. */
static int walk_again(hdpy_walk *walk, request_rec *r, hdpy_walk_notes *notes)
{
    request_rec *copy = apr_pmemdup(walk->pool, r, sizeof(*r));
    void **directory_note = ap_get_request_note(r, AP_NOTE_DIRECTORY_WALK);
    void **file_note = ap_get_request_note(r, AP_NOTE_FILE_WALK);
    void *directory_walk = *directory_note, *file_walk = *file_note;
    int status;

    copy->pool = walk->pool;
    copy->notes = apr_table_make(walk->pool, 1);
    copy->subprocess_env = apr_table_make(walk->pool, 1);
    copy->per_dir_config = r->server->lookup_defaults;
    copy->filename = apr_pstrdup(walk->pool, walk->filename);
    copy->canonical_filename = NULL;
    copy->path_info = NULL;
    copy->htaccess = NULL;
    memset(&copy->finfo, 0, sizeof(copy->finfo));
#ifdef AP_TAINT_HTACCESS
    copy->taint = 0;
#endif
    notes->directories = apr_array_make(walk->pool, 8, sizeof(char *));
    notes->is_unknown = 0;
    *directory_note = *file_note = NULL; /* what an earlier walk has found lives no longer than `r` */
    hdpy_request_conf_of(r)->walk_notes = notes;
    status = ap_directory_walk(copy);
    if (status == OK)
        status = ap_file_walk(copy);
    hdpy_request_conf_of(r)->walk_notes = NULL;
    *directory_note = directory_walk;
    *file_note = file_walk;
    walk->finfo = copy->finfo;
    walk->per_dir_config = copy->per_dir_config;
    walk->captured = copy->subprocess_env;
#ifdef AP_TAINT_HTACCESS
    walk->taint = copy->taint;
#endif
    return status == OK && !notes->is_unknown
        && (copy->finfo.filetype == APR_REG
            || (copy->finfo.filetype == APR_NOFILE && hdpy_notify_is_stand_in(walk->filename)))
        && !strcmp(copy->filename, walk->filename) && (!copy->path_info || !*copy->path_info);
}

/* The same directories, in the same order. */
static int is_same_way(const hdpy_walk_notes *a, const hdpy_walk_notes *b)
{
    if (a->directories->nelts != b->directories->nelts)
        return 0;
    for (int i = 0; i < a->directories->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(a->directories, i, const char *),
                   APR_ARRAY_IDX(b->directories, i, const char *)))
            return 0;
    return 1;
}

static hdpy_walk *new_walk(request_rec *r, const char *directory)
{
    apr_pool_t *pool;
    hdpy_walk *walk;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS)
        return NULL;
    apr_pool_tag(pool, "httpdapy-walk");
    walk = apr_pcalloc(pool, sizeof(*walk));
    walk->pool = pool;
    walk->references = 1;
    walk->server = r->server;
    walk->filename = apr_pstrdup(pool, r->filename);
    walk->directory = apr_pstrdup(pool, directory);
    return walk;
}

static int name_targets(hdpy_walk *walk)
{
    const hdpy_dir_conf *conf = ap_get_module_config(walk->per_dir_config, &httpdapy_module);
    const char *name = hdpy_target_module(walk->pool, walk->filename, conf);
    unsigned replicas = hdpy_target_replicas(conf);

    walk->targets = apr_pcalloc(walk->pool, replicas * sizeof(*walk->targets));
    numbers++;
    for (unsigned i = 0; i < replicas; i++) {
        hdpy_target *target = &walk->targets[i];

        if (hdpy_target_name(target, walk->pool, conf, walk->directory, name, i) != 0)
            return 0;
        target->watched = hdpy_watch_make(target->watch_key);
        target->walk = numbers;
        target->registered = apr_pcalloc(walk->pool, sizeof(*target->registered));
    }
    return 1;
}

/* One walk tells which directories to watch; what the next one finds while they are watched, and
 * nothing happens there, is what there is. */
static int complete(hdpy_walk *walk, request_rec *r)
{
    hdpy_walk_notes before, now;

    hdpy_notify_catch_up();
    if (!walk_again(walk, r, &before) || !watch_the_way(walk, &before)
        || !walk_again(walk, r, &now) || !is_same_way(&before, &now))
        return 0;
    hdpy_notify_catch_up();
    return is_current(walk) && name_targets(walk);
}

static int is_to_be_tried(request_rec *r)
{
    const hdpy_walk *walk;
    int result;

    hdpy_notify_lock_to_read();
    walk = find(r->filename, r->server);
    result = !walk || walk->retry <= r->request_time;
    hdpy_notify_unlock();
    return result;
}

void hdpy_walk_keep(request_rec *r, const char *directory)
{
    const hdpy_request_conf *known = ap_get_module_config(r->request_config, &httpdapy_module);
    hdpy_walk *walk;

    if (!known || !known->wants_walk || !may_be_kept(r) || !is_to_be_tried(r))
        return;
    walk = new_walk(r, directory);
    if (!walk)
        return;
    hdpy_notify_lock_to_write();
    if (complete(walk, r)) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "HDPY0019: the walk to %s is kept",
                      walk->filename);
    } else {
        leave_directories(walk);
        walk->retry = r->request_time + RETRY_AFTER;
    }
    add(walk);
    hdpy_notify_unlock();
}

void hdpy_walk_register(void)
{
    /* the last before core, whatever others make of the request; to name core as a successor would
     * put it before all others */
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_REALLY_LAST - 1);
}
