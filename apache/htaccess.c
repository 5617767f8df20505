/* .htaccess files, read once and kept until they change.
 *
 * Apache opens, reads and closes the file of each directory on the way in each request, and tries to
 * open one below the script itself: six system calls or more, a fifth of hello world (2026-11).
 * Here one stat() tells that a file is as it was read.  What Apache makes of the text is as ever.
 *
 * A file is kept once it has not changed for a while, since two changes within one tick of the file
 * system's clock look the same; and only from local file systems: on others stat() may be out of date
 * while open() is not.
 */
#include "htaccess.h"

#include "http_config.h"
#include "apr_hash.h"
#include "apr_strings.h"
#include "apr_thread_rwlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filesystem.h"
#include "walk.h"

#define KEPT_MAX 1024      /* files */
#define SIZE_MAX_KEPT 8192 /* bytes of one */
#define SETTLED_S 1        /* how long a file has been as it is when it is kept */

/* A file as it was read.  On the heap, since it is replaced as long as the process lives. */
typedef struct {
    struct stat status;
    size_t size;
    char text[];
} kept;

/* A kept text as Apache reads it; in the request's pool. */
typedef struct {
    const char *next, *end;
} reader;

/* path -> kept.  Paths are those of directories that there are, and no more than KEPT_MAX; they and
 * the hash live in the child's pool, which is why only a new path allocates from it, under the lock. */
static apr_hash_t *table;
static apr_pool_t *table_pool;
static apr_thread_rwlock_t *lock;

void hdpy_htaccess_init(apr_pool_t *p)
{
    apr_pool_create(&table_pool, p);
    if (apr_thread_rwlock_create(&lock, table_pool) == APR_SUCCESS)
        table = apr_hash_make(table_pool);
}

static int is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int is_unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size
        && is_same_time(a->st_mtim, b->st_mtim) && is_same_time(a->st_ctim, b->st_ctim);
}

static int is_settled(const struct stat *status, apr_time_t now)
{
    time_t latest = apr_time_sec(now) - SETTLED_S;

    return status->st_mtim.tv_sec < latest && status->st_ctim.tv_sec < latest;
}

/* Read a file that may be kept; NULL if it may not, or cannot be read. */
static kept *read_file(const char *path, apr_time_t now)
{
    struct stat status;
    kept *file = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= SIZE_MAX_KEPT
        && is_settled(&status, now) && hdpy_is_local(fd)) {
        file = malloc(sizeof(*file) + (size_t)status.st_size);
        if (file) {
            file->status = status;
            file->size = (size_t)status.st_size;
            if (read(fd, file->text, file->size) != (ssize_t)file->size) {
                free(file);
                file = NULL;
            }
        }
    }
    close(fd);
    return file;
}

/* The text of a file as it is now, in the pool; NULL if it is not kept. */
static reader *find(apr_pool_t *p, const char *path, const struct stat *now)
{
    reader *found = NULL;
    const kept *file;

    apr_thread_rwlock_rdlock(lock);
    file = apr_hash_get(table, path, APR_HASH_KEY_STRING);
    if (file && is_unchanged(&file->status, now)) {
        found = apr_palloc(p, sizeof(*found));
        found->next = apr_pmemdup(p, file->text, file->size);
        found->end = found->next + file->size;
    }
    apr_thread_rwlock_unlock(lock);
    return found;
}

static void keep(const char *path, kept *file)
{
    kept *old;

    apr_thread_rwlock_wrlock(lock);
    old = apr_hash_get(table, path, APR_HASH_KEY_STRING);
    if (!old && apr_hash_count(table) >= KEPT_MAX) {
        free(file);
    } else {
        apr_hash_set(table, old ? path : apr_pstrdup(table_pool, path), APR_HASH_KEY_STRING, file);
        free(old);
    }
    apr_thread_rwlock_unlock(lock);
}

/* ---- Apache reads -------------------------------------------------------------------------- */

static apr_status_t get_char(char *c, void *param)
{
    reader *text = param;

    if (text->next == text->end)
        return APR_EOF;
    *c = *text->next++;
    return APR_SUCCESS;
}

/* A line with its end, as fgets() gives it. */
static apr_status_t get_line(void *buffer, apr_size_t size, void *param)
{
    reader *text = param;
    apr_size_t length = (apr_size_t)(text->end - text->next);
    const char *end = memchr(text->next, '\n', length);

    if (!length)
        return APR_EOF;
    if (end)
        length = (apr_size_t)(end - text->next) + 1;
    if (length >= size)
        length = size - 1;
    memcpy(buffer, text->next, length);
    ((char *)buffer)[length] = '\0';
    text->next += length;
    return APR_SUCCESS;
}

static apr_status_t close_text(void *param)
{
    return APR_SUCCESS;
}

/* Whether `dir` is the file that Apache has looked at, taken for a directory. */
static int is_the_file(request_rec *r, const char *dir)
{
    const char *file = r->finfo.filetype == APR_REG ? r->finfo.fname : NULL;
    size_t length = file ? strlen(file) : 0;

    return length && !strncmp(dir, file, length) && !strcmp(dir + length, "/");
}

/* The text of a file, NULL with errno 0 if it is not known, or with the reason why there is none. */
static reader *text_of(request_rec *r, const char *path)
{
    struct stat status;
    reader *text;
    kept *file;

    if (stat(path, &status) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            errno = 0;
        return NULL;
    }
    errno = 0;
    if (!is_settled(&status, r->request_time))
        return NULL;
    text = find(r->pool, path, &status);
    if (text)
        return text;
    file = read_file(path, r->request_time);
    if (file) {
        keep(path, file);
        text = find(r->pool, path, &status);
    }
    errno = 0;
    return text;
}

static apr_status_t open_htaccess(request_rec *r, const char *dir, const char *name,
                                  ap_configfile_t **conffile, const char **full_name)
{
    const char *path;
    reader *text;

    if (!table)
        return AP_DECLINED;
    path = ap_make_full_path(r->pool, dir, name);
    if (is_the_file(r, dir)) {
        *full_name = path;
        return ENOTDIR;
    }
    text = text_of(r, path);
    if (!text && !errno) {
        hdpy_walk_note_unknown(r);
        return AP_DECLINED;
    }
    *full_name = path;
    if (!text) {
        apr_status_t reason = errno;

        hdpy_walk_note(r, dir, NULL, 0);
        return reason;
    }
    hdpy_walk_note(r, dir, text->next, (size_t)(text->end - text->next));
    *conffile = ap_pcfg_open_custom(r->pool, path, text, get_char, get_line, close_text);
    return APR_SUCCESS;
}

void hdpy_htaccess_register(void)
{
    ap_hook_open_htaccess(open_htaccess, NULL, NULL, APR_HOOK_MIDDLE);
}
